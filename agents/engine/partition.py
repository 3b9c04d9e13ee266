"""One partition of the inputs: opened while it is assigned, fed with batches, continued where it was left (DESIGN §8).

A partition has a thread of its own, in which it is opened, folded and committed; so partitions hold up neither
each other nor the event loop. Who may write is decided by `ownership` alone; assignment is only a hint.
"""

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

import confluent_kafka as ck

from agents.engine.batch import FOLDING
from agents.engine.intake import MOST, Intake
from agents.engine.losing import Lost, NotWanted, is_fencing
from agents.engine.ownership import LARGEST_BATCH, Ownership
from agents.engine.records import Record
from agents.engine.table import StoreError
from agents.engine.transport import Batch
from streams import topics
from streams.terms import Versions

log = logging.getLogger("baton.partition")
T = TypeVar("T")

FREED_AT_ONCE: Final = 1_000
"""Records: other threads wait meanwhile."""
READINGS: Final = 8
"""Readings of the clock that may wait until what was on the inputs then is folded."""
IDLE_S: Final = 0.25
"""How long to wait for a batch before looking whether something else is to be done."""
SHORT_S: Final = 0.05
"""The same, while records wait for those of a topic that is behind."""
AGAIN_S: Final = 1.0
"""From a failure to the next opening."""
PACE_S: Final = 0.04
"""From what is taken to what is taken next, at least: a transaction costs the brokers as much as hundreds of events."""


