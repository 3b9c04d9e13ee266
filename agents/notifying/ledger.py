"""What notifications are pending and were sent, kept in Kafka: a compacted topic of the notifier's own.

A row for each notice, by its key, and one that says how far the facts were read, are written in one transaction.
Whoever opens the ledger shuts out the one before (DESIGN §8, ownership is the transaction), and reads all of it.
"""

import logging
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from agents.own_topic import OwnTopic
from agents.projection.model import Source
from agents.settings import Settings
from streams.outbox import Row, encode_row, read_row
from streams.topics import CLOCKS, NOTIFIED, PROMISES

log = logging.getLogger("baton.notifying")

__all__ = ["Kept", "Ledger", "Reached"]

REACHED: Final = b"\x00reached"


class Reached(msgspec.Struct, frozen=True):
    """How far was read: the id of `baton.clocks`, and the next offset of each partition; the same of `baton.promises`.

    A build that told of clocks only kept nothing of promises.
    """

    topic_id: str = ""
    offsets: dict[int, int] = {}
    promises_id: str = ""
    promises: dict[int, int] = {}

    def of(self, topic: str, topic_id: str) -> dict[int, int]:
        """The next offsets of that topic; none if it is another one than was read."""
        known_id, offsets = (self.topic_id, self.offsets) if topic == CLOCKS else (self.promises_id, self.promises)
        return offsets if known_id == topic_id else {}

    def moved(self, offsets: Mapping[Source, int]) -> "Reached":
        """The same topics, read this far."""
        by_topic: dict[str, dict[int, int]] = {CLOCKS: {}, PROMISES: {}}
        for source, offset in offsets.items():
            by_topic[source.topic][source.partition] = offset
        return Reached(self.topic_id, by_topic[CLOCKS], self.promises_id, by_topic[PROMISES])


class Kept(NamedTuple):
    """All that the ledger holds."""

    rows: list[Row]
    reached: Reached


class Ledger:
    """The ledger, open for one writer. Every method may raise KafkaException; after that, `open` again."""

    def __init__(self, settings: Settings) -> None:
        self._topic = OwnTopic(settings, NOTIFIED, "notifier")

    def open(self) -> Kept:
        """Shut out whoever had it open, and read it."""
        return _kept(self._topic.open())

    def write(self, changes: Mapping[str, Row | None], reached: Reached) -> None:
        """Keep rows (None: forget it) and how far was read, all or nothing."""
        rows = [(key.encode(), None if row is None else encode_row(row)) for key, row in changes.items()]
        self._topic.write([*rows, (REACHED, msgspec.json.encode(reached))])

    def close(self) -> None:
        """Write nothing more."""
        self._topic.close()


def _kept(found: dict[bytes, bytes]) -> Kept:
    reached = found.pop(REACHED, None)
    rows = []
    for key, value in found.items():
        try:
            rows.append(read_row(value))
        except msgspec.DecodeError as error:
            log.warning("row %s of %s cannot be read and is passed over: %s", key, NOTIFIED, error)
    return Kept(rows, Reached() if reached is None else msgspec.json.decode(reached, type=Reached))
