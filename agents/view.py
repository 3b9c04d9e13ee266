"""The terminal's view of a running Baton: what was committed, drawn with rich. It is given all that it shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Final

from rich.bar import END_BLOCK_ELEMENTS, FULL_BLOCK
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.funnel import MONEY, Counts

__all__ = ["Movement", "Pace", "Snapshot", "View", "line", "save_picture"]

WIDTH: Final = 110
"""Columns that the view wants; below them the channels' bars are left out."""
HEIGHT: Final = 36
"""Rows that the view takes where there is room; a lower terminal shows fewer movements, and clocks in a line."""
NARROW: Final = 100
"""Columns below which channels and money, and the clocks' bars, are left out."""
LEFT: Final = 60
CHANNELS: Final = 9
CURRENCIES: Final = 4
CLAUSES: Final = 8
STATES: Final = {"running": "running", "at_risk": "at risk", "overdue": "overdue"}
VERDICTS: Final = ("met", "breached")
PULSE: Final = "▁▂▃▄▅▆▇█"

ACCENT: Final = "cyan"
QUIET: Final = "bright_black"
GOOD: Final = "green"
BAD: Final = "red"
NOTHING: Final = "-"
"""Where nothing is known."""


@dataclass(frozen=True)
class Movement:
    """That a lead entered or left a stage, as `baton.stages` says it; `at` is the event's time."""

    at: datetime
    lead: str
    change: str
    stage: str
    other: str | None = None
    exit: str | None = None
    reason: str | None = None
    holds: bool = True


@dataclass(frozen=True)
class Pace:
    """How the engine keeps up. Rates are events a second, times seconds; None where nothing is known yet."""

    incoming: float = 0.0
    committed: float = 0.0
    total: int = 0
    """Events committed since the view began."""
    pulse: tuple[int, ...] = ()
    """Events committed in each of the last seconds, the oldest first."""
    lag: int | None = None
    delay_p50: float | None = None
    delay_p99: float | None = None
    idle: float | None = None
    """Since the last commit."""


@dataclass(frozen=True)
class Snapshot:
    """What is shown at one moment; `elapsed` is seconds since the first one.

    `counts`: the sums as `baton.totals` has them, and of what was read of `baton.clocks`, by clause, the `verdicts`
    that hold: `met` and `breached`.
    """

    agreement: str
    stages: tuple[str, ...]
    partitions: int
    counts: Counts
    pace: Pace = Pace()
    movements: tuple[Movement, ...] = ()
    """The latest first."""
    elapsed: float = 0.0
    clauses: tuple[str, ...] = ()
    """Those that run clocks."""

    def sums(self, measure: str) -> dict[str, int]:
        """A measure by stage (or exit, or currency), over all channels (or reasons, or stages of deals)."""
        return _summed((key[1], n) for key, n in self.counts.items() if key[0] == measure)

    def by_channel(self, measure: str, stage: str) -> dict[str, int]:
        """A measure of one stage, by channel."""
        return _summed((key[2], n) for key, n in self.counts.items() if key[:2] == (measure, stage))

    def by_clause(self, measure: str, state: str) -> dict[str, int]:
        """How many clocks are in a state, or came to a verdict, by clause: also by those of other versions."""
        told = _summed((key[1], n) for key, n in self.counts.items() if key[0] == measure and key[2] == state)
        return dict.fromkeys(self.clauses, 0) | told


