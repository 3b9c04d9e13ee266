"""Tables on standard output: fitted to a terminal, and one line a row where there is none."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.cli.console import out

WIDE = 4_000
"""Columns of what is no terminal: wide enough that no row is folded, for grep and the like."""


def show_table(titles: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[str] = ()) -> None:
    """Print rows under their titles; the columns in `numbers` stand to the right. Markup in cells is text."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold", justify="right" if title in numbers else "left")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = out if out.is_terminal else Console(width=WIDE)
    console.print(table)
