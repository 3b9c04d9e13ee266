"""Where commands write: what was asked for on standard output, the rest on standard error."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def complain(*lines: str) -> None:
    """Say what is wrong, a line each."""
    for line in lines:
        err.print(Text("error:", "bold red").append(f" {line}", "default not bold"), soft_wrap=True)


def progress() -> Progress:
    """A progress bar on standard error that is gone when it is done, and silent where there is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
