"""One partition: the only right to change its rows, and everything that is done with it (DESIGN §8.1 to §8.6).

A partition has a thread of its own, in which it is opened, folded and committed, one thing after the other;
so partitions hold up neither each other nor the event loop. What it holds in memory changes only after the
transaction that says so is committed.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

import confluent_kafka as ck
import msgspec

from agents.engine.batch import (
    CLOUDEVENT,
    Folder,
    Input,
    Outgoing,
    Work,
    is_head_key,
    page_key,
    quarantined,
    stage_record,
)
from agents.engine.opening import ASK_S, input_positions, read_changelog
from agents.engine.table import Store
from agents.engine.transport import Batch
from agents.kafka import Config, timed_out
from schemas.agreement import Agreement
from streams import topics
from streams.funnel import Counts, add, total
from streams.history import refold
from streams.rows import Head
from streams.terms import Versions

log = logging.getLogger("baton.partition")
T = TypeVar("T")

MARK: Final = b"\x00mark"
POSITIONS: Final = b"\x00positions"
AGREEMENT: Final = b"\x00agreement"
LARGEST_BATCH: Final = 20_000
QUEUED: Final = 3
"""Batches that may wait before fetching is paused."""
SECOND: Final = 1.0
REFOLDED_AT_ONCE: Final = 2_000
_DATA_ERRORS: Final = frozenset(
    {ck.KafkaError.MSG_SIZE_TOO_LARGE, ck.KafkaError.INVALID_MSG, ck.KafkaError._INVALID_ARG}
)


class Lost(Exception):  # noqa: N818  says what happened to the ownership
    """The transaction failed or its outcome is not known: the partition must be opened again."""

    def __init__(self, error: ck.KafkaError) -> None:
        super().__init__(str(error))
        self.error = error


class DataTrouble(Exception):  # noqa: N818
    """The transaction was given up because of what was in it."""


class NotWanted(Exception):  # noqa: N818
    """The partition was taken away while it was being opened."""


class Surroundings(Protocol):
    """What a partition needs of the worker that it is in."""

    def heard_at(self) -> float:
        """When the last heartbeat that the group answered well was sent (monotonic seconds)."""

    async def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Fetch these topics of the partition from these offsets."""

    def pause(self, partition: int) -> None:
        """Fetch nothing more of the partition's inputs."""

    def resume(self, partition: int) -> None:
        """Fetch again."""

    def committed(self, partition: int, work: Work, seconds: float) -> None:
        """Count what was committed; called in the partition's thread."""

    def totals(self, partition: int, counts: Counts) -> bytes:
        """The row that states the partition's sums."""


