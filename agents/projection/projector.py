"""The read model beside an engine: in a thread of its own, for the partitions that this worker has open.

It is slow, or waits, by itself: while Redis is away it reads nothing, and asks again later and later, up to every
two seconds. While the engine catches up it takes a sixth of the time at most, for the two share a process, and clocks
wait for the engine. What the engine commits meanwhile waits in Kafka.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import confluent_kafka as ck
import redis
import stamina

from agents.beside import run_beside
from agents.engine.worker import Worker
from agents.projection.model import ReadModel, Refused, Source
from agents.projection.projection import TOTALS, Projection
from agents.settings import Settings
from streams import topics
from streams.terms import Versions

log = logging.getLogger("baton.projection")

WAIT_S: Final = 0.25
CHECK_S: Final = 1.0
"""How often a Redis to which nothing is written is asked whether it still has everything."""
COMMIT_S: Final = 5.0
REFRESH_S: Final = 30.0
"""How often it is said how the promises stand, also while the sums are the same."""
RETRY_S: Final = 2.0
STOP_S: Final = 5.0
YIELDED: Final = 5.0
"""How long it waits while the engine catches up, as a multiple of the time that its last batch took."""
TROUBLE: Final = (redis.RedisError, ck.KafkaException, Refused)


class Projector:
    """Keeps the read model of the sources that `wanted` names, which may change at any time."""

    def __init__(
        self,
        settings: Settings,
        versions: Versions,
        wanted: Callable[[], frozenset[Source]],
        is_catching_up: Callable[[], bool],
    ) -> None:
        """Connect when it runs; `is_catching_up`: the engine. Raises BatonError for settings that cannot be."""
        self._settings = settings
        self._wanted, self._is_catching_up = wanted, is_catching_up
        self._model = ReadModel(settings)
        self._projection = Projection(settings, versions, self._model)
        self._stopping = threading.Event()
        self._waits = False

    def adopt(self, versions: Versions) -> None:
        """Go by these versions of the agreement too."""
        self._projection.adopt(versions)

    def reached(self) -> dict[tuple[str, int], int]:
        """How far each wanted source was read into Redis, by topic and partition; 0 where that is not known yet."""
        reached = self._projection.reached
        return {(source.topic, source.partition): reached.get(source, 0) for source in self._wanted()}

    async def run(self) -> None:
        """Run until cancelled."""
        thread = threading.Thread(target=self._run, name="projection", daemon=True)

        def stop() -> None:
            self._stopping.set()
            thread.join(STOP_S)

        await run_beside(thread.start, stop)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._begin(self._projection)
                self._follow(self._projection)
            except TROUBLE as error:
                self._say_waiting(error)
            except Exception:
                log.exception("the read model failed; beginning again")
                self._stopping.wait(RETRY_S)
        self._projection.close()
        self._model.close()

    def _begin(self, projection: Projection) -> None:
        """Begin, and take the first batch, however long Redis or Kafka keep us waiting."""
        for attempt in stamina.retry_context(
            on=self._is_passing, attempts=None, timeout=None, wait_initial=0.1, wait_max=RETRY_S, wait_jitter=0.2
        ):
            with attempt:
                projection.begin(self._wanted())
                projection.advance(WAIT_S)
        if self._waits:
            self._waits = False
            log.warning("the read model goes on")

    def _is_passing(self, error: Exception) -> bool:
        if not isinstance(error, TROUBLE) or self._stopping.is_set():
            return False
        self._say_waiting(error)
        return True

    def _say_waiting(self, error: Exception) -> None:
        """Once, however often it is tried again."""
        if isinstance(error, Refused):
            log.info("Redis is not as it was; going on from what it has")
        elif not self._waits:
            self._waits = True
            log.warning("the read model waits: %s", error)

    def _follow(self, projection: Projection) -> None:
        """Bring what comes to Redis, until other sources are wanted."""
        checked = committed = time.monotonic()
        refreshed = checked - REFRESH_S
        while not self._stopping.is_set() and self._wanted() == projection.sources:
            began = time.monotonic()
            moved = projection.advance(WAIT_S)
            if moved and self._is_catching_up():
                self._stopping.wait(YIELDED * (time.monotonic() - began))
            now = time.monotonic()
            if moved:
                checked = now
            elif now - checked >= CHECK_S:
                projection.check()
                checked = now
            if now - refreshed >= REFRESH_S:
                projection.refresh()
                refreshed = now
            if now - committed >= COMMIT_S:
                projection.commit()
                committed = now


def project(worker: Worker) -> Projector:
    """Have a worker keep the read model of the partitions that it has open. Call it before the worker runs."""

    def wanted() -> frozenset[Source]:
        return sources_of(number for number, partition in worker.partitions.items() if partition.is_open)

    projector = Projector(worker.settings, worker.versions, wanted, lambda: worker.is_catching_up)
    worker.app.task(projector.run)
    worker.listeners.append(projector.adopt)
    return projector


def sources_of(partitions: Iterable[int]) -> frozenset[Source]:
    """What is read for these partitions; whoever has the first one reads the totals, which have one partition."""
    numbers = frozenset(partitions)
    found = {Source(topic, number) for topic in (topics.CHANGELOG, topics.STAGES, topics.CLOCKS) for number in numbers}
    if 0 in numbers:
        found.add(TOTALS)
    return frozenset(found)
