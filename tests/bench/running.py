"""A system's processes while they run: how far they are, and what they have cost."""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import confluent_kafka as ck
import msgspec
import psutil

from agents.embedded import Process, free_port
from agents.kafka import client_config
from tests.bench.ground import Ground
from tests.services import ROOT

BEGIN = 0.1
"""The share of the log after which measuring begins: what comes before it is the start."""
ENOUGH = 0.3
"""The share of the log that must lie between two commits to measure by,"""
ENOUGH_S = 2.0
"""and the seconds: the engine commits offsets once a second, partition by partition."""
LOOK_S = 0.1
BATON = ("-c", "from agents.cli import main; main()")
"""Python's words for the command line of Baton, wherever it is installed."""

Said = TypeVar("Said")


class BenchError(Exception):
    """A system did not do its work: says which, and where its log is."""


class Sample(NamedTuple):
    """At a moment (monotonic seconds): events committed so far, and the CPU seconds spent."""

    at: float
    events: int
    cpu_s: float


@dataclass(frozen=True)
class Result:
    """What one run came to; `rate` in events a second, `cpu_s` for a million events, `peak` in bytes."""

    rate: float
    cpu_s: float
    peak: float


class Workers:
    """Processes that do a system's work; a context manager that ends them."""

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        count: int = 1,
        python: Path | None = None,
    ) -> None:
        self._processes: list[Process] = []
        self.peak = 0
        """Bytes that they took together, at most, when somebody looked."""
        for number in range(count):
            own = {"BATON_STATE_DIR": str(folder / f"state-{number}"), "BATON_METRICS_PORT": str(free_port())}
            settings = {"PYTHONPATH": str(ROOT)} | own | dict(environment)
            words = [str(shutil.which("env")), *(f"{key}={value}" for key, value in settings.items())]
            program = [*words, str(python or sys.executable), *command]
            self._processes.append(Process(name, program, folder / f"worker-{number}.log"))
        self._measured: list[psutil.Process] = []

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
            self._measured.append(psutil.Process(process.pid))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()

    @property
    def running(self) -> bool:
        """Whether all of them still run."""
        return all(process.running for process in self._processes)

    @property
    def last_line(self) -> str:
        """The last line that the first of them has said."""
        return "".join(self._processes[0].log.read_text(errors="replace").splitlines()[-1:])

    def cpu_s(self) -> float:
        """CPU seconds, of the user's and the system's, since they were started."""
        return sum(sum(process.cpu_times()[:2]) for process in self._measured)

    def weigh(self, children: bool = False) -> None:
        """Note the memory that they take now; with `children`, which costs time, also that of what they started."""
        taken = 0
        with suppress(psutil.NoSuchProcess):
            for process in self._measured:
                started = process.children(recursive=True) if children else []
                taken += sum(one.memory_info().rss for one in (process, *started))
        self.peak = max(self.peak, taken)

    def check(self) -> None:
        """Raise BenchError if one has ended."""
        for process in self._processes:
            if not process.running:
                raise BenchError(f"{process.name} has ended: {_last_lines(process.log)}")


class Committed:
    """How many records of some topics a consumer group has committed. A context manager."""

    def __init__(self, ground: Ground, group: str, names: Sequence[str]) -> None:
        self._ends = ground.ends(names)
        self.whole = sum(self._ends.values())
        self._tps = [ck.TopicPartition(*place) for place, end in self._ends.items() if end]
        self._reader = ck.Consumer(client_config(ground.settings) | {"group.id": group, "enable.auto.commit": False})
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def events(self) -> int:
        """Records committed so far; as many as before, where the group has no coordinator at the moment."""
        with suppress(ck.KafkaException):
            self._seen = sum(max(0, tp.offset) for tp in self._reader.committed(self._tps, timeout=10))
        return self._seen


def follow(workers: Workers, committed: Committed, limit_s: float) -> list[Sample]:
    """Look on until all is committed; a sample whenever more is. Raises BenchError past the limit."""
    samples: list[Sample] = []
    end = time.monotonic() + limit_s
    while not samples or samples[-1].events < committed.whole:
        workers.check()
        workers.weigh()
        events = committed.events()
        if not samples or events > samples[-1].events:
            samples.append(Sample(time.monotonic(), events, workers.cpu_s()))
        if time.monotonic() > end:
            raise BenchError(f"{samples[-1].events} of {committed.whole} events in {limit_s:.0f} s")
        time.sleep(LOOK_S)
    return samples


def said_by(workers: Workers, limit_s: float, type_: type[Said]) -> Said:
    """Run a program to its end; what its last line says, as JSON. Raises BenchError if that is not what was wanted."""
    with workers:
        end = time.monotonic() + limit_s
        while workers.running:
            if time.monotonic() > end:
                raise BenchError(f"not done in {limit_s:.0f} s")
            time.sleep(LOOK_S)
    try:
        return msgspec.json.decode(workers.last_line, type=type_)
    except msgspec.DecodeError:
        workers.check()
        raise


def result_of(samples: Sequence[Sample], whole: int, peak: int) -> Result:
    """The rate between two commits: the first past a tenth of the log, and the last that still left something to do.

    The very last commit is not taken, for it waits for its time with nothing to do: seconds, with some systems. Not a
    number, where too little lies between the two.
    """
    busy = [sample for sample in samples if BEGIN * whole <= sample.events < whole]
    first, last = (busy[0], busy[-1]) if busy else (samples[-1], samples[-1])
    events = last.events - first.events
    if events < ENOUGH * whole or last.at - first.at < ENOUGH_S:
        return Result(nan, nan, peak)
    return Result(events / (last.at - first.at), (last.cpu_s - first.cpu_s) / events * 1e6, peak)


def _last_lines(log: Path, count: int = 12) -> str:
    return f"{log} ends with\n" + "\n".join(log.read_text(errors="replace").splitlines()[-count:])
