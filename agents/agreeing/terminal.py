"""The document for a terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text as Line

from agents.agreeing.document import Block, Bullets, Cards, Document, Section, Signatures, Table, Text
from agents.agreeing.entries import Entry

__all__ = ["show"]


def show(document: Document, console: Console) -> None:
    """Print the document, but for the place to sign."""
    console.print(Line(document.title, style="bold"))
    console.print(Line(" · ".join(document.facts), style="dim"))
    for section in document.sections:
        if not any(isinstance(block, Signatures) for block in section.blocks):
            console.print(_section(section))


def _section(section: Section) -> RenderableType:
    return Group(Line(), Rule(Line(section.title, style="bold"), align="left"), *map(_block, section.blocks))


def _block(block: Block) -> RenderableType:
    match block:
        case Text():
            return Line(block.text)
        case Bullets():
            return Group(*(_hanging("•", Line(item)) for item in block.items))
        case Table():
            return _table(block)
        case Cards():
            return Group(*_cards(block))
        case Signatures():
            return Group()


def _table(block: Table) -> RenderableType:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for title in block.head:
        grid.add_column(Line(title), overflow="fold")
    for row in block.rows:
        grid.add_row(*(Line(cell.strip()) for cell in row))
    return Padding(grid, (0, 0, 1, 0))


def _cards(block: Cards) -> Iterator[RenderableType]:
    for number, entry in enumerate(block.entries, 1):
        mark = f"{number}." if block.numbered else "▪"
        yield _hanging(mark, Group(*_card(entry)))


def _card(entry: Entry) -> Iterator[RenderableType]:
    title = Line(entry.title, style="bold")
    if entry.target:
        title.append("  ").append(entry.target, style="cyan")
    yield title
    if entry.sentence:
        yield Line(entry.sentence)
    for term in entry.terms:
        if term.shown:
            yield Line(f"{term.label}: ", style="dim").append(term.value, style="not dim")


def _hanging(mark: str, content: RenderableType) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, content)
    return grid
