"""A worker: Faust's app with our transport, an agent that takes batches, and the partitions that own the rest."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Protocol

import confluent_kafka as ck
import faust
from faust.types import TP

from agents.clock import wall
from agents.engine.batch import Folder, Work
from agents.engine.opening import topic_ids
from agents.engine.ownership import Ownership
from agents.engine.partition import Partition
from agents.engine.refolding import are_same, together, versions_of
from agents.engine.table import MemoryStore, RocksStore, Store
from agents.engine.transport import App, Batch
from agents.kafka import client_config, faust_credentials, producer_config, reader_config
from agents.offsets import Brokers, Offsets
from agents.settings import Settings
from agents.versions import Follower
from schemas.agreement import Agreement
from streams import topics
from streams.terms import Versions

log = logging.getLogger("baton.worker")

READ_CLOCK_S = 0.25
"""How often the wall clock is read for the partitions' now."""


class Watcher(Protocol):
    """Who is told what was committed, such as the metrics; called in a partition's thread."""

    def committed(self, partition: int, work: Work, seconds: float) -> None:
        """Count what a transaction held."""


class Worker:
    """The partitions of one process, and what they need of Faust's app."""

    def __init__(self, settings: Settings, agreements: Sequence[Agreement], watchers: Sequence[Watcher] = ()) -> None:
        self.settings = settings
        self.versions = versions_of(agreements)
        """All versions of the agreement that were heard of: only ever more."""
        self.listeners: list[Callable[[Versions], None]] = []
        """Who is told of the versions whenever there are more, on the event loop, before the partitions are."""
        self.watchers = list(watchers)
        (settings.state_dir / "faust").mkdir(parents=True, exist_ok=True)
        self.app = _app(settings)
        self._totals_lock = Lock()
        self._brokers = Brokers(settings)
        self._ids = topic_ids(client_config(settings))
        self.partitions = {number: self._partition(number) for number in range(settings.partitions)}
        self.assigned: frozenset[int] | None = None
        """The partitions that the group gave this worker; None until it is in the group."""
        self._paused: set[TP] = set()
        self._follower: Follower | None = None
        self._wire()

    def _partition(self, number: int) -> Partition:
        settings = self.settings
        ownership = Ownership(
            number,
            f"{settings.app}-{number}",
            producer_config(settings),
            reader_config(settings, f"{settings.app}-reader"),
            self.versions,
            Folder(number, settings.partitions, self.versions),
            self._store_of(number),
            self._ids,
            self,
            settings.transaction_timeout_s,
            self._totals_lock,
            round(settings.overdue_wait_s * 1_000_000),
        )
        return Partition(ownership, self)

    def _store_of(self, number: int) -> Callable[[], Store]:
        if self.settings.store == "memory":
            kept = MemoryStore()
            return lambda: kept
        return lambda: RocksStore(self.settings.state_dir / f"partition-{number}")

    def _wire(self) -> None:
        app = self.app
        inputs = app.topic(*topics.INPUTS, value_type=None, value_serializer=None, key_serializer=None)
        app.agent(inputs, name="take")(self._take)
        app.on_partitions_assigned.connect(self._assigned, weak=False)  # type: ignore[arg-type]  # typed as if it had one argument
        app.on_before_shutdown.connect(self._stop, weak=False)
        app.task(self._run)
        app.task(self._follow_agreement)
        app.timer(1.0)(self._mend)
        app.timer(1.0)(self._say_positions)
        app.timer(READ_CLOCK_S)(self._read_clock)

    async def _take(self, stream: faust.StreamT[Batch]) -> None:
        """The agent: hand each batch to its partition."""
        async for event in stream.events():
            self.partitions[event.message.partition].put(event.message.topic, event.message.value)

    async def _assigned(self, _sender: object, assigned: set[TP], **_: object) -> None:
        """A partition is wanted when it is assigned on every input topic (DESIGN §8.1)."""
        self._paused.clear()
        self.assigned = frozenset(
            number for number in self.partitions if all(TP(topic, number) in assigned for topic in topics.INPUTS)
        )
        for number, partition in self.partitions.items():
            partition.want(number in self.assigned)

    async def _run(self) -> None:
        await asyncio.gather(*(partition.run() for partition in self.partitions.values()))

    async def _follow_agreement(self) -> None:
        """Hear of versions that are published while it runs."""
        loop = asyncio.get_running_loop()

        def tell(found: Sequence[Agreement]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self.adopt, versions_of(found))

        self._follower = Follower(self.settings, tell)
        self._follower.start()

    async def _stop(self, *_: object, **__: object) -> None:
        """Before Faust ends anything: let what is being committed be committed, so that no transaction stays open."""
        await asyncio.gather(*(partition.stop() for partition in self.partitions.values()))
        if self._follower is not None:
            await asyncio.to_thread(self._follower.stop)

    async def _mend(self) -> None:
        """Seek back where fetching went on past a batch that never came, and nothing else will show it (§8.3)."""
        following = self.app.fetching().following
        for tp in self.app.consumer.assignment():
            partition = self.partitions.get(tp.partition) if tp.topic in topics.INPUTS else None
            if partition is not None and partition.needs_seek(tp.topic, following.get(tp)):
                await self.seek(tp.partition, {tp.topic: partition.following[tp.topic]})

    async def _say_positions(self) -> None:
        """Commit the group's offsets, for those who watch lag; Baton itself goes by the changelog's positions.

        Not in the transactions: librdkafka's `send_offsets_to_transaction` never returns, whatever its time limit,
        when the group's coordinator went away at the wrong moment (confluentinc/librdkafka, 5456).
        """
        self.app.fetching().say_positions(
            {
                TP(topic, number): offset
                for number, partition in self.partitions.items()
                if partition.is_open
                for topic, offset in partition.reached.items()
            }
        )

    async def _read_clock(self) -> None:
        """Give each open partition a reading of the wall clock, with what was on its inputs after it (§5.9)."""
        numbers = [number for number, partition in self.partitions.items() if partition.is_open]
        places = [(topic, number) for number in numbers for topic in topics.INPUTS]
        now = wall()
        try:
            written = await asyncio.to_thread(self._brokers.written, places)
            ends = await asyncio.to_thread(self._brokers.ends, places)
        except ck.KafkaException as error:
            log.info("no broker says where the inputs end, so time stands still: %s", error)
            return
        for number in numbers:
            self.partitions[number].read_clock(now, _of(number, written), _of(number, ends))

    @property
    def is_catching_up(self) -> bool:
        """Whether more waits to be folded than is fetched ahead."""
        return bool(self._paused)

    # What partitions ask of their surroundings.

    def heard_at(self) -> float:
        """When the last heartbeat that the group answered well was sent (monotonic seconds)."""
        return self.app.fetching().heard_at

    async def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Fetch from these offsets."""
        await self.app.seek({TP(topic, partition): offset for topic, offset in positions.items()})

    def pause(self, partition: int, topic: str) -> None:
        """Fetch nothing more of the partition's topic."""
        tp = TP(topic, partition)
        if tp not in self._paused:
            self._paused.add(tp)
            self.app.consumer.pause_partitions({tp})

    def resume(self, partition: int, topic: str) -> None:
        """Fetch again."""
        tp = TP(topic, partition)
        if tp in self._paused:
            self._paused.discard(tp)
            self.app.consumer.resume_partitions({tp})

    def committed(self, partition: int, work: Work, seconds: float) -> None:
        """Tell the watchers."""
        for watcher in self.watchers:
            watcher.committed(partition, work, seconds)

    def adopt(self, versions: Versions) -> None:
        """Take versions that are new here; each partition folds its leads again by them. On the event loop."""
        found = together(versions, self.versions)
        if are_same(found, self.versions):
            return
        log.info("the agreement's versions: %s", ", ".join(str(terms.version) for terms in found.all))
        self.versions = found
        for tell in self.listeners:
            tell(found)
        for partition in self.partitions.values():
            partition.know(found)


