"""The agent that tells people of clocks, in a thread of its own: beside an engine, or by itself.

It reads `baton.clocks`, keeps what is to be told in the ledger, and only then sends it; what was sent is kept as well.
Whatever ends it, the next one goes on from there: nothing is lost, and what may have been sent goes out again under the
same key. While Kafka is away it waits; it can hold up nobody.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import confluent_kafka as ck
from pydantic import ValidationError

from agents.beside import run_beside
from agents.language import language_of
from agents.notifying.deliveries import Backoff, Deliveries, Result
from agents.notifying.lease import Lease
from agents.notifying.ledger import Ledger, Reached
from agents.notifying.post import Post
from agents.notifying.texts import Texts
from agents.offsets import Brokers, Offsets
from agents.projection.model import Source
from agents.projection.reading import OutOfRange, Reader, Records
from agents.settings import Settings
from schemas.derived import ClockEvent
from streams import topics
from streams.notices import Notices, clock_fact
from streams.outbox import Outbox, Row
from streams.terms import Versions

log = logging.getLogger("baton.notifying")

__all__ = ["Notifier"]

WAIT_S: Final = 0.25
COMMIT_S: Final = 5.0
SWEEP_S: Final = 60.0
RETRY_S: Final = 2.0
STOP_S: Final = 5.0
"""How long what is being sent may take, when the agent stops; as long, again, for keeping what came of it."""
IDLE_STOP_S: Final = 1.0
"""The same, while nothing is sent from here: Kafka may not answer, and nothing is lost."""


class Notifier:
    """Sends the notifications of an agreement's versions. `start` and `stop` it, or `run` it in an event loop."""

    def __init__(
        self,
        settings: Settings,
        versions: Versions,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect when it is started. `clock` gives seconds since 1970."""
        self._settings = settings
        self._notices = Notices(versions, settings.notify_max_age_s)
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waits = False
        self._office: _Office | None = None
        self._texts = Texts(versions, language_of(settings.language))
        post = Post(self._notices, self._texts, settings, self._now)
        self._deliveries = Deliveries(post.send, post.may_send, backoff or Backoff(give_up_s=settings.notify_give_up_s))
        self.counts: Counter[tuple[str, str]] = Counter()
        """By address and what came of it: notices `sent`, `given_up`, `too_old`, `no_address`, and attempts that
        `failed`; and, under the address "", records that were `unreadable` and people `unreached`."""

    def adopt(self, versions: Versions) -> None:
        """Go by these versions of the agreement from now on; in any thread."""
        self._notices.adopt(versions)
        self._texts.adopt(versions)

    @property
    def waiting(self) -> int | None:
        """Notices that wait or are being sent; None while another process, or none, sends."""
        office = self._office
        return None if office is None else office.outbox.waiting

    def start(self) -> None:
        """Begin, and return at once."""
        logging.getLogger("stamina").setLevel(logging.ERROR)  # what is tried again is told here, once
        self._thread = threading.Thread(target=self._run, name="notifying", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being sent at this moment was sent and that is kept, or ten seconds at most."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(IDLE_STOP_S if self._office is None else 2 * STOP_S)

    async def run(self) -> None:
        """Run until cancelled."""
        await run_beside(self.start, self.stop)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except (ck.KafkaException, OutOfRange) as error:
                self._say_waiting(error)
            except Exception:
                log.exception("notifications failed; beginning again")
            self._stopping.wait(RETRY_S)

    def _serve(self) -> None:
        """Take part in the group, and send while the lease is ours; until stopped, or trouble with Kafka."""
        lease = Lease(self._settings)
        try:
            while not self._stopping.is_set():
                if lease.held(WAIT_S):
                    self._hold(lease)
        finally:
            self._deliveries.abandon(STOP_S)
            lease.close()

    def _hold(self, lease: Lease) -> None:
        """Send until the lease is lost."""
        office = _Office(self._settings, self._notices, self._deliveries, self.counts)
        try:
            office.open(self._now())
            self._office = office
            self._say_going_on(office)
            while not self._stopping.is_set() and lease.held(0):
                office.round(self._now(), WAIT_S)
                if office.is_time_to_say():
                    lease.commit(office.reached.offsets)
            self._deliveries.abandon(STOP_S)
            if self._stopping.is_set():
                office.close_books(self._now())
        finally:
            self._office = None
            office.close()

    def _now(self) -> int:
        return round(self._clock() * 1_000_000)

    def _say_waiting(self, error: Exception) -> None:
        if not self._waits:
            self._waits = True
            log.warning("notifications wait: %s", error)

    def _say_going_on(self, office: "_Office") -> None:
        if self._waits:
            self._waits = False
            log.warning("notifications go on")
        log.info("notifications are sent from here; %d wait", office.outbox.waiting)


class _Office:
    """The outbox, the ledger behind it, and the reader of clocks before it: while the lease is held.

    Nothing is sent before it has read all that was said until it was opened: what stops an escalation may be there.
    Every method but `close` may raise KafkaException; then it is to be closed, and another one opened.
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
        topic_id = self._brokers.topic_ids([topics.CLOCKS])[topics.CLOCKS]
        offsets = kept.reached.offsets if kept.reached.topic_id == topic_id else {}
        numbers = range(self._brokers.partitions(topics.CLOCKS))
        self.reached = self._written = Reached(topic_id, {number: offsets.get(number, 0) for number in numbers})
        sources = [Source(topics.CLOCKS, number) for number in numbers]
        self._ends = self._brokers.ends(sources)
        self._reader.assign({source: offsets.get(source.partition) for source in sources})

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
                    fact = clock_fact(ClockEvent.model_validate_json(record.value))
                except ValidationError as error:
                    self._counts["", "unreadable"] += 1
                    log.warning("%s/%d is passed over: %s", source.field, record.offset, error.errors()[0]["msg"])
                    continue
                for name in self.outbox.take(fact, now):
                    self._counts["", "unreached"] += 1
                    log.warning("%s has no address, and is not told of %s of lead %s", name, fact.kind, fact.lead)
        offsets = {source.partition: offset for source, offset in self._reader.reached.items()}
        self.reached = Reached(self.reached.topic_id, offsets)

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
