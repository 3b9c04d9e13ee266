"""`baton backtest`: what another agreement would have made of the same history."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from agents.agreements import read_agreements
from agents.backtesting import backtest as run_backtest
from agents.backtesting.found import Backtest, Group, Promised, PromiseRow, StageRow, Tally
from agents.cli.console import out as console
from agents.cli.replaying import AGREEMENTS, AsOf, checked, read_time, say, shown
from agents.cli.tables import show_table
from agents.errors import BatonError
from schemas.agreement import Agreement
from schemas.loader import AgreementErrors

VERDICTS: Final = ("met", "breached", "cancelled", "running")


def backtest(
    files: Annotated[
        list[str],
        typer.Argument(help="Events: .jsonl, .jsonl.zst, or -. A .yaml is an agreement, as with --agreement."),
    ],
    agreement: Annotated[
        list[Path] | None, typer.Option(help="An agreement's file; twice: the old one, then the new one.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for backtest.json, flips.jsonl, and the report of each.")
    ] = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
    show: Annotated[int, typer.Option(min=0, help="Rows of each long list to show; --json and --out have all.")] = 20,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at most.", show_default="one a core")] = None,
) -> None:
    """Fold the same events by two agreements, each as in force all along, and show what differs."""
    inputs = [file for file in files if not file.endswith(AGREEMENTS)]
    if not inputs:
        raise BatonError("no file of events is given: name .jsonl or .jsonl.zst files, or - for standard input")
    old, new = _two([*(agreement or ()), *(Path(file) for file in files if file.endswith(AGREEMENTS))])
    moment = read_time(as_of)
    with _folder(out) as folder, shown() as watch:
        found = run_backtest(old, new, inputs, folder, moment, jobs, watch)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found, show)
    if out is not None:
        say(f"{found.events} events folded by each agreement into {out}")


def _two(paths: Sequence[Path]) -> tuple[Agreement, Agreement]:
    """The old agreement and the new one. Raises BatonError, AgreementErrors with the problems of both."""
    if len(paths) != 2:
        raise BatonError(f"--agreement: {len(paths)} given; name two files, the old agreement and then the new one")
    read: list[Agreement] = []
    errors = []
    for path in paths:
        try:
            versions = read_agreements([path])
        except AgreementErrors as found:
            errors += found.problems
            continue
        if len(versions) != 1:
            raise BatonError(f"{path}: has {len(versions)} versions; name the file of the one to compare")
        read += versions
    if errors:
        raise AgreementErrors(errors)
    return read[0], read[1]


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder to write into: the one that is asked for, or one that is gone again."""
    if out is not None:
        yield checked(out)
        return
    with tempfile.TemporaryDirectory(prefix="baton-backtest-") as folder:
        yield Path(folder)


def _show(found: Backtest, most: int) -> None:
    old, new = found.old, found.new
    _say(
        f"{old.agreement} version {old.version} \N{RIGHTWARDS ARROW} {new.agreement} version {new.version}, "
        f"on {found.events} events"
    )
    _show_groups("Clauses", found.clauses, None)
    for name, groups in (("owner", found.owners), ("tier", found.tiers), ("channel", found.channels)):
        differing = [group for group in groups if group.old != group.new]
        _show_groups(f"By {name}, where it differs", differing[:most], name)
        _more(differing, most)
    _show_promises(found.promises, most)
    _show_stages(found.stages, most)
    _show_flips(found, most)


def _show_groups(title: str, groups: Sequence[Group], name: str | None) -> None:
    if not groups:
        return
    rows = [
        (group.clause, *([] if name is None else [group.value]), *_verdicts(group.old, group.new)) for group in groups
    ]
    _title(title)
    show_table(("clause", *([] if name is None else [name]), *VERDICTS, "share met"), rows)


def _verdicts(old: Tally | None, new: Tally | None) -> Iterable[str]:
    for verdict in VERDICTS:
        yield _change(*(None if tally is None else getattr(tally, verdict) for tally in (old, new)))
    yield _change(*(None if tally is None else _percent(tally.share_met) for tally in (old, new)))


def _show_promises(rows: Sequence[PromiseRow], most: int) -> None:
    differing = [row for row in rows if row.old != row.new]
    if not differing:
        return
    _title("Promises, where they differ")
    told = [
        (row.id, row.period, _change(*map(_reached, sides)), _change(*map(_target, sides)), _change(*map(_kept, sides)))
        for row in differing[:most]
        for sides in ((row.old, row.new),)
    ]
    show_table(("promise", "period", "reached", "target", "kept"), told)
    _more(differing, most)


def _reached(row: Promised | None) -> str | None:
    if row is None:
        return None
    return str(row.numerator) if row.denominator is None else f"{row.numerator}/{row.denominator}"


def _target(row: Promised | None) -> str | None:
    return None if row is None else str(row.target)


def _kept(row: Promised | None) -> str | None:
    if row is None:
        return None
    return "open" if row.kept is None else "kept" if row.kept else "not kept"


def _show_stages(rows: Sequence[StageRow], most: int) -> None:
    _title("Leads that ever entered a stage")
    told = [(row.stage, _change(row.old, row.new), len(row.only_old), len(row.only_new)) for row in rows]
    show_table(("stage", "leads", "no more", "only now"), told, ("no more", "only now"))
    for row in rows:
        for text, leads in (("no more", row.only_old), ("only now", row.only_new)):
            if leads and most:
                rest = f" and {len(leads) - most} more" if len(leads) > most else ""
                _say(f"{row.stage}, {text}: {', '.join(leads[:most])}{rest}")


def _show_flips(found: Backtest, most: int) -> None:
    _title(f"Clocks with another verdict: {len(found.flips)}")
    counts = [(one.clause, _state(one.was), _state(one.now), one.clocks) for one in found.flip_counts]
    if counts:
        show_table(("clause", "from", "to", "clocks"), counts, ("clocks",))
    if found.flips and most:
        console.print()
        flips = [(one.lead, one.clause, one.cycle, _state(one.was), _state(one.now)) for one in found.flips[:most]]
        show_table(("lead", "clause", "cycle", "from", "to"), flips, ("cycle",))
        _more(found.flips, most)


def _state(state: str | None) -> str:
    return "no clock" if state is None else state


def _percent(share: float | None) -> str:
    return "\N{EN DASH}" if share is None else f"{share:.1%}"


def _change(old: object, new: object) -> str:
    """Both values, or the one that they have in common; what an agreement does not have is said so."""
    if old == new:
        return str(new)
    return " \N{RIGHTWARDS ARROW} ".join("not in it" if one is None else str(one) for one in (old, new))


def _title(text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _more(rows: Sequence[object], most: int) -> None:
    if len(rows) > most:
        _say(f"\N{HORIZONTAL ELLIPSIS} and {len(rows) - most} more")


def _say(line: str) -> None:
    console.print(Text(line), soft_wrap=True)