def _summed(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, amount in amounts:
        sums[name] = sums.get(name, 0) + amount
    return sums


class View:
    """A snapshot as rich draws it, fitted to the console's width and height."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._seen = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it: what there is room for."""
        above = [_header(self._seen), *_figures(self._seen, options.max_width)]
        taken = sum(len(console.render_lines(part, options, pad=False)) for part in above)
        room = min(HEIGHT, console.height - 2) - taken
        yield from above
        clocks = _clocks(self._seen, options.max_width >= NARROW, room)
        if clocks is not None:
            yield clocks
            room -= len(console.render_lines(clocks, options, pad=False))
        if room >= 3:
            yield _panel("latest movements, but for arrivals", _movements(self._seen, room - 2), room)


def save_picture(snapshot: Snapshot, file: Path) -> None:
    """Write the view as an SVG that loads nothing from elsewhere. Raises OSError."""
    console = Console(
        record=True, width=WIDTH, height=HEIGHT + 2, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(View(snapshot))
    file.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(file), title="baton up", code_format=_SVG, unique_id="baton")


def line(snapshot: Snapshot) -> str:
    """The view in one line, for what is no terminal."""
    pace, now, ever = snapshot.pace, snapshot.sums("now"), snapshot.sums("ever")
    stages = ", ".join(f"{stage} {now.get(stage, 0)}/{ever.get(stage, 0)}" for stage in snapshot.stages)
    return (
        f"{_clock(snapshot.elapsed)} in {pace.incoming:.1f}/s, committed {pace.committed:.1f}/s, "
        f"lag {_count(pace.lag)}, delay p50 {_seconds(pace.delay_p50)} p99 {_seconds(pace.delay_p99)}, "
        f"last commit {_seconds(pace.idle)} ago; now/ever: {stages}; "
        f"clocks: {_standing(snapshot)}"
    )


# The parts.


def _header(seen: Snapshot) -> RenderableType:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    leads = sum(seen.sums("leads").values())
    row.add_row(
        Text.assemble(("baton", f"bold {ACCENT}"), f"   agreement {seen.agreement}"),
        Text.assemble(
            (f"{leads:,}", "bold"), " leads   ", (_clock(seen.elapsed), "bold"), ("   Ctrl-C ends it", QUIET)
        ),
    )
    return Padding(row, (0, 2, 0, 1))


def _figures(seen: Snapshot, width: int) -> list[RenderableType]:
    """The panels between the header and the clocks."""
    funnel, engine = _funnel(seen), _engine(seen)
    titles = "funnel", f"engine, {seen.partitions} partitions; delay from event to commit"
    if width < NARROW:
        return [_panel(titles[0], funnel), _panel(titles[1], engine)]
    upper = max(len(seen.stages) + 3, min(CHANNELS, len(seen.by_channel("leads", ""))) + 1) + 2
    lower = max(4, min(CURRENCIES, len(_currencies(seen))) + 1) + 2
    return [
        _beside(_panel(titles[0], funnel, upper), _panel("channels", _channels(seen, width >= WIDTH), upper)),
        _beside(_panel(titles[1], engine, lower), _panel("money", _money(seen), lower)),
    ]


def _funnel(seen: Snapshot) -> RenderableType:
    now, ever, waiting = seen.sums("now"), seen.sums("ever"), seen.sums("waiting")
    table = _table(2, "", "", "now", "ever", "of prev.")
    table.columns[2].style = table.columns[2].header_style = ACCENT
    most = max(ever.values(), default=0)
    for stage, before in zip(seen.stages, (None, *seen.stages), strict=False):
        here = ever.get(stage, 0)
        share = "" if before is None else _share(here, ever.get(before, 0))
        bar = _bar(now.get(stage, 0), here, most, 16)
        _add(table, stage, bar, f"{now.get(stage, 0):,}", f"{here:,}", Text(share, QUIET))
    return Group(table, _foot("out", seen.sums("exits")), _foot("waiting for", waiting))


def _foot(word: str, counts: dict[str, int]) -> Text:
    """Counts that are beside the funnel, in a line."""
    told = " · ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    return Text.assemble((f"{word}  ", QUIET), told or "none", no_wrap=True, overflow="ellipsis")


def _channels(seen: Snapshot, wide: bool) -> RenderableType:
    last = seen.stages[-1]
    leads, ended = seen.by_channel("leads", ""), seen.by_channel("ever", last)
    table = _table(1, "", *[""] * wide, "leads", last, "share")
    most = max(leads.values(), default=0)
    for channel, count in sorted(leads.items(), key=lambda entry: (-entry[1], entry[0]))[:CHANNELS]:
        there = ended.get(channel, 0)
        bar = [_bar(0, count, most, 6)] * wide
        _add(table, channel, *bar, f"{count:,}", f"{there:,}", Text(_share(there, count), QUIET))
    return table


def _money(seen: Snapshot) -> RenderableType:
    revenue, pipeline = seen.sums("revenue"), seen.sums("pipeline")
    table = _table(2, "", "revenue", "open deals")
    table.columns[1].style = GOOD
    for currency in _currencies(seen)[:CURRENCIES]:
        _add(table, currency, _units(revenue.get(currency, 0)), _units(pipeline.get(currency, 0)))
    return table


def _currencies(seen: Snapshot) -> list[str]:
    return sorted(seen.sums("revenue").keys() | seen.sums("pipeline").keys())


def _engine(seen: Snapshot) -> RenderableType:
    pace = seen.pace
    table = Table.grid(padding=(0, 2, 0, 0))
    for style, least in ((QUIET, 9), ("", 17), (QUIET, 11), ("", 13)):  # wide enough not to move about
        table.add_column(style=style, no_wrap=True, min_width=least)
    _add(table, "in", f"{pace.incoming:,.1f} events/s", "delay p50", _seconds(pace.delay_p50))
    _add(table, "committed", f"{pace.committed:,.1f} events/s", "delay p99", _seconds(pace.delay_p99))
    _add(table, "", Text(_pulse(pace.pulse), ACCENT), "lag", f"{_count(pace.lag)} events")
    _add(table, "in all", f"{pace.total:,} events", "last commit", f"{_seconds(pace.idle)} ago")
    return table


def _clocks(seen: Snapshot, wide: bool, room: int) -> Panel | None:
    """The clocks by clause, or in a line where there is no room for that; None where no clause has any, or no room."""
    overdue, at_risk, running = (seen.by_clause("clocks", state) for state in reversed(STATES))

    def need(clause: str) -> tuple[int, ...]:
        return tuple(counts.get(clause, 0) for counts in (overdue, at_risk, running))

    clauses = [*dict.fromkeys((*seen.clauses, *sorted(overdue | at_risk | running)))]  # some may be of other versions
    shown = set(sorted(clauses, key=need, reverse=True)[:CLAUSES])
    if not clauses or room < 3:
        return None
    if room < len(shown) + 3:
        return _panel("clocks", _clocks_in_a_line(seen, overdue))
    return _panel("clocks, by clause", _clocks_by_clause(seen, [one for one in clauses if one in shown], wide))


def _clocks_by_clause(seen: Snapshot, clauses: list[str], wide: bool) -> RenderableType:
    """In front of a bar is what is overdue."""
    running, at_risk, overdue = (seen.by_clause("clocks", state) for state in STATES)
    ended = [seen.by_clause("verdicts", verdict) for verdict in VERDICTS]
    figures = *STATES.values(), *VERDICTS
    table = _table(2 if wide else 1, "", *[""] * wide, *figures)
    for column in table.columns[-len(figures) :] if wide else ():
        column.min_width = 8  # so they are alike
    totals = {one: running.get(one, 0) + at_risk.get(one, 0) + overdue.get(one, 0) for one in clauses}
    for clause in clauses:
        late = overdue.get(clause, 0)
        bar = [_bar(late, totals[clause], max(totals.values()), 24, BAD, ACCENT)] * wide
        going = f"{running.get(clause, 0):,}", f"{at_risk.get(clause, 0):,}", Text(f"{late:,}", BAD if late else "")
        _add(table, clause, *bar, *going, *(f"{counts.get(clause, 0):,}" for counts in ended))
    return table


def _clocks_in_a_line(seen: Snapshot, overdue: dict[str, int]) -> Text:
    worst = f"; most overdue: {max(overdue, key=overdue.__getitem__)}" if any(overdue.values()) else ""
    return Text(_standing(seen) + worst, no_wrap=True, overflow="ellipsis")


def _standing(seen: Snapshot) -> str:
    """How many clocks of all clauses are in each state, or came to each verdict."""
    states = {word: seen.by_clause("clocks", state) for state, word in STATES.items()}
    verdicts = {verdict: seen.by_clause("verdicts", verdict) for verdict in VERDICTS}
    return ", ".join(f"{sum(counts.values()):,} {word}" for word, counts in (states | verdicts).items())


def _movements(seen: Snapshot, rows: int) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    for style, least in ((QUIET, 8), ("", 24), ("bold", 14), (QUIET, 0)):
        table.add_column(style=style, no_wrap=True, min_width=least)
    for movement in seen.movements[:rows]:
        _add(table, f"{movement.at.astimezone():%H:%M:%S}", movement.lead, *_told(movement))
    return table


def _told(movement: Movement) -> tuple[str, str]:
    """A movement in words: where to; and from where, and why."""
    entered = movement.change == "entered"
    came = movement.other if entered else movement.stage
    words = (f"from {came}" if came else "", movement.reason or "", "" if movement.holds else "taken back")
    return movement.stage if entered else f"out: {movement.exit}", ", ".join(filter(None, words))


# What they are made of.


def _panel(title: str, content: RenderableType, height: int | None = None) -> Panel:
    return Panel(
        content, title=Text(title, QUIET), title_align="left", border_style=QUIET, height=height, padding=(0, 1)
    )


def _beside(left: RenderableType, right: RenderableType) -> Table:
    row = Table.grid(expand=True)
    row.add_column(width=LEFT)
    row.add_column(ratio=1)
    row.add_row(left, right)
    return row


def _table(gap: int, *titles: str) -> Table:
    """Columns to the right, but for those without a title."""
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, gap, 0, 0), header_style=QUIET)
    for title in titles:
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    return table


