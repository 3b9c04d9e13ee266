"""The comparison: every system works off the same log, in turns, and the medians are told."""

import sys

from tests.bench.ground import ALL_EVENTS, SHORT_LOG, Ground, grounded
from tests.bench.log import make_log
from tests.bench.options import Options
from tests.bench.running import BenchError, Result
from tests.bench.systems import System, systems
from tests.bench.tables import machine, megabytes, middle, number, show

LEADS = 200_000
TITLES = ("system", "events/s", "to the engine", "CPU s / million events", "peak memory, MB", "runs, events/s")


def compare(options: Options) -> int:
    """Run every wanted system as often as wanted; returns 1 if one failed."""
    taking_part = systems(options)
    results: dict[str, list[Result]] = {system.name: [] for system in taking_part}
    failed = False
    with grounded() as ground:
        _publish(ground, options, taking_part)
        for turn in range(1, options.runs + 1):
            for system in taking_part:
                failed |= not _run(ground, options, system, results[system.name], turn)
            _show(taking_part, results)  # so far: whoever ends it early has what was measured
    return int(failed)


def _publish(ground: Ground, options: Options, taking_part: list[System]) -> None:
    wanted = {topic for system in taking_part for topic in system.inputs}
    also = ALL_EVENTS if ALL_EVENTS in wanted else None
    leads = options.leads or LEADS
    count = ground.publish(make_log(options.seed, leads), also)
    print(f"{machine()}\n\n{count:,} events of {leads:,} leads, {ground.partitions} partitions", end="")
    if SHORT_LOG in wanted:
        fewer = options.slow_leads or max(100, leads // 20)
        count = ground.publish_to(SHORT_LOG, make_log(options.seed, fewer))
        print(f"; for the ordinary Faust agent {count:,} of {fewer:,}", end="")
    print(f"; {options.runs} runs of each, in turns\n", flush=True)


def _run(ground: Ground, options: Options, system: System, results: list[Result], turn: int) -> bool:
    try:
        result = system.run(ground, options)
    except BenchError as error:
        print(f"run {turn}: {system.title}: {error}", file=sys.stderr, flush=True)
        return False
    results.append(result)
    print(f"run {turn}: {system.title}: {number(result.rate)} events/s", file=sys.stderr, flush=True)
    return True


def _show(taking_part: list[System], results: dict[str, list[Result]]) -> None:
    engine = middle([result.rate for result in results.get("a", [])])
    rows = []
    for system in taking_part:
        runs = results[system.name]
        rate = middle([run.rate for run in runs])
        rows.append(
            (
                system.title,
                number(rate),
                number(rate / engine, 2),
                number(middle([run.cpu_s for run in runs]), 1),
                megabytes(middle([run.peak for run in runs])),
                ", ".join(number(run.rate) for run in runs),
            )
        )
    show(TITLES, rows)
