"""Faust's transport, so that an agent gets one event per partition and fetch: a list of records (DESIGN §8, batches).

Faust commits nothing and counts nothing here. Each batch says the offset that it continues from (`prev`), so that
whoever takes it sees a gap, whatever was dropped on the way; and the offset that it ends at (`next`), which is
past the markers of transactions that hold no records.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from functools import cached_property
from typing import cast

import aiokafka
import faust
import stamina
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from agents.engine.records import Record, weight

log = logging.getLogger("baton.transport")

FETCH_WAIT_MS = 100
"""How long the broker may hold an empty fetch: a partition that was resumed meanwhile waits for it to end."""

POLL_S = 0.05
"""How long to wait for records: those of a partition that is resumed meanwhile are not seen before that is over."""

RETRY_S = 1.0
"""How long to wait, at most, until a broker that does not answer at the start is asked again."""


class Batch(list[Record]):
    """Records of one partition from one fetch, maybe none.

    `prev` is the offset that they continue from (None: not known), `next` the one to continue with.
    """

    prev: int | None
    next: int

    @cached_property
    def weight(self) -> int:
        """The memory that its records take, in bytes, about."""
        return weight(self)


class LeanRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """What a fetch brought of one partition, as `Record`s: aiokafka's own took a tenth of a worker's time."""

    def _consumer_record(self, tp: TopicPartition, record: Record) -> Record:
        return Record(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            record.key,
            record.value,
            tuple(record.headers),
        )


def make_records_lean() -> None:
    """Have this process's aiokafka consumers give `Record`s; aiokafka has no setting for it."""
    fetcher.PartitionRecords = LeanRecords


class Fetching(driver.AIOKafkaConsumerThread):
    """Runs in the consumer's thread, where fetches and seeks are in order: the only place that can know `prev`."""

    def __post_init__(self) -> None:
        """Begin without knowing where any partition is."""
        super().__post_init__()
        self.following: dict[TopicPartition, int] = {}
        self.heard_at = 0.0
        self._listening: object = None
        self._saying: Future[None] | None = None

    async def on_start(self) -> None:
        """Wait for a broker that went away since it was checked, as for one that goes away later; Faust would crash."""
        self.time_started = time.monotonic()
        self._consumer = self._create_consumer(self.thread_loop)
        async for attempt in stamina.retry_context(KafkaConnectionError, attempts=None, timeout=None, wait_max=RETRY_S):
            with attempt:
                if not self.should_stop:
                    await self._connect(is_first=attempt.num == 1)

    async def _connect(self, is_first: bool) -> None:
        try:
            await self._ensure_consumer().start()
        except KafkaConnectionError as error:
            if is_first:
                log.warning("no broker answers; it is asked until one does: %s", error)
            raise

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        make_records_lean()
        consumer = super()._create_worker_consumer(transport)
        consumer._partition_assignment_strategy = (RangePartitionAssignor,)  # partition p of every topic on one worker
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TopicPartition, Batch]:
        batches: dict[TopicPartition, Batch] = {}
        try:
            fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except BaseException:
            self.following.clear()  # records of one partition may be gone with the error of another
            raise
        for tp, records in fetched.items():
            if records:
                batches[tp] = self._batch(tp, records, records[-1].offset + 1)
        self._pass_markers(consumer, batches)
        return batches

    def _batch(self, tp: TopicPartition, records: list[Record], following: int) -> Batch:
        batch = Batch(records)
        batch.prev, batch.next = self.following.get(tp), following
        self.following[tp] = following
        return batch

    def _pass_markers(self, consumer: aiokafka.AIOKafkaConsumer, batches: dict[TopicPartition, Batch]) -> None:
        """Where the fetch went on past the last record, only markers lay between: a batch of none says so."""
        subscription = consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return
        for tp in subscription.assignment.tps:
            state = subscription.assignment.state_value(tp)
            known = self.following.get(tp)
            if known is None or not state.has_valid_position or state.position <= known:
                continue
            if tp in batches:
                batches[tp].next = self.following[tp] = state.position
            else:
                batches[tp] = self._batch(tp, [], state.position)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust's own seek, after which nothing is known of where a partition is."""
        self.following.clear()
        return await super().seek_to_committed()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A rebalance: nothing is known of where a partition is."""
        self.following.clear()
        self._listen()
        await super().on_partitions_assigned(assigned, generation_id)

    def _listen(self) -> None:
        """Note when a heartbeat of the group was answered well: `heard_at` is when that one was sent."""
        coordinator = self._ensure_consumer()._coordinator
        if coordinator is self._listening or not hasattr(coordinator, "_do_heartbeat"):
            return
        self._listening, beat = coordinator, coordinator._do_heartbeat

        async def beat_and_note() -> bool:
            sent = time.monotonic()
            answered: bool = await beat()
            if answered:
                self.heard_at = sent
            return answered

        coordinator._do_heartbeat = beat_and_note

    def say_positions(self, positions: Mapping[TP, int]) -> None:
        """Commit the group's offsets at some time, unless an earlier call is still at it; may be called anywhere."""
        if self._saying is None or self._saying.done():
            self._saying = asyncio.run_coroutine_threadsafe(self._say_positions(positions), self.thread_loop)

    async def _say_positions(self, positions: Mapping[TP, int]) -> None:
        """Not by aiokafka's `commit`, which goes on trying while the group rebalances, and so makes it join anew."""
        consumer = self._ensure_consumer()
        coordinator, state = consumer._coordinator, consumer._subscription
        subscription = state.subscription
        if subscription is None or state.reassignment_in_progress or coordinator.need_rejoin(subscription):
            return
        assignment = subscription.assignment
        places = {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in positions.items()}
        try:
            await coordinator._do_commit_offsets(
                assignment, {tp: offset for tp, offset in places.items() if tp in assignment.tps}
            )
        except KafkaError as error:
            log.info("the group's offsets are not committed, and will be later: %s", error)

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        for tp, offset in partitions.items():
            if tp in consumer.assignment():  # else a rebalance took it meanwhile
                consumer.seek(tp, offset)
                self.following[tp] = offset