def _add(table: Table, *cells: str | Text) -> None:
    """A row; markup in what others have named is text."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _bar(part: int, whole: int, most: int, width: int, bright: str = ACCENT, rest: str = QUIET) -> Text:
    """A bar of `whole` on the scale of `most`, the `part` of it in front and bright."""
    eighths = 8 * width * whole // most if most else 0
    full, eighth = divmod(eighths, 8)
    front = min(full, -(-width * part // most)) if most else 0
    ends = END_BLOCK_ELEMENTS[eighth] if eighth else ""
    bar = Text(FULL_BLOCK * front, bright)
    bar.append(FULL_BLOCK * (full - front) + ends, rest)
    bar.append(" " * (width - len(bar)))
    return bar


def _pulse(counts: tuple[int, ...]) -> str:
    """A sparkline from nothing to the highest."""
    most = max(counts, default=0) or 1
    return "".join(PULSE[count * (len(PULSE) - 1) // most] for count in counts)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else NOTHING


def _units(worth: int) -> str:
    """Money in whole units of its currency."""
    return f"{round(worth / MONEY):,}"


def _count(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


# Rich's own template, less its links to a font elsewhere.
_SVG: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{
        font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: {char_height}px;
        line-height: {line_height}px;
        font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{
        font-size: 18px;
        font-weight: bold;
        font-family: sans-serif;
    }}
    {styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""
