"""Folding files of events by an agreement, on every core, into the files of DESIGN §6: `baton replay`.

Lines are read in chunks (`chunks`), decoded and put into buckets by lead (`parsing`); each bucket is folded lead by
lead (`folding`); what comes out is put together (`files`, which the export uses too). Memory holds a few chunks, a
bucket for each core and the stage times; the rest is in a folder of its own, inside the one written to.
"""

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from agents.files import read_events
from agents.replaying.chunks import Source, chunk_up, find_sources, size_of
from agents.replaying.files import Quarantined, workspace, write_report
from agents.replaying.folding import Folded, Loser, fold_bucket
from agents.replaying.parsing import Parsed, decode_refused, parse
from agents.replaying.plan import Plan, versions_of
from agents.replaying.telling import tell_clocks
from agents.replaying.workers import Workers, workers
from schemas.agreement import Agreement
from streams.report import Summary, Sums

__all__ = ["Watch", "cores", "replay"]

Watch: TypeAlias = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""

BUCKET_BYTES: Final = 32 * 1024 * 1024
"""So much input comes to a bucket: some 100,000 events, which take some 100 MB to fold."""
MOST_BUCKETS: Final = 512
WORTH_A_POOL: Final = 32 * 1024 * 1024
"""Less input than this is folded sooner than other processes are started."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def replay(
    agreements: Sequence[Agreement],
    inputs: Sequence[str],
    out: Path,
    as_of: int | None = None,
    jobs: int | None = None,
    watch: Watch | None = None,
) -> Summary:
    """Fold the events of files (`-`: standard input), write the report into a folder, and give its summary.

    `as_of` in microseconds since 1970 (None: the last event's time); `jobs`: processes at most (None: a core each).
    The files are put in place together, at the end. Raises FileError for an input that cannot be read, OSError for
    a folder that cannot be written; then nothing in it has changed.
    """
    tell = watch or _nobody
    with workspace(out) as scratch:
        sources = find_sources(inputs, scratch)
        size = sum(map(size_of, sources))
        jobs = 1 if size < WORTH_A_POOL else jobs or cores()
        parts = max(1 + size // BUCKET_BYTES, 4 * jobs if jobs > 1 else 1)
        plan = Plan(scratch, min(MOST_BUCKETS, parts), as_of, tuple(map(_json, agreements)))
        with workers(jobs) as pool:
            parsed = _parse_all(plan, sources, size, pool, tell)
            folded = _fold_all(plan, parsed, pool, tell)
            newest = max((part.newest for part in folded if part.newest is not None), default=0)
            told_as_of = newest if as_of is None else as_of
            clocks = _tell_all(plan, folded, told_as_of, pool, tell)
        return _write(plan, sources, parsed, folded, clocks, told_as_of, out)


def _nobody(_doing: str, _done: int, _of: int) -> None:
    pass


def _json(agreement: Agreement) -> str:
    return agreement.model_dump_json(by_alias=True)


def _parse_all(plan: Plan, sources: Sequence[Source], size: int, pool: Workers, tell: Watch) -> list[Parsed]:
    parsed: list[Parsed] = []
    done = 0
    for result in pool.each(parse, ((plan, chunk) for chunk in chunk_up(sources))):
        parsed.append(result)
        done += result.size
        tell("reading, MB", done >> 20, max(done, size) >> 20)
    return parsed


def _fold_all(plan: Plan, parsed: Sequence[Parsed], pool: Workers, tell: Watch) -> list[Folded]:
    folded: list[Folded] = []
    tasks = ((plan, number, [chunk.buckets[number] for chunk in parsed]) for number in range(plan.buckets))
    for result in pool.each(fold_bucket, tasks):
        folded.append(result)
        tell("folding, parts", len(folded), plan.buckets)
    return folded


def _tell_all(plan: Plan, folded: Sequence[Folded], as_of: int, pool: Workers, tell: Watch) -> list[Path]:
    told: list[Path] = []
    for path in pool.each(tell_clocks, ((plan, part.clocks, as_of) for part in folded)):
        told.append(path)
        tell("telling clocks, parts", len(told), plan.buckets)
    return told


def _write(
    plan: Plan,
    sources: Sequence[Source],
    parsed: Sequence[Parsed],
    folded: Sequence[Folded],
    clocks: Sequence[Path],
    as_of: int,
    out: Path,
) -> Summary:
    sums = Sums()
    for part in folded:
        sums.merge(part.sums)
    summary = _summary(parsed, folded)
    lines = [part.lines for part in folded]
    versions = versions_of(plan.agreements)
    quarantine = (entry.written() for entry in _quarantine(sources, parsed, folded))
    write_report(out, plan.scratch, lines, clocks, sums, versions, as_of, summary, quarantine)
    return summary


def _summary(parsed: Sequence[Parsed], folded: Sequence[Folded]) -> Summary:
    unknown: dict[str, int] = {}
    for chunk in parsed:
        for name, times in chunk.unknown.items():
            unknown[name] = unknown.get(name, 0) + times
    return Summary(
        read=sum(chunk.read for chunk in parsed),
        folded=sum(part.events for part in folded),
        duplicate=sum(part.duplicates for part in folded),
        conflict=sum(len(part.losers) for part in folded),
        quarantined=sum(chunk.unreadable for chunk in parsed),
        later=sum(chunk.later for chunk in parsed),
        condensed=sum(part.condensed for part in folded),
        unknown_fields=unknown,
    )


def _quarantine(sources: Sequence[Source], parsed: Sequence[Parsed], folded: Sequence[Folded]) -> Iterator[Quarantined]:
    """What could not be read, and what lost a conflict, by file and line."""
    losers: dict[int, list[Loser]] = {}
    for part in folded:
        for loser in part.losers:
            losers.setdefault(loser.chunk, []).append(loser)
    for number, source in enumerate(sources):
        chunks: list[tuple[Parsed, int]] = []
        beaten: dict[int, str] = {}
        first = 1
        for chunk in parsed:
            if chunk.source == number:
                chunks.append((chunk, first))
                beaten.update({first + loser.place: loser.detail for loser in losers.get(chunk.chunk, ())})
                first += chunk.lines
        yield from heapq.merge(_unreadable(source, chunks), _beaten(source, beaten), key=attrgetter("line"))


def _unreadable(source: Source, chunks: Sequence[tuple[Parsed, int]]) -> Iterator[Quarantined]:
    """The lines that are no event; each chunk is given with the number of its first line."""
    for chunk, first in chunks:
        for place, reason, detail, content in decode_refused(chunk.refused.read()):
            yield Quarantined(source.name, first + place, reason, detail, content.decode(errors="replace"))


def _beaten(source: Source, details: dict[int, str]) -> Iterator[Quarantined]:
    """The lines, by number, that lost a conflict; they are read again, since this is rare."""
    if not details:
        return
    for number, line in enumerate(read_events(source.path), 1):
        detail = details.get(number)
        if detail is not None:
            yield Quarantined(source.name, number, "conflict", detail, line.decode(errors="replace"))