class Partition:
    """The state of one partition of every input topic, and its run."""

    def __init__(
        self,
        number: int,
        app: str,
        config: tuple[Config, Config],
        versions: Versions,
        folder: Folder,
        store: Callable[[], Store],
        group: Callable[[], object],
        around: Surroundings,
        changelog_id: str,
        transaction_s: float = 30.0,
    ) -> None:
        self.number = number
        self.queue: asyncio.Queue[tuple[str, Batch]] = asyncio.Queue()
        self.positions: dict[str, int] = {}
        self.counts: Counts = {}
        self.leads = 0
        self.is_open = False
        self.opened_in_s: float | None = None
        self._app = app
        self._producer_config, self._reader_config = config
        self._versions = versions
        self._folder = folder
        self._new_store = store
        self._store: Store | None = None
        self._group = group
        self._around = around
        self._changelog_id = changelog_id
        self._transaction_s = transaction_s
        self._thread = ThreadPoolExecutor(1, f"partition-{number}")
        self._wanted = False
        self._woken = asyncio.Event()
        self._producer: ck.Producer | None = None
        self._fenced_at = 0.0
        self._limit = LARGEST_BATCH
        self._written = -1
        self._said_at = 0.0
        self._unsaid_counts = False
        self._unsaid_positions: dict[str, int] = {}
        self._busy = False

    # Called by the worker, on the event loop.

    def want(self, wanted: bool) -> None:
        """Say whether the partition is assigned, on every input topic."""
        self._wanted = wanted
        self._woken.set()

    def put(self, topic: str, batch: Batch) -> None:
        """Queue a batch; fetching pauses when enough wait."""
        self.queue.put_nowait((topic, batch))
        if self.queue.qsize() >= QUEUED:
            self._around.pause(self.number)

    def behind(self, topic: str, following: int | None) -> bool:
        """Whether fetching went past, or nobody knows where to, with nothing on its way that would show it."""
        idle = self.is_open and self.queue.empty() and not self._busy
        return idle and (following is None or following > self.positions[topic])

    async def run(self) -> None:
        """Open while wanted, take what comes, for ever; ends only by cancellation."""
        while True:
            try:
                await self._step()
            except Lost as lost:
                log.warning("partition %d: lost: %s", self.number, lost)
                self._lose(lost.error)
            except Exception:
                log.exception("partition %d: failed; opening it again", self.number)
                self._lose(None)
                await asyncio.sleep(SECOND)

    async def stop(self) -> None:
        """Finish what is being committed, and let go of the store."""
        self._wanted = False
        await self._in_thread(self._let_go)
        self._thread.shutdown(wait=False)

    # The run.

    async def _step(self) -> None:
        if not self._wanted:
            await self._close()
            await self._woken.wait()
            self._woken.clear()
        elif not self.is_open:
            await self._open_when_heard()
        else:
            await self._take_next()

    async def _close(self) -> None:
        self._drop_queue()
        if self.is_open:
            self.is_open = False
            await self._in_thread(self._let_go)

    async def _open_when_heard(self) -> None:
        """Open; after being fenced only once the group has answered, else two workers fence each other for ever."""
        if self._around.heard_at() <= self._fenced_at:
            await asyncio.sleep(0.1)
            return
        try:
            await self._in_thread(self._open)
        except NotWanted:
            return
        except ck.KafkaException as error:
            log.warning("partition %d: cannot be opened yet: %s", self.number, error)
            if _fenced(error.args[0]):
                self._fenced_at = time.monotonic()
            await asyncio.sleep(random.uniform(0.2, 0.8))  # noqa: S311  spreads retries
            return
        self._drop_queue()
        self.is_open = True
        await self._around.seek(self.number, self.positions)

    def _drop_queue(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self._around.resume(self.number)

    def _lose(self, error: ck.KafkaError | None) -> None:
        self.is_open = False
        if error is not None and timed_out(error):
            self._limit = max(1, self._limit // 2)
        if error is not None and _fenced(error):
            self._fenced_at = time.monotonic()

    async def _take_next(self) -> None:
        batches = await self._gather()
        if not self._wanted:
            return
        self._busy = True
        try:
            inputs, positions, gaps = self._continue_from(batches)
            if gaps:
                await self._around.seek(self.number, gaps)
            if inputs or self._is_time_to_say(positions):
                await self._in_thread(self._commit_all, inputs, positions)
            else:
                self.positions = positions  # past markers only: said with the next transaction
        finally:
            self._busy = False
            if self.queue.qsize() < QUEUED:
                self._around.resume(self.number)

    async def _gather(self) -> list[tuple[str, Batch]]:
        """What waits, up to a full batch; nothing after a quarter of a second without any."""
        try:
            batches = [await asyncio.wait_for(self.queue.get(), SECOND / 4)]
        except TimeoutError:
            return []
        while not self.queue.empty() and sum(len(batch) for _, batch in batches) < LARGEST_BATCH:
            batches.append(self.queue.get_nowait())
        return batches

    def _continue_from(
        self, batches: Sequence[tuple[str, Batch]]
    ) -> tuple[list[Input], dict[str, int], dict[str, int]]:
        """The records not seen yet, the positions behind them, and the topics whose fetch left a gap."""
        inputs: list[Input] = []
        positions, gaps = dict(self.positions), {}
        for topic, batch in batches:
            at = positions[topic]
            if topic in gaps or batch.prev is None or batch.prev > at:
                gaps[topic] = at
                continue
            inputs += [Input(topic, record) for record in batch if record.offset >= at]
            positions[topic] = max(at, batch.next)
        return inputs, positions, gaps

    def _is_time_to_say(self, positions: Mapping[str, int]) -> bool:
        due = time.monotonic() - self._said_at >= SECOND
        return due and (self._unsaid_counts or positions != self._unsaid_positions)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        """Run in the partition's thread, to the end even if this task is cancelled."""
        future: Awaitable[T] = asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        return await asyncio.shield(future)

    # In the partition's thread.

    def _commit_all(self, inputs: Sequence[Input], positions: Mapping[str, int]) -> None:
        """Commit the records, as many at once as the limit allows, and then the positions."""
        at, done = dict(self.positions), 0
        while True:
            chunk = inputs[done : done + self._limit]
            done += len(chunk)
            for topic, record in chunk:
                at[topic] = record.offset + 1
            goal = positions if done >= len(inputs) else dict(at)
            self._commit_chunk(chunk, goal)
            self._limit = min(LARGEST_BATCH, self._limit * 2)
            if done >= len(inputs):
                return

    def _commit_chunk(self, chunk: Sequence[Input], positions: Mapping[str, int]) -> None:
        store = self._opened_store()
        work = self._folder.fold(chunk, store, time.time_ns() // 1000)
        try:
            self._commit(work, positions)
        except DataTrouble as trouble:
            self._commit_less(chunk, positions, str(trouble))

    def _commit_less(self, chunk: Sequence[Input], positions: Mapping[str, int], why: str) -> None:
        """Halve what the broker refused, down to the one record, which is quarantined (DESIGN §8.4)."""
        if len(chunk) <= 1:
            work = Work()
            work.outgoing += [quarantined(entry, "cannot_fold", why) for entry in chunk]
            self._commit(work, positions)
            return
        half = len(chunk) // 2
        at = dict(self.positions)
        for topic, record in chunk[:half]:
            at[topic] = record.offset + 1
        self._commit_chunk(chunk[:half], at)
        self._commit_chunk(chunk[half:], positions)

    def _commit(self, work: Work, positions: Mapping[str, int]) -> None:
        """One transaction; what is in memory changes only after it."""
        began = time.monotonic()
        rows = work.rows | {POSITIONS: msgspec.json.encode(positions)}
        counts = None
        if began - self._said_at >= SECOND:
            counts = self._counts_with(work)
        self._transact(work, rows, positions, counts)
        self._opened_store().write(rows, self._written + 1)
        self._remember(work, positions, counts, began)
        self._around.committed(self.number, work, time.monotonic() - began)

    def _counts_with(self, work: Work) -> Counts:
        counts = dict(self.counts)
        add(counts, work.change)
        return counts

    def _remember(self, work: Work, positions: Mapping[str, int], counts: Counts | None, began: float) -> None:
        add(self.counts, work.change)
        self.positions = dict(positions)
        self._unsaid_counts = self._unsaid_counts or bool(work.change)
        if counts is not None:
            self._said_at, self._unsaid_counts, self._unsaid_positions = began, False, dict(positions)

    def _transact(
        self, work: Work, rows: Mapping[bytes, bytes], positions: Mapping[str, int], counts: Counts | None
    ) -> None:
        producer = self._producer
        if producer is None:
            raise Lost(ck.KafkaError(ck.KafkaError._STATE))
        try:
            producer.begin_transaction()
            self._produce(producer, work, rows, counts)
            if counts is not None:
                producer.send_offsets_to_transaction(self._group_offsets(positions), self._group(), ASK_S)
            producer.commit_transaction(self._transaction_s)
        except BufferError as error:
            self._abort(producer)
            raise DataTrouble(f"more than a producer holds: {error}") from error
        except ck.KafkaException as error:
            self._give_up(producer, error.args[0])

    def _produce(self, producer: ck.Producer, work: Work, rows: Mapping[bytes, bytes], counts: Counts | None) -> None:
        own = self.number
        changed = [{"key": key, "value": row} for key, row in rows.items() if key != POSITIONS]
        if changed and producer.produce_batch(topics.CHANGELOG, changed, partition=own) != len(changed):
            error = next(message["_error"] for message in changed if "_error" in message)
            raise ck.KafkaException(error)
        for topic, key, value, headers, partition in work.outgoing:
            producer.produce(topic, value, key, own if partition is None else partition, headers=headers)
        if counts is not None:
            producer.produce(topics.TOTALS, self._around.totals(own, counts), str(own).encode(), 0)
        producer.produce(topics.CHANGELOG, rows[POSITIONS], POSITIONS, own, on_delivery=self._note_written)

    def _note_written(self, error: ck.KafkaError | None, record: ck.Message) -> None:
        if error is None:
            self._written = record.offset()

    def _group_offsets(self, positions: Mapping[str, int]) -> list[ck.TopicPartition]:
        return [ck.TopicPartition(topic, self.number, offset) for topic, offset in positions.items()]

    def _give_up(self, producer: ck.Producer, error: ck.KafkaError) -> None:
        if error.code() in _DATA_ERRORS and not error.fatal():
            self._abort(producer)
            raise DataTrouble(str(error))
        self._producer = None
        producer.purge()
        raise Lost(error)

    def _abort(self, producer: ck.Producer) -> None:
        try:
            producer.purge()
            producer.abort_transaction(ASK_S)
        except ck.KafkaException as error:
            self._producer = None
            raise Lost(error.args[0]) from error

    # Opening, in the partition's thread.

    def _open(self) -> None:
        began = time.monotonic()
        self._let_go_of_producer()
        store = self._opened_store()
        producer = ck.Producer(
            self._producer_config
            | {
                "transactional.id": f"{self._app}-{self.number}",
                "transaction.timeout.ms": int(self._transaction_s * 1000),
            }
        )
        producer.init_transactions(ASK_S)
        store.begin(self._changelog_id)
        read_changelog(self._reader_config, self.number, self._mark(producer), store, self._check_wanted)
        self._producer = producer
        self.positions = input_positions(self._reader_config, self.number, store.get(POSITIONS))
        self._take_agreement(store)
        self.counts = total((head.journey for _, head in self._heads(store)), self._versions.latest)
        self._unsaid_counts, self._said_at, self._unsaid_positions = True, 0.0, {}
        self.opened_in_s = time.monotonic() - began

    def _mark(self, producer: ck.Producer) -> int:
        """Write a mark: reading up to its own offset shows all that any earlier owner committed (DESIGN §8.1)."""
        marks: list[int] = []
        producer.begin_transaction()
        producer.produce(
            topics.CHANGELOG,
            b"",
            MARK,
            self.number,
            on_delivery=lambda error, record: marks.append(record.offset()) if error is None else None,
        )
        producer.commit_transaction(ASK_S)
        return marks[0]

    def _check_wanted(self) -> None:
        if not self._wanted:
            raise NotWanted

    def _take_agreement(self, store: Store) -> None:
        """Fold every lead again where the versions are others than those that its facts were said by."""
        mine = msgspec.json.encode([terms.agreement.model_dump_json(by_alias=True) for terms in self._versions.all])
        row = store.get(AGREEMENT)
        if row == mine:
            return
        if row is not None:
            texts = msgspec.json.decode(row, type=list[str])
            before = Versions([Agreement.model_validate_json(text) for text in texts])
            for work in self._refolded(store, before):
                self._commit(work, self.positions)
        work = Work()
        work.rows[AGREEMENT] = mine
        self._commit(work, self.positions)

    def _refolded(self, store: Store, before: Versions) -> "list[Work]":
        works: list[Work] = []
        encode = msgspec.msgpack.Encoder().encode
        for count, (key, head) in enumerate(list(self._heads(store))):
            self._check_wanted()
            if count % REFOLDED_AT_ONCE == 0:
                works.append(Work())
            taken = refold(head, _page_reader(store, key), before, self._versions)
            works[-1].rows[key] = encode(taken.head)
            works[-1].outgoing += [
                Outgoing(topics.STAGES, key, stage_record(key.decode(), said), list(CLOUDEVENT), self.number)
                for said in taken.said
            ]
            works[-1].said += taken.said
        return works

    def _heads(self, store: Store) -> Iterator[tuple[bytes, Head]]:
        for key, raw in store.items():
            if is_head_key(key):
                yield key, self._folder.head(raw)

    def _opened_store(self) -> Store:
        if self._store is None:
            self._store = self._new_store()
        return self._store

    def _let_go_of_producer(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _let_go(self) -> None:
        """Stop producing; another worker may now open the partition, and this disk's files."""
        self._let_go_of_producer()
        if self._store is not None:
            self._store.close()
            self._store = None


def _page_reader(store: Store, key: bytes) -> Callable[[int], bytes]:
    def read(number: int) -> bytes:
        page = store.get(page_key(key, number))
        if page is None:
            raise LookupError(f"page {number} of lead {key!r} is missing")
        return page

    return read


def _fenced(error: ck.KafkaError) -> bool:
    return error.code() in {
        ck.KafkaError._FENCED,
        ck.KafkaError.INVALID_PRODUCER_EPOCH,
        ck.KafkaError.PRODUCER_FENCED,
        ck.KafkaError.INVALID_PRODUCER_ID_MAPPING,
        ck.KafkaError.CONCURRENT_TRANSACTIONS,
    }
