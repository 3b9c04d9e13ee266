"""How fast `baton replay` folds a file of events, by how many processes."""

import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from agents.files import write_events
from agents.simulation import simulate
from tests.bench.log import DAYS, LAST, START
from tests.bench.options import ACME, Options
from tests.bench.running import BATON, LOOK_S, BenchError, Workers
from tests.bench.tables import machine, megabytes, middle, number, show

LEADS = 200_000
JOBS = (1, 2)


@dataclass(frozen=True)
class Replayed:
    """What one replay took: seconds, CPU seconds and bytes of memory, of all its processes."""

    seconds: float
    cpu_s: float
    peak: int


def replaying(options: Options) -> int:
    """Tell the events a second, from the start of the process to the report."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as place:
        folder, leads = Path(place), options.leads or LEADS
        events = folder / "events.jsonl"
        count = write_events(simulate(options.seed, leads, START, DAYS, LAST), events)
        size = megabytes(events.stat().st_size)
        print(f"{machine()}\n\n{count:,} events of {leads:,} leads, {size} MB; medians of {options.runs} runs\n")
        runs = [{jobs: _replay(folder, events, jobs, options.limit_s) for jobs in JOBS} for _ in range(options.runs)]
    show(
        ("jobs", "events/s", "CPU s / million events", "peak memory, MB"),
        (
            (
                jobs,
                number(count / middle(run[jobs].seconds for run in runs)),
                number(middle(run[jobs].cpu_s for run in runs) / count * 1e6, 1),
                megabytes(middle(run[jobs].peak for run in runs)),
            )
            for jobs in JOBS
        ),
    )
    return 0


def _replay(folder: Path, events: Path, jobs: int, limit_s: float) -> Replayed:
    out = Path(tempfile.mkdtemp(dir=folder))
    words = ["replay", str(events), "--agreement", str(ACME), "--out", str(out / "report"), "--jobs", str(jobs)]
    before, began = _children_cpu_s(), time.monotonic()
    with Workers("baton replay", out, [*BATON, *words], {}) as workers:
        while workers.running:
            workers.weigh(children=True)
            if time.monotonic() - began > limit_s:
                raise BenchError(f"baton replay: not done in {limit_s:.0f} s")
            time.sleep(LOOK_S)
        seconds = time.monotonic() - began
        if not (out / "report").is_dir():
            workers.check()
    return Replayed(seconds, _children_cpu_s() - before, workers.peak)


def _children_cpu_s() -> float:
    """CPU seconds of the processes that this one has started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
