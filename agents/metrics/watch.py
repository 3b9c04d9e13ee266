"""How far behind a worker is, and whether it has stopped without saying so.

Consumers have stopped in silence before. So the ends of the topics are asked of the brokers by a client of its own,
in a thread of its own, and a partition that has records to read and commits nothing for two minutes is called
stalled. While no broker answers nothing is: a new process would find none either.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from typing import Final

import confluent_kafka as ck

from agents.engine.worker import Worker
from agents.offsets import Brokers
from agents.projection.projector import Projector
from streams import topics

log = logging.getLogger("baton.watch")

LOOK_S: Final = 2.0
STALLED_S: Final = 120.0
FORGOTTEN_S: Final = 30.0
"""A backlog older than this is no longer told: nobody knows it."""

Ends = Mapping[tuple[str, int], int]


class Progress:
    """When each partition was last seen to go on, or to have nothing to read."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, dict[str, int]]] = {}

    def look(
        self, now: float, positions: Mapping[int, dict[str, int]], ends: Ends, excused: Collection[int] = ()
    ) -> int:
        """Take in the positions of the open partitions; returns how many records they are behind.

        `excused`: those that have something else to do than to read.
        """
        behind = 0
        for number, at in positions.items():
            missing = sum(max(0, ends.get((topic, number), 0) - offset) for topic, offset in at.items())
            behind += missing
            if missing == 0 or number in excused or number not in self._seen or self._seen[number][1] != at:
                self._seen[number] = now, dict(at)
        for closed in self._seen.keys() - positions.keys():
            del self._seen[closed]
        return behind

    def stalled(self, now: float) -> list[int]:
        """The partitions that had records to read all the time and went on with none for too long."""
        return sorted(number for number, (since, _) in self._seen.items() if now - since > STALLED_S)


class Watch:
    """Looks at a worker every two seconds. Times are monotonic seconds."""

    def __init__(self, worker: Worker, projector: Projector | None) -> None:
        self._worker = worker
        self._projector = projector
        self._brokers = Brokers(worker.settings)
        self._progress = Progress()
        self._began = time.monotonic()
        self._looked: float | None = None
        self._backlog = 0
        self._projection_backlog = 0

    def start(self) -> None:
        """Look on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def backlog(self) -> float | None:
        """Records of the inputs not committed yet; None while the brokers do not answer."""
        return self._backlog if self._is_fresh() else None

    def projection_backlog(self) -> float | None:
        """Records not in Redis yet; None without a read model, and while the brokers do not answer."""
        return self._projection_backlog if self._projector is not None and self._is_fresh() else None

    def ails(self) -> list[str]:
        """Why this process should be replaced; empty: it lives."""
        now = time.monotonic()
        if not self._is_fresh():
            return []
        found = [f"partition {number} has stalled" for number in self._progress.stalled(now)]
        heard = self._began if self._worker.assigned is None else max(self._began, self._worker.heard_at())
        if now - heard > STALLED_S:
            found.append(f"the consumer group has not answered for {now - heard:.0f} s")
        return found

    def awaits(self) -> list[str]:
        """What is missing until this process does its part; empty: it is ready."""
        assigned = self._worker.assigned
        if assigned is None:
            return ["not in the consumer group yet"]
        return [word for number in sorted(assigned) if (word := self._lacks(number)) is not None]

    def _lacks(self, number: int) -> str | None:
        partition = self._worker.partitions[number]
        if not partition.is_open:
            return f"partition {number} is not open"
        return None if partition.is_settled else f"partition {number} is being folded again by a new version"

    def _is_fresh(self) -> bool:
        return self._looked is not None and time.monotonic() - self._looked < FORGOTTEN_S

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except ck.KafkaException as error:
                log.info("the brokers do not say where topics end: %s", error)
            except Exception:
                log.exception("the watch failed; going on")
            time.sleep(LOOK_S)

    def _look(self) -> None:
        """The positions are read before the ends, so that no partition seems further than it is."""
        positions = {
            number: dict(partition.reached)
            for number, partition in self._worker.partitions.items()
            if partition.is_open
        }
        reached = self._projector.reached() if self._projector is not None else {}
        inputs = [(topic, number) for topic in topics.INPUTS for number in positions]
        ends = self._brokers.ends([*inputs, *reached])
        refolding = [number for number in positions if not self._worker.partitions[number].is_settled]
        self._backlog = self._progress.look(time.monotonic(), positions, ends, refolding)
        self._projection_backlog = sum(max(0, ends[place] - offset) for place, offset in reached.items())
        self._looked = time.monotonic()
