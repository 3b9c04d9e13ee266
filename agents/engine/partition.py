"""One partition of the inputs: opened while it is assigned, fed with batches, continued where it was left (DESIGN §8).

A partition has a thread of its own, in which it is opened, folded and committed; so partitions hold up neither
each other nor the event loop. Who may write is decided by `ownership` alone; assignment is only a hint.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

import confluent_kafka as ck

from agents.engine.ownership import LARGEST_BATCH, Lost, NotWanted, Ownership, is_fencing
from agents.engine.records import Record
from agents.engine.transport import Batch

log = logging.getLogger("baton.partition")
T = TypeVar("T")

QUEUED: Final = LARGEST_BATCH
"""Records that may wait before fetching is paused: as many as one transaction takes."""
IDLE_S: Final = 0.25
"""How long to wait for a batch before looking whether something else is to be done."""


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


class Partition:
    """The run of one partition of every input topic."""

    def __init__(self, ownership: Ownership, around: Surroundings) -> None:
        self.number = ownership.number
        self.ownership = ownership
        self.queue: asyncio.Queue[tuple[str, Batch]] = asyncio.Queue()
        self.is_open = False
        self.is_wanted = False
        self.is_stopped = False
        self.opened_in_s: float | None = None
        """Seconds that the last opening took."""
        self._around = around
        self._thread = ThreadPoolExecutor(1, f"partition-{self.number}")
        self._woken = asyncio.Event()
        self._busy = False
        self._queued = 0
        self._fenced_at = -1.0  # not yet
        self._reached: dict[str, int] = {}

    # Called by the worker, on the event loop.

    def want(self, wanted: bool) -> None:
        """Say whether the partition is assigned, on every input topic."""
        self.is_wanted = wanted and not self.is_stopped
        self._woken.set()

    def put(self, topic: str, batch: Batch) -> None:
        """Queue a batch; fetching pauses when enough wait."""
        self.queue.put_nowait((topic, batch))
        self._queued += len(batch)
        if self._queued >= QUEUED:
            self._around.pause(self.number)

    @property
    def reached(self) -> Mapping[str, int]:
        """The offset with which each topic is to be continued; all before it is committed, or holds no records."""
        return self._reached

    def needs_seek(self, topic: str, following: int | None) -> bool:
        """Whether fetching went past, or nobody knows where to, with nothing on its way that would show it (§8.3)."""
        idle = self.is_open and self.queue.empty() and not self._busy
        return idle and (following is None or following > self._reached[topic])

    async def run(self) -> None:
        """Open while wanted, take what comes, for ever; ends only by cancellation."""
        while True:
            try:
                await self._step()
            except Lost as lost:
                log.warning("partition %d: lost: %s", self.number, lost)
                self.is_open = False
                if lost.fenced:
                    self._fenced_at = time.monotonic()
            except Exception:
                log.exception("partition %d: failed; opening it again", self.number)
                self.is_open = False
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """Finish what is being committed, and let go of the partition and its store; it is not opened again."""
        self.is_stopped = True
        self.is_wanted = self.is_open = False
        await self._in_thread(self.ownership.let_go)

    # The run.

    async def _step(self) -> None:
        if not self.is_wanted:
            await self._close()
            await self._woken.wait()
            self._woken.clear()
        elif not self.is_open:
            await self._open()
        else:
            await self._take_next()

    async def _close(self) -> None:
        self._drop_queue()
        if self.is_open:
            self.is_open = False
            await self._in_thread(self.ownership.let_go)

    async def _open(self) -> None:
        """Open; after being fenced only once the group has answered, else two workers fence each other for ever."""
        if self._around.heard_at() <= self._fenced_at:
            await asyncio.sleep(0.1)
            return
        began = time.monotonic()
        try:
            await self._in_thread(self.ownership.open, lambda: self.is_wanted)
        except NotWanted:
            return
        except ck.KafkaException as error:
            log.warning("partition %d: cannot be opened yet: %s", self.number, error)
            if is_fencing(error.args[0]):
                self._fenced_at = time.monotonic()
            await asyncio.sleep(random.uniform(0.2, 0.8))  # noqa: S311  spreads retries
            return
        self.opened_in_s = time.monotonic() - began
        self._drop_queue()
        self._reached = dict(self.ownership.positions)
        self.is_open = True
        await self._around.seek(self.number, self._reached)

    def _drop_queue(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self._queued = 0
        self._around.resume(self.number)

    async def _take_next(self) -> None:
        batches = await self._gather()
        if not self.is_wanted:
            return
        self._busy = True
        try:
            inputs, positions, gaps = self._continue_with(batches)
            if gaps:
                await self._around.seek(self.number, gaps)
            if inputs or self.ownership.is_time_to_say():
                await self._in_thread(self.ownership.commit_all, inputs, positions)
            self._reached = positions  # where only markers lay between, it is said with the next transaction
        finally:
            self._busy = False
            if self._queued < QUEUED:
                self._around.resume(self.number)

    async def _gather(self) -> list[tuple[str, Batch]]:
        """What waits, up to a full batch; nothing after a quarter of a second without any."""
        try:
            batches = [await asyncio.wait_for(self.queue.get(), IDLE_S)]
        except TimeoutError:
            return []
        while not self.queue.empty() and sum(len(batch) for _, batch in batches) < LARGEST_BATCH:
            batches.append(self.queue.get_nowait())
        self._queued -= sum(len(batch) for _, batch in batches)
        return batches

    def _continue_with(
        self, batches: Sequence[tuple[str, Batch]]
    ) -> tuple[list[Record], dict[str, int], dict[str, int]]:
        """The records not seen yet, the positions behind them, and the topics whose fetch left a gap."""
        inputs: list[Record] = []
        positions: dict[str, int] = dict(self._reached)
        gaps: dict[str, int] = {}
        for topic, batch in batches:
            at = positions[topic]
            if topic in gaps or batch.prev is None or batch.prev > at:
                gaps[topic] = at
                continue
            inputs += batch if batch and batch[0].offset >= at else [record for record in batch if record.offset >= at]
            positions[topic] = max(at, batch.next)
        return inputs, positions, gaps

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        """Run in the partition's thread, to the end even if this task is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *args))
