"""The right to change one partition: its transactional producer, its rows, and their sums (DESIGN §8.1 to §8.4).

Everything here runs in the partition's own thread, one thing after the other. What is held in memory changes
only after the transaction that says so is committed.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from threading import Lock
from typing import Final, Protocol

import confluent_kafka as ck
import msgspec

from agents.clock import wall
from agents.engine.batch import Folder, Work
from agents.engine.losing import DataTrouble, Lost, NotWanted
from agents.engine.opening import ASK_S, input_positions, read_changelog, read_ids
from agents.engine.records import Record
from agents.engine.refolding import AGREEMENT, heads, read_versions, taken, together
from agents.engine.table import Store
from agents.kafka import Config
from streams import topics
from streams.funnel import Counts, add, contribution
from streams.life import OVERDUE_WAITS_US, Now
from streams.pledges import contribution as promised
from streams.terms import Versions
from streams.totals import totals_row
from streams.verdicts import clock_counts, next_instant

log = logging.getLogger("baton.ownership")

MARK: Final = b"\x00mark"
POSITIONS: Final = b"\x00positions"
INPUT_IDS: Final = b"\x00inputs"
LARGEST_BATCH: Final = 40_000
"""Records in one transaction at most."""
LARGEST_TICK: Final = 2_000
"""Leads in one transaction at most, to whose clocks time alone has brought something."""
SECOND: Final = 1.0
"""How often sums are said, at most."""
_DATA_ERRORS: Final = frozenset(
    {ck.KafkaError.MSG_SIZE_TOO_LARGE, ck.KafkaError.INVALID_MSG, ck.KafkaError._INVALID_ARG}
)


class Books(Protocol):
    """Who is told what was committed."""

    def committed(self, partition: int, work: Work, seconds: float) -> None:
        """Count what was committed; called in the partition's thread."""


