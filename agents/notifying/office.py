"""What one notifier does while it holds the lease: from facts to rows of the ledger, and from those to messages."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from agents.notifying.deliveries import Deliveries, Result
from agents.notifying.ledger import Ledger, Reached
from agents.offsets import Brokers, Offsets
from agents.projection.model import Source
from agents.projection.reading import OutOfRange, Reader, Record, Records
from agents.settings import Settings
from schemas.derived import ClockEvent, PromiseEvent
from streams.notices import Notices
from streams.outbox import Outbox, Row
from streams.told_facts import ToldFact, clock_fact, promise_fact
from streams.topics import CLOCKS, PROMISES

log = logging.getLogger("baton.notifying")

__all__ = ["Office"]

COMMIT_S: Final = 5.0
SWEEP_S: Final = 60.0


class Office:
    """The outbox, the ledger behind it, and the reader of facts before it: while the lease is held.

    Nothing is sent before it has read all that was said until it was opened: what stops an escalation may be there, or
    how a promise stands by now. Every method but `close` may raise KafkaException; then it is to be closed, and another
    one opened.
    """

    def __init__(
        self, settings: Settings, notices: Notices, deliveries: Deliveries, counts: Counter[tuple[str, str]]
    ) -> None:
        self.outbox = Outbox(notices)
        self.reached = Reached()
        self._notices = notices
        self._deliveries = deliveries
        self._counts = counts
        self._brokers = Brokers(settings)
        self._ledger = Ledger(settings)
        self._reader = Reader(settings)
        self._written = Reached()
        self._written_at = self._swept_at = time.monotonic()
        self._said_at = 0.0
        self._ends: Offsets = {}

    def open(self, now: int) -> None:
        """Shut out an earlier holder, and go on from what it kept."""
        kept = self._ledger.open()
        self.outbox = Outbox(self._notices, kept.rows)
        self.outbox.sweep(now)
        ids = self._brokers.topic_ids([CLOCKS, PROMISES])
        sources = [Source(topic, number) for topic in ids for number in range(self._brokers.partitions(topic))]
        offsets = {topic: kept.reached.of(topic, topic_id) for topic, topic_id in ids.items()}
        self._ends = self._brokers.ends(sources)
        self._reader.assign({source: offsets[source.topic].get(source.partition) for source in sources})
        here = Reached(topic_id=ids[CLOCKS], promises_id=ids[PROMISES])
        self.reached = self._written = here.moved(self._reader.reached)

    def round(self, now: int, wait_s: float) -> None:
        """Follow what has come, or comes within some seconds; keep what follows from it, and then send it."""
        self._take(self._records(wait_s), now)
        busy = self._deliveries.busy
        self._enter(self._deliveries.results(), now)
        batches = self.outbox.batches(now, busy) if self._is_current() else []
        if time.monotonic() - self._swept_at >= SWEEP_S:
            self.outbox.sweep(now)
            self._swept_at = time.monotonic()
        self._keep()
        for batch in batches:
            if self._has_address(batch.to, now):
                self._deliveries.begin(batch)
            else:
                self.outbox.end(batch.name, "no_address", now)

    @property
    def offsets(self) -> Mapping[Source, int]:
        """How far each source was read."""
        return self._reader.reached

    def close_books(self, now: int) -> None:
        """Keep what has come of batches in the end."""
        self._enter(self._deliveries.results(), now)
        self._keep()

    def is_time_to_say(self) -> bool:
        """Whether the group was told how far was read, that long ago."""
        due = time.monotonic() - self._said_at >= COMMIT_S
        self._said_at = time.monotonic() if due else self._said_at
        return due

    def close(self) -> None:
        """Read and write nothing more."""
        self._reader.close()
        self._ledger.close()

    def _is_current(self) -> bool:
        """Whether all is read that was said before this was opened: an answer may be among it."""
        self._ends = {place: end for place, end in self._ends.items() if self._reader.reached[Source(*place)] < end}
        return not self._ends

    def _has_address(self, to: str, now: int) -> bool:
        """Whether the agreement in force still has the address."""
        section = self._notices.section(now)
        return section is not None and section.address(to) is not None

    def _records(self, wait_s: float) -> Records:
        try:
            return self._reader.read(wait_s)
        except OutOfRange as gone:
            start = self._brokers.starts([gone.source])[gone.source]
            log.warning("%s begins at %d: what was before it is gone", gone.source.field, start)
            self._reader.assign(self._reader.reached | {gone.source: start})
            return {}

    def _take(self, records: Records, now: int) -> None:
        for source, found in records.items():
            for record in found:
                try:
                    fact = _fact(source, record)
                except ValidationError as error:
                    self._counts["", "unreadable"] += 1
                    log.warning("%s/%d is passed over: %s", source.field, record.offset, error.errors()[0]["msg"])
                else:
                    self._follow(fact, now)
        self.reached = self.reached.moved(self._reader.reached)

    def _follow(self, fact: ToldFact | None, now: int) -> None:
        for name in () if fact is None else self.outbox.take(fact, now):
            self._counts["", "unreached"] += 1
            log.warning("%s has no address, and is not told of %s", name, fact)

    def _enter(self, results: list[Result], now: int) -> None:
        for result in results:
            to = result.batch.to
            if result.failures:
                self._counts[to, "failed"] += result.failures
                word = "was reached at last" if result.outcome == "sent" else "does not take messages"
                log.warning("%s %s, after %d attempts: %s", to, word, result.failures, result.why)
            if result.outcome is not None:
                self.outbox.end(result.batch.name, result.outcome, now)

    def _keep(self) -> None:
        """Write what has changed; how far was read, alone, only now and then."""
        changes = self.outbox.taken_changes()
        is_late = time.monotonic() - self._written_at >= COMMIT_S and self.reached != self._written
        if not changes and not is_late:
            return
        self._ledger.write(changes, self.reached)
        self._written, self._written_at = self.reached, time.monotonic()
        self._count(changes)

    def _count(self, changes: Mapping[str, Row | None]) -> None:
        for row in changes.values():
            if row is not None and row.outcome is not None:
                self._counts[row.notice.to, row.outcome] += 1


def _fact(source: Source, record: Record) -> ToldFact | None:
    """What a record says; None: it is a mark of whoever writes the topic. Raises ValidationError."""
    if source.topic == CLOCKS:
        return clock_fact(ClockEvent.model_validate_json(record.value))
    return promise_fact(PromiseEvent.model_validate_json(record.value)) if record.value else None
