"""Two reports of the same events, compared: verdicts, promises, stages, and the clocks that flip."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from agents.backtesting.found import (
    Backtest,
    Flip,
    FlipCount,
    Group,
    Promised,
    PromiseRow,
    Side,
    StageRow,
    Tally,
)
from schemas.agreement import Agreement
from schemas.promises import AttemptsClause, ResponseClause
from streams.report import Summary
from streams.rows import NO_CHANNEL
from streams.verdicts import ClockLine

__all__ = ["compare"]

NONE: Final = "(none)"
"""The value of clocks without an owner, or that no tier took."""
Dimension: TypeAlias = Literal["", "owner", "tier", "channel"]
Agreements: TypeAlias = tuple[Agreement, Agreement]
Folders: TypeAlias = tuple[Path, Path]
Tallies: TypeAlias = dict[tuple[Dimension, str, str], tuple[Tally, Tally]]
"""Of the old agreement and of the new, by clause and value; the dimension "" has no value."""
T = TypeVar("T")
K = TypeVar("K", str, tuple[str, str, int])


class _LeadLine(msgspec.Struct):
    """What is read of a line of `leads.jsonl`."""

    lead: str
    channel: str
    entered: dict[str, str]


def compare(agreements: Agreements, folders: Folders, summary: Summary) -> Backtest:
    """Compare the reports in two folders, of the old agreement and of the new; `summary` is that of either."""
    old, new = agreements
    stages, channels = _stages(agreements, folders)
    tallies, flips = _clocks(agreements, folders, channels)
    return Backtest(
        Side(old.agreement, old.version),
        Side(new.agreement, new.version),
        summary.folded,
        _groups(tallies, "", agreements),
        _groups(tallies, "owner", agreements),
        _groups(tallies, "tier", agreements),
        _groups(tallies, "channel", agreements),
        _promises(folders),
        stages,
        _counted(flips),
        flips,
    )


def _clocks(agreements: Agreements, folders: Folders, channels: dict[str, str]) -> tuple[Tallies, list[Flip]]:
    """The verdicts by clause and by each dimension, and the clocks that flip."""
    both = _with_clocks(agreements[0]) & _with_clocks(agreements[1])
    tallies: Tallies = {}
    flips: list[Flip] = []
    for old, new in _joined(folders, "clocks.jsonl", ClockLine, _clock_key):
        for side, line in enumerate((old, new)):
            if line is not None:
                _count(tallies, side, line, channels.get(line.lead, NO_CHANNEL))
        line = old or new
        was, now = (None if one is None else one.state for one in (old, new))
        if line is not None and was != now and line.clause in both:
            flips.append(Flip(line.lead, line.clause, line.cycle, was, now))
    return tallies, flips


def _clock_key(line: ClockLine) -> tuple[str, str, int]:
    return line.lead, line.clause, line.cycle


def _lead_key(line: _LeadLine) -> str:
    return line.lead


def _count(tallies: Tallies, side: int, line: ClockLine, channel: str) -> None:
    tier = NONE if line.tier is None else str(line.tier)
    values: dict[Dimension, str] = {"": "", "owner": line.owner or NONE, "tier": tier, "channel": channel}
    for dimension, value in values.items():
        key = (dimension, line.clause, value)
        if key not in tallies:
            tallies[key] = Tally(), Tally()
        tallies[key][side].put(line.state)


def _groups(tallies: Tallies, dimension: Dimension, agreements: Agreements) -> list[Group]:
    """The rows of one dimension, by clause in the new agreement's order, then those that it has no more; by value."""
    known = [_with_clocks(agreement) for agreement in agreements]
    order = list(dict.fromkeys(one.id for agreement in reversed(agreements) for one in agreement.clauses))
    groups: list[Group] = []
    for clause in (one for one in order if one in known[0] | known[1]):
        values = sorted(value for kind, of, value in tallies if (kind, of) == (dimension, clause))
        for value in values or ([] if dimension else [""]):
            found = tallies.get((dimension, clause, value), (Tally(), Tally()))
            old, new = (tally if clause in has else None for tally, has in zip(found, known, strict=True))
            groups.append(Group(clause, value if dimension else None, old, new))
    return groups


def _with_clocks(agreement: Agreement) -> frozenset[str]:
    """The clauses that run a clock."""
    return frozenset(one.id for one in agreement.clauses if isinstance(one, ResponseClause | AttemptsClause))


def _counted(flips: list[Flip]) -> list[FlipCount]:
    """The kinds of flips, the most frequent first."""
    counts = Counter((flip.clause, flip.was, flip.now) for flip in flips)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or "", item[0][2] or ""))
    return [FlipCount(*kind, clocks) for kind, clocks in ordered]


def _stages(agreements: Agreements, folders: Folders) -> tuple[list[StageRow], dict[str, str]]:
    """Who ever entered which stage, in the new agreement's order; and the channel of each lead."""
    known = [[stage.id for stage in agreement.funnel.stages] for agreement in agreements]
    rows = {
        stage: StageRow(stage, 0 if stage in known[0] else None, 0 if stage in known[1] else None, [], [])
        for stage in dict.fromkeys((*known[1], *known[0]))
    }
    channels: dict[str, str] = {}
    for old, new in _joined(folders, "leads.jsonl", _LeadLine, _lead_key):
        line = new or old
        if line is not None:
            channels[line.lead] = line.channel
            _enter(rows, line.lead, old.entered if old else {}, new.entered if new else {})
    return list(rows.values()), channels


def _enter(rows: dict[str, StageRow], lead: str, old: dict[str, str], new: dict[str, str]) -> None:
    for stage in old.keys() | new.keys():
        row = rows[stage]
        row.old = None if row.old is None else row.old + (stage in old)
        row.new = None if row.new is None else row.new + (stage in new)
        if row.old is not None and row.new is not None and (stage in old) != (stage in new):
            (row.only_old if stage in old else row.only_new).append(lead)


def _promises(folders: Folders) -> list[PromiseRow]:
    old, new = (
        {
            (row.id, row.period): row
            for row in msgspec.json.decode((folder / "promises.json").read_bytes(), type=list[Promised])
        }
        for folder in folders
    )
    return [PromiseRow(*key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]


def _joined(folders: Folders, name: str, kind: type[T], key: Callable[[T], K]) -> Iterator[tuple[T | None, T | None]]:
    """The lines of both reports' file of that name, side by side; both are in the order of the key."""
    old, new = (_lines(folder / name, kind) for folder in folders)
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        takes_left = left is not None and (right is None or key(left) <= key(right))
        takes_right = right is not None and (left is None or key(right) <= key(left))
        yield left if takes_left else None, right if takes_right else None
        left = next(old, None) if takes_left else left
        right = next(new, None) if takes_right else right


def _lines(path: Path, kind: type[T]) -> Iterator[T]:
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb") as file:
        yield from map(decode, file)
