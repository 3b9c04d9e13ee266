"""The second half of a replay: the events of a bucket of leads become their lines, and sums."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agents.replaying.files import write_sorted
from agents.replaying.parsing import Segment, decode_spooled
from agents.replaying.plan import Plan, versions_of
from agents.replaying.telling import write_clocks
from schemas.compact import Event
from streams.gathering import gather
from streams.report import Reporter, Sums


class Loser(NamedTuple):
    """An event that lost a conflict (§4.2): where its line is, and what of it."""

    chunk: int
    place: int
    detail: str


class Folded(NamedTuple):
    """What became of a bucket: its leads' lines and clocks in files, sorted, their sums, and what was not folded.

    `newest` is the time of the newest event that was folded (microseconds; None without any).
    """

    lines: Path
    clocks: Path
    newest: int | None
    sums: Sums
    events: int
    duplicates: int
    condensed: int
    losers: list[Loser]


class _Arrivals:
    """A lead's events in the order of their lines, and where these are."""

    __slots__ = ("events", "places")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.places: list[tuple[int, int]] = []


def fold_bucket(plan: Plan, number: int, segments: Sequence[Segment]) -> Folded:
    """Fold the events of a bucket, whose segments are given in the order of their chunks."""
    reporter = Reporter(versions_of(plan.agreements))
    lines: list[tuple[str, bytes]] = []
    clocks: list[tuple[str, bytes]] = []
    newest: int | None = None
    losers: list[Loser] = []
    events = duplicates = condensed = 0
    for lead, arrivals in _by_lead(segments).items():
        gathered = gather(arrivals.events)
        events += len(gathered.events)
        duplicates += gathered.duplicates
        condensed += gathered.condensed
        losers += [_loser(arrivals, index) for index in gathered.losers]
        told = reporter.tell(lead, gathered.events, gathered.condensed > 0)
        newest = told.newest if newest is None else max(newest, told.newest)
        if told.line is not None:
            lines.append((lead, told.line))
        if told.clocks is not None:
            clocks.append((lead, told.clocks))
    path, clocks_path = plan.scratch / f"leads-{number}", plan.scratch / f"clocks-{number}"
    write_sorted(path, lines)
    write_clocks(clocks_path, clocks)
    return Folded(path, clocks_path, newest, reporter.sums, events, duplicates, condensed, losers)


def _by_lead(segments: Sequence[Segment]) -> dict[str, _Arrivals]:
    leads: dict[str, _Arrivals] = {}
    for segment in segments:
        for lead, place, event in decode_spooled(segment.read()):
            arrivals = leads.get(lead)
            if arrivals is None:
                arrivals = leads[lead] = _Arrivals()
            arrivals.events.append(event)
            arrivals.places.append((segment.chunk, place))
    return leads


def _loser(arrivals: _Arrivals, index: int) -> Loser:
    event = arrivals.events[index]
    return Loser(
        *arrivals.places[index], f"another content has the id {event.id!r} of source {event.source!r}, and is kept"
    )
