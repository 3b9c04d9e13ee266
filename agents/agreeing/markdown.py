"""The document as Markdown, with the tables of GitHub's."""

import re
from collections.abc import Iterator

from agents.agreeing.document import Block, Bullets, Cards, Document, Section, Signatures, Table, Text
from agents.agreeing.entries import Entry

__all__ = ["to_markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_AT_START = re.compile(r"^(\s*)([#+-]|\d+[.)])(?=\s)")


def to_markdown(document: Document) -> str:
    """The document, whole; what an agreement says is escaped."""
    parts = [f"# {_plain(document.title)}", " · ".join(map(_plain, document.facts))]
    for section in document.sections:
        parts += _section(section)
    parts += ["---", f"<small>{_plain(document.footer)}</small>"]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text():
            yield _plain(block.text)
        case Bullets():
            yield "\n".join(f"- {_one_line(item)}" for item in block.items)
        case Table():
            yield _table(block)
        case Cards():
            for number, entry in enumerate(block.entries, 1):
                yield from _card(entry, f"{number}. " if block.numbered else "")
        case Signatures():
            yield from _signatures(block)


def _card(entry: Entry, number: str) -> Iterator[str]:
    target = f" — {_plain(entry.target)}" if entry.target else ""
    yield f"### {number}{_plain(entry.title)}{target}"
    if entry.sentence:
        yield _plain(entry.sentence)
    shown = [term for term in entry.terms if term.shown]
    if shown:
        yield "\n".join(f"- **{_plain(term.label)}:** {_one_line(term.value)}" for term in shown)


def _table(table: Table) -> str:
    rows = [table.head, ("---",) * len(table.head)]
    lines = ["| " + " | ".join(map(_plain, rows[0])) + " |", "|" + "|".join(rows[1]) + "|"]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in table.rows]
    return "\n".join(lines)


def _signatures(block: Signatures) -> Iterator[str]:
    for party, person in block.places:
        yield f"### {_plain(party)}"
        head, *rest = block.lines
        filled = [f"| {_plain(head)} | {_plain(person)} |", "|---|---|", *(f"| {_plain(line)} | |" for line in rest)]
        yield "\n".join(filled)


def _cell(text: str) -> str:
    return "<br>".join(_plain(line) for line in text.strip().split("\n"))


def _one_line(text: str) -> str:
    return "; ".join(_plain(line) for line in text.strip().split("\n"))


def _plain(text: str) -> str:
    """Text that means nothing else in Markdown."""
    return _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))