class Surroundings(Protocol):
    """What a partition needs of the worker that it is in."""

    def heard_at(self) -> float:
        """When the last heartbeat that the group answered well was sent (monotonic seconds)."""

    async def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Fetch these topics of the partition from these offsets."""

    def pause(self, partition: int, topic: str) -> None:
        """Fetch nothing more of the partition's topic."""

    def resume(self, partition: int, topic: str) -> None:
        """Fetch again."""

    def adopt(self, versions: Versions) -> None:
        """Hear of versions of the agreement, of which some may be new."""


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
        self._queued: Counter[str] = Counter()
        self._intake = Intake({})
        self._ends: Mapping[str, int] | None = None
        self._fenced_at = self._took_at = -1.0  # not yet
        self._reached: dict[str, int] = {}
        self._refused = ""  # why the store could not be opened
        self._readings: deque[tuple[int, Mapping[str, int]]] = deque()

    # Called by the worker, on the event loop.

    def want(self, wanted: bool) -> None:
        """Say whether the partition is assigned, on every input topic."""
        self.is_wanted = wanted and not self.is_stopped
        self._woken.set()

    def put(self, topic: str, batch: Batch) -> None:
        """Queue a batch; fetching of its topic pauses when enough wait."""
        self.queue.put_nowait((topic, batch))
        self._queued[topic] += batch.weight
        if self._queued[topic] >= MOST:
            self._around.pause(self.number, topic)

    def know(self, versions: Versions) -> None:
        """Hear of versions of the agreement; as soon as it is open, and nothing is being committed, it takes them."""
        self.ownership.know(versions)

    @property
    def is_settled(self) -> bool:
        """Whether it is open, and folded by all versions that it heard of."""
        return self.is_open and not self.ownership.is_behind

    @property
    def reached(self) -> Mapping[str, int]:
        """The offset with which each topic is to be continued; all before it is committed, or holds no records."""
        return self._reached

    def read_clock(self, now: int, written: Mapping[str, int], ends: Mapping[str, int]) -> None:
        """Take a reading of the wall clock (microseconds), and what was on the inputs after it (§5.9).

        `written`: the offsets behind all of it; `ends`: behind what can be read, which is less while a publisher's
        transaction is open. The reading becomes the now when all that was written is folded. While many wait, the
        oldest ones are kept: the first is the soonest to be reached, and a later one comes again.
        """
        if self.is_open:
            self._ends = ends
            if len(self._readings) < READINGS:
                self._readings.append((now, written))

    def needs_seek(self, topic: str, following: int | None) -> bool:
        """Whether fetching went past, or nobody knows where to, with nothing on its way that would show it (§8.3)."""
        idle = self.is_open and self.queue.empty() and not self._busy
        return idle and (following is None or following > self._intake.following[topic])

    @property
    def following(self) -> Mapping[str, int]:
        """The offset from which each topic is to be fetched on."""
        return self._intake.following

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
            except StoreError as error:
                if str(error) != self._refused:  # which may last
                    log.warning("partition %d: cannot be opened yet: %s", self.number, error)
                self._refused = str(error)
                self.is_open = False
                await asyncio.sleep(AGAIN_S)
            except Exception:
                log.exception("partition %d: failed; opening it again", self.number)
                self.is_open = False
                await asyncio.sleep(AGAIN_S)

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
        elif self.ownership.is_behind:
            await self._take_versions()
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
        self._refused = ""
        self._drop_queue()
        self._readings.clear()
        self._reached = dict(self.ownership.positions)
        self._intake, self._ends = Intake(self._reached), None
        self.is_open = True
        self._around.adopt(self.ownership.versions)  # its rows may know some that this worker has not heard of
        await self._around.seek(self.number, self._reached)

    async def _take_versions(self) -> None:
        """Take what was heard of since; what is fetched waits meanwhile."""
        self._busy = True
        try:
            await self._in_thread(self.ownership.take_versions, lambda: self.is_wanted)
        except NotWanted:
            self.is_open = False
            await self._in_thread(self.ownership.let_go)
        finally:
            self._busy = False

    def _drop_queue(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self._queued.clear()
        for topic in topics.INPUTS:
            self._around.resume(self.number, topic)

    async def _take_next(self) -> None:
        batches = await self._gather()
        if not self.is_wanted:
            return
        self._busy = True
        try:
            gaps = await self._in_thread(self._fold, batches)
            if gaps:
                await self._around.seek(self.number, gaps)
        finally:
            self._busy = False
            for topic in self._intake.following:
                if self._intake.is_full(topic):
                    self._around.pause(self.number, topic)
                elif self._queued[topic] < MOST:
                    self._around.resume(self.number, topic)

    def _fold(self, batches: list[tuple[str, Batch]]) -> Mapping[str, int]:
        """Take in what came, commit what need not wait, and let time pass; from where to fetch again. In the thread.

        Empties `batches`: what is folded is freed here, for it would hold up the event loop.
        """
        gaps = self._accept(batches)
        batches.clear()
        inputs, positions = self._intake.give(self._ends, time.monotonic())
        if inputs or self.ownership.is_time_to_say():
            self.ownership.commit_all(inputs, positions)
            _free(inputs)
        self._reached = positions  # where only markers lay between, it is said with the next transaction
        now = self._passed()
        if now is not None:
            self.ownership.pass_time(now)
        return gaps

    def _passed(self) -> int | None:
        """The latest reading of the clock of which all is folded that was on the inputs then; those up to it go."""
        now = None
        while self._readings and all(self._reached[topic] >= end for topic, end in self._readings[0][1].items()):
            now, _ = self._readings.popleft()
        return now

    async def _gather(self) -> list[tuple[str, Batch]]:
        """What waits, up to a full batch; nothing after a quarter of a second without any.

        What comes after a while without any is taken at once; of a steady trickle as much as comes within the pace.
        """
        await asyncio.sleep(self._took_at + PACE_S - time.monotonic())  # not at all, where that is below 0
        try:
            batches = [await asyncio.wait_for(self.queue.get(), SHORT_S if self._intake else IDLE_S)]
        except TimeoutError:
            return []
        self._took_at = time.monotonic()
        while not self.queue.empty() and sum(len(batch) for _, batch in batches) < LARGEST_BATCH:
            batches.append(self.queue.get_nowait())
        for topic, batch in batches:
            self._queued[topic] -= batch.weight
        return batches

    def _accept(self, batches: Sequence[tuple[str, Batch]]) -> dict[str, int]:
        """Take in what continues what was fetched before; where a batch leaves a gap, it must be fetched from there."""
        gaps: dict[str, int] = {}
        with FOLDING:
            for topic, batch in batches:
                if topic in gaps or not self._intake.accept(topic, batch):
                    gaps[topic] = self._intake.following[topic]
        return gaps

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        """Run in the partition's thread, to the end even if this task is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *args))


def _free(records: list[Record]) -> None:
    """Let go of them bit by bit, and in turns with what else is folded: it costs as much as a part of that."""
    with FOLDING:
        while records:
            del records[-FREED_AT_ONCE:]
