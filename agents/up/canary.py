"""Events that show whether everything works: sent like any other, one to each partition, and looked for at the end.

A canary is a report of no spend on a channel of its own, so that it changes no lead and no sum. It has come all
the way round when its channel's row, with it in it, is on the changelog and committed. It may be sent again: it is
the same event, and so a duplicate.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import uuid4

import msgspec

from agents.publishing import Publisher, record_of
from agents.up.feed import Record
from streams import topics
from streams.partitioning import partition_of

SOURCE: Final = "/baton/up"


class Canaries:
    """One for each partition; `missing` are the partitions whose canary has not come back yet."""

    def __init__(self, partitions: int, now: datetime) -> None:
        self._id, self._now = uuid4().hex, now
        self._subjects = _subjects(partitions)
        self.missing = set(range(partitions))

    def send(self, publisher: Publisher) -> None:
        """Send them all, and return when the broker has them. Raises BatonError."""
        for subject in self._subjects:
            publisher.send(*record_of(self._event(subject)))
        publisher.finish()

    def _event(self, subject: str) -> bytes:
        day = self._now.astimezone(UTC).date()
        data = {"channel": subject, "amount": "0", "currency": "USD", "from": day, "to": day + timedelta(days=1)}
        event = {
            "specversion": "1.0",
            "id": self._id,
            "source": SOURCE,
            "type": "baton.spend.v1",
            "time": self._now,
            "subject": subject,
            "data": data,
        }
        return msgspec.json.encode(event)

    def look(self, records: Iterable[Record]) -> None:
        """Find canaries that have come back among committed records."""
        for record in records:
            own_row = record.topic == topics.CHANGELOG and record.key == self._subjects[record.partition].encode()
            if own_row and self._id.encode() in record.value:
                self.missing.discard(record.partition)


def _subjects(partitions: int) -> list[str]:
    """A subject for each partition, the same ones at every start."""
    found: dict[int, str] = {}
    for number in count():
        subject = f"canary-{number}"
        found.setdefault(partition_of(subject.encode(), partitions), subject)
        if len(found) == partitions:
            return [found[partition] for partition in range(partitions)]
    raise AssertionError("count has no end")