class BatchConsumer(driver.Consumer):
    """Delivers batches, and acknowledges nothing."""

    def _new_consumer_thread(self) -> Fetching:
        return Fetching(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message per partition: its value is the Batch."""
        batches, _ = await self._wait_next_records(min(timeout, POLL_S))
        generation = self.app.consumer_generation_id
        if batches is None or self.should_stop:
            return
        for partition, batch in batches.items():
            if not self.flow_active or generation != self.app.consumer_generation_id:
                break  # what is dropped here shows as a gap in `prev` and is fetched again
            tp = TP(partition.topic, partition.partition)
            self._read_offset[tp] = None  # Faust drops what it thinks it has read; our positions decide that
            yield tp, _message(tp, cast("Batch", batch), generation)  # Fetching makes no other

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing is committed by acknowledgement, so holes need no list."""

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None


def _message(tp: TP, batch: Batch, generation: int) -> ConsumerMessage:
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        batch.next - 1,
        batch[-1].timestamp / 1000 if batch else 0.0,
        0,
        None,
        None,
        cast("bytes", batch),  # Faust hands the value on as it is
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )


class Silent(driver.Producer):
    """Sends nothing, and so connects to nobody: partitions write by transactions of their own."""

    async def on_start(self) -> None:
        """Begin without a connection."""
        await self.add_runtime_dependency(self.buffer)


class Transport(driver.Transport):
    """The transport whose consumer delivers batches, and whose producer is not used."""

    Consumer = BatchConsumer
    Producer = Silent


class App(faust.App):
    """A Faust app on that transport."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self, loop=self.loop)

    def fetching(self) -> Fetching:
        """The consumer's thread."""
        thread = cast("BatchConsumer", self.consumer)._thread
        if not isinstance(thread, Fetching):
            raise TypeError("the consumer has no thread of this transport")
        return thread

    async def seek(self, positions: Mapping[TP, int]) -> None:
        """Fetch from these positions; what is not assigned any more is passed over."""
        if positions:
            await self.consumer.seek_wait(positions)