def _of(partition: int, offsets: Offsets) -> dict[str, int]:
    return {topic: offset for (topic, number), offset in offsets.items() if number == partition}


def _app(settings: Settings) -> App:
    return App(
        settings.app,
        broker=";".join(f"kafka://{server}" for server in settings.kafka_servers.split(",")),
        broker_credentials=faust_credentials(settings),
        value_serializer="raw",
        key_serializer="raw",
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=8,
        broker_max_poll_records=settings.poll_records,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(3.0, settings.session_timeout_s / 6),
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * topics.INPUT_BYTES,
        datadir=str(settings.state_dir / "faust"),
        web_enabled=settings.metrics_port > 0,
        web_port=settings.metrics_port or 6066,
        web_bind=settings.metrics_host,
        web_router_enabled=False,
        web_tables_enabled=False,
    )


def run(worker: Worker) -> None:
    """Run until SIGTERM or SIGINT; leaves the process with Faust's exit code."""
    logging.getLogger("stamina").setLevel(logging.ERROR)  # what keeps us waiting is told where it does, once
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)  # batches make many objects at once, and no cycles
    process = faust.Worker(worker.app, loglevel=worker.settings.log_level, quiet=True)
    process.spinner = None  # which turns by each library's each debug message, and so has them all made
    process.execute_from_commandline()