class Ownership:
    """One partition's transactions and rows. Not safe for threads: one thread uses it.

    `one_at_a_time` is shared by a worker's partitions, for transactions that write to the one partition of
    `baton.totals`: where such overlap, Tansu shows readers nothing that came after. Nobody waits for it.
    `versions`: those known until `know` is called. `grace_us`: how long nothing is said of a clock that is overdue when
    it is born.
    """

    def __init__(
        self,
        number: int,
        transactional_id: str,
        producer_config: Config,
        reader_config: Config,
        versions: Versions,
        folder: Folder,
        store: Callable[[], Store],
        ids: Mapping[str, str],
        books: Books,
        transaction_s: float,
        one_at_a_time: Lock,
        grace_us: int = OVERDUE_WAITS_US,
    ) -> None:
        self.number = number
        self.positions: dict[str, int] = {}
        self.counts: Counts = {}
        self.promised: Counts = {}
        self.now = 0
        """Up to where time has passed here (§5.9): microseconds since 1970. What was told of a lead is in its row."""
        self._due: list[tuple[int, bytes]] = []
        self._producer_config = producer_config | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(transaction_s * 1000),
        }
        self._reader_config = reader_config
        self.versions = versions
        """By which it is folded: those known when that was last looked at, and what its rows say beside them."""
        self._known = self._taken = versions
        self._folder = folder
        self._new_store = store
        self._store: Store | None = None
        self._ids = dict(ids)
        self._books = books
        self._transaction_s = transaction_s
        self._one_at_a_time = one_at_a_time
        self._grace = grace_us
        self._producer: ck.Producer | None = None
        self._limit = LARGEST_BATCH
        self._suspect: tuple[str, int] | None = None
        self._written = -1
        self._said_at = 0.0
        self._counts_unsaid = False

    # Opening and letting go.

    def open(self, wanted: Callable[[], bool]) -> None:
        """Shut out any earlier owner, end what it left half done, and read what it committed (DESIGN §8.1).

        Raises NotWanted as soon as `wanted` says no, KafkaException if the broker does not answer or somebody
        else opens the partition, StoreError if the store cannot be opened.
        """
        check = _checking(wanted)
        self._drop_producer()
        self._said_at = math.inf  # no sums are said before they are known
        store = self._opened_store()
        self._producer = producer = ck.Producer(self._producer_config)
        producer.init_transactions(ASK_S)
        store.begin(self._ids.get(topics.CHANGELOG, ""))
        read_changelog(self._reader_config, self.number, self._mark(producer), store, check)
        self.positions = input_positions(store.get(POSITIONS), store.get(INPUT_IDS), self._ids)
        self._take_known(store, check)
        self._note_inputs(store)
        self._sum_up(store)

    def _sum_up(self, store: Store) -> None:
        """Count what the leads come to, and find when something falls due of each; others read the sums meanwhile."""
        counts, pledged, due = Counts(), Counts(), list[tuple[int, bytes]]()
        terms = self.versions.latest
        for key, head in heads(store):
            add(counts, contribution(head.journey, terms))
            add(pledged, promised(head.pledges, head.journey, self.versions))
            if head.clocks.running:
                add(counts, clock_counts(head.clocks))
                soonest = next_instant(head.clocks)
                if soonest is not None:
                    due.append((soonest, key))
        heapify(due)
        self.counts, self.promised, self._due = counts, pledged, due
        self._said_at, self._counts_unsaid = 0.0, True

    def let_go(self) -> None:
        """Stop producing, and let another worker open the partition, and the store's files."""
        self._drop_producer()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _drop_producer(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _opened_store(self) -> Store:
        if self._store is None:
            self._store = self._new_store()
        return self._store

    def _mark(self, producer: ck.Producer) -> int:
        """Write a mark: reading up to its own offset shows all that any earlier owner committed (DESIGN §8.1)."""
        marks: list[int | None] = []

        def note(error: ck.KafkaError | None, record: ck.Message) -> None:
            if error is None:
                marks.append(record.offset())

        producer.begin_transaction()
        producer.produce(topics.CHANGELOG, b"", MARK, self.number, on_delivery=note)
        producer.commit_transaction(ASK_S)
        if not marks or marks[0] is None:
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, "the mark was committed without an offset"))
        return marks[0]

    def _note_inputs(self, store: Store) -> None:
        """Write down which topics the positions are of."""
        ids = {topic: self._ids[topic] for topic in topics.INPUTS if topic in self._ids}
        if ids != read_ids(store.get(INPUT_IDS)):
            work = Work()
            work.rows[INPUT_IDS] = msgspec.json.encode(ids)
            self._commit(work, self.positions)

    # The agreement's versions.

    def know(self, versions: Versions) -> None:
        """Hear of versions, in any thread; they are taken when it is opened, or by `take_versions`."""
        self._known = versions

    @property
    def is_behind(self) -> bool:
        """Whether it has heard of versions at which it has not looked yet."""
        return self._known is not self._taken

    def take_versions(self, wanted: Callable[[], bool]) -> None:
        """Fold every lead again by what was heard of since, and count anew (§3).

        Raises NotWanted as soon as `wanted` says no, and Lost: then some leads are folded by the versions and some are
        not, so let go, or open it again, which ends what was begun.
        """
        store, said_at = self._opened_store(), self._said_at
        self._said_at = math.inf
        if self._take_known(store, _checking(wanted)):
            self._sum_up(store)
        else:
            self._said_at = said_at

    def _take_known(self, store: Store, check: Callable[[], None]) -> bool:
        """Come to be folded by the known versions, and those of its rows; whether anything had to be done for that."""
        known, was_done = self._known, False
        for work in taken(store, known, self.number, self.now):
            check()
            self._commit(work, self.positions)
            was_done = True
        self.versions = together(known, read_versions(store.get(AGREEMENT) or b""))
        self._folder.adopt(self.versions)
        self._taken = known
        return was_done

    # Committing.

    def is_time_to_say(self) -> bool:
        """Whether the sums changed since they were said, and that is a second ago."""
        return self._counts_unsaid and time.monotonic() - self._said_at >= SECOND

    def commit_all(self, inputs: Sequence[Record], positions: Mapping[str, int]) -> None:
        """Commit the records, as many at once as the limit allows, with the positions behind them.

        Raises Lost if a transaction fails or its outcome is not known; what was committed before it stays.
        """
        at, done = dict(self.positions), 0
        while True:
            chunk = inputs[done : done + self._limit]
            done += len(chunk)
            at = _behind(at, chunk)
            try:
                self._commit_chunk(chunk, positions if done >= len(inputs) else at)
            except Lost as lost:
                self._learn_from(lost, chunk)
                raise
            self._limit = min(LARGEST_BATCH, self._limit * 2)
            if done >= len(inputs):
                return

    def pass_time(self, now: int) -> None:
        """Let time pass up to a now (microseconds), and commit what that brings to clocks (§5.9, §5.10).

        Costs what is due, and nothing while nothing is. Raises Lost.
        """
        self.now = max(self.now, now)
        while self._due and self._due[0][0] <= self.now:
            keys: set[bytes] = set()
            while self._due and self._due[0][0] <= self.now and len(keys) < LARGEST_TICK:
                keys.add(heappop(self._due)[1])
            work = self._folder.pass_time(sorted(keys), self._opened_store(), self.now)
            if work.rows:
                self._commit(work, self.positions)
            else:
                self._note_due(work)

    def _note_due(self, work: Work) -> None:
        for due in work.due:
            heappush(self._due, due)

    def _learn_from(self, lost: Lost, chunk: Sequence[Record]) -> None:
        """Try less at once after a time-out, or an error that the data may cause; then the one record is suspected."""
        if lost.fenced or (lost.broker_away and not lost.timed_out):
            return
        self._limit = max(1, min(self._limit, len(chunk)) // 2)
        if len(chunk) == 1 and not lost.timed_out:
            self._suspect = chunk[0].topic, chunk[0].offset

    def _commit_chunk(self, chunk: Sequence[Record], positions: Mapping[str, int]) -> None:
        if len(chunk) == 1 and self._suspect == (chunk[0].topic, chunk[0].offset):
            self._commit_less(chunk, positions, "the broker refused the transaction that held it, twice")
            return
        work = self._folder.fold(chunk, self._opened_store(), Now(self.now, wall(), self._grace))
        try:
            self._commit(work, positions)
        except DataTrouble as trouble:
            self._commit_less(chunk, positions, str(trouble))

    def _commit_less(self, chunk: Sequence[Record], positions: Mapping[str, int], why: str) -> None:
        """Halve what the broker refused, down to the one record, which is quarantined (DESIGN §8.4)."""
        if len(chunk) <= 1:
            work = Work()
            for record in chunk:
                work.refuse(record, "cannot_fold", why)
            self._commit(work, positions)
            return
        half = len(chunk) // 2
        self._commit_chunk(chunk[:half], _behind(self.positions, chunk[:half]))
        self._commit_chunk(chunk[half:], positions)

    def _commit(self, work: Work, positions: Mapping[str, int]) -> None:
        """One transaction; what is in memory changes only after it."""
        began = time.monotonic()
        rows = work.rows | {POSITIONS: msgspec.json.encode(positions)}
        if began - self._said_at >= SECOND and self._one_at_a_time.acquire(blocking=False):
            counts, pledged = dict(self.counts), dict(self.promised)
            add(counts, work.change)
            add(pledged, work.promised)
            try:
                self._transact(work, rows, totals_row(self.number, counts, self.versions.latest, pledged))
            finally:
                self._one_at_a_time.release()
            self._said_at, self._counts_unsaid = began, False
        else:
            self._transact(work, rows, None)
            self._counts_unsaid = self._counts_unsaid or bool(work.change or work.promised)
        self._opened_store().write(rows, self._written + 1)
        add(self.counts, work.change)
        add(self.promised, work.promised)
        self._note_due(work)
        self.positions = dict(positions)
        self._books.committed(self.number, work, time.monotonic() - began)

    def _transact(self, work: Work, rows: Mapping[bytes, bytes], totals: bytes | None) -> None:
        producer = self._producer
        if producer is None:
            raise Lost(ck.KafkaError(ck.KafkaError._STATE))
        try:
            producer.begin_transaction()
            self._produce(producer, work, rows, totals)
            producer.commit_transaction(self._transaction_s)
        except BufferError as error:
            self._abort(producer)
            raise DataTrouble(f"more than a producer holds: {error}") from error
        except ck.KafkaException as error:
            self._give_up(producer, error.args[0])

    def _produce(self, producer: ck.Producer, work: Work, rows: Mapping[bytes, bytes], totals: bytes | None) -> None:
        """Send what the transaction holds; the positions come last, so that their offset is behind all the rows."""
        own = self.number
        changed = [{"key": key, "value": row} for key, row in work.rows.items()]
        if changed and producer.produce_batch(topics.CHANGELOG, changed, partition=own) != len(changed):
            raise ck.KafkaException(next(message["_error"] for message in changed if "_error" in message))
        for topic, key, value, headers, partition in work.outgoing:
            producer.produce(topic, value, key, own if partition is None else partition, headers=headers)
        if totals is not None:
            producer.produce(topics.TOTALS, totals, str(own).encode(), 0)
        producer.produce(topics.CHANGELOG, rows[POSITIONS], POSITIONS, own, on_delivery=self._note_written)

    def _note_written(self, error: ck.KafkaError | None, record: ck.Message) -> None:
        offset = record.offset()
        if error is None and offset is not None:
            self._written = offset

    def _give_up(self, producer: ck.Producer, error: ck.KafkaError) -> None:
        if error.code() in _DATA_ERRORS and not error.fatal():
            self._abort(producer)
            raise DataTrouble(str(error))
        self._drop_producer()
        raise Lost(error)

    def _abort(self, producer: ck.Producer) -> None:
        try:
            producer.purge()
            producer.abort_transaction(ASK_S)
        except ck.KafkaException as error:
            self._drop_producer()
            raise Lost(error.args[0]) from error


def _checking(wanted: Callable[[], bool]) -> Callable[[], None]:
    """What raises NotWanted as soon as `wanted` says no."""

    def check() -> None:
        if not wanted():
            raise NotWanted

    return check


def _behind(positions: Mapping[str, int], inputs: Sequence[Record]) -> dict[str, int]:
    """The positions after these records."""
    return dict(positions) | {record.topic: record.offset + 1 for record in inputs}
