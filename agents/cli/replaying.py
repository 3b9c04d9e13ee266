"""`baton replay` and `baton export`: the same report, from files of events or from the running engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import TaskID

from agents.agreements import read_agreements
from agents.cli.console import complain, err, progress
from agents.errors import BatonError
from agents.export import Late
from agents.export import export as run_export
from agents.replaying import Watch
from agents.replaying import replay as run_replay
from agents.settings import Settings
from agents.versions import live_agreements
from schemas.compact import micros
from schemas.text import parse_time

AGREEMENTS: Final = (".yaml", ".yml")

Out = Annotated[Path, typer.Option(help="The folder to write the report into.", show_default=False)]
AsOf = Annotated[
    str | None,
    typer.Option(help="Fold nothing later than this, such as 2026-01-31T18:00:00-03:00. Default: the last event."),
]


def replay(
    files: Annotated[
        list[str],
        typer.Argument(help="Events: .jsonl, .jsonl.zst, or - for standard input. A .yaml is one more version."),
    ],
    agreement: Annotated[
        list[Path], typer.Option(help="The agreement: a version, or a folder of them. More than once: each version.")
    ],
    out: Out,
    as_of: AsOf = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at most.", show_default="one a core")] = None,
) -> None:
    """Fold files of events by an agreement, offline; also the backtest of other terms on the same events."""
    inputs = [file for file in files if not file.endswith(AGREEMENTS)]
    if not inputs:
        raise BatonError("no file of events is given: name .jsonl or .jsonl.zst files, or - for standard input")
    moment, folder = read_time(as_of), checked(out)
    versions = read_agreements([*agreement, *(Path(file) for file in files if file.endswith(AGREEMENTS))])
    with shown() as watch:
        summary = run_replay(versions, inputs, folder, moment, jobs, watch)
    say(f"{summary.folded} of {summary.read} events folded into {folder}")


def export(
    out: Out,
    as_of: AsOf = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the engine.")] = 60.0,
) -> None:
    """Write the report from the running engine's side, as far as its inputs reach now.

    Exit code 3: the engine did not get there in time, and nothing is written. 4: the engine has folded leads
    otherwise than a replay folds them.
    """
    settings, moment, folder = Settings(), read_time(as_of), checked(out)
    agreements = live_agreements(settings, say)
    try:
        with shown() as watch:
            found = run_export(settings, agreements, folder, moment, wait, watch)
    except Late as late:
        complain(f"the engine has not committed everything within {wait:g} s: {late}; does 'baton engine' run?")
        raise typer.Exit(3) from None
    say(f"{found.summary.folded} events folded into {folder}")
    if found.differing:
        leads = "1 lead" if len(found.differing) == 1 else f"{len(found.differing)} leads"
        complain(f"the engine has folded {leads} otherwise than a replay does; the first is {found.differing[0]}")
        raise typer.Exit(4)


def say(line: str) -> None:
    """Tell on standard error, as it stands."""
    err.print(line, markup=False, soft_wrap=True)


def read_time(text: str | None) -> int | None:
    """The microseconds since 1970 that `--as-of` says. Raises BatonError."""
    if text is None:
        return None
    try:
        return micros(parse_time(text))
    except ValueError as error:
        raise BatonError(f"--as-of: {error}") from None


def checked(out: Path) -> Path:
    """A folder that may be written. Raises BatonError where a file has its name."""
    if out.exists() and not out.is_dir():
        raise BatonError(f"--out {out}: is a file; name a folder")
    return out


@contextmanager
def shown() -> Iterator[Watch]:
    """A progress bar for each thing that is done."""
    with progress() as bars:
        tasks: dict[str, TaskID] = {}

        def watch(doing: str, done: int, of: int) -> None:
            if doing not in tasks:
                tasks[doing] = bars.add_task(doing)
            bars.update(tasks[doing], completed=done, total=of)

        yield watch
