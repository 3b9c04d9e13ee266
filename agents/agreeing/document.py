"""The document that both teams sign, as plain blocks: `composing` fills it, each medium has a module of its own."""

from dataclasses import dataclass
from typing import TypeAlias

from agents.agreeing.entries import Entry
from agents.language import Language

__all__ = ["Block", "Bullets", "Cards", "Document", "Section", "Signatures", "Table", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their titles; a cell may have several lines."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """Things one below the other, each with its title, its sentence and its terms; numbered where order matters."""

    entries: tuple[Entry, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Signatures:
    """A place to sign for each party: the party and who answers for it; and what the lines are for."""

    places: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]


Block: TypeAlias = Text | Bullets | Table | Cards | Signatures


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document, with an id that is the same in every language."""

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """All of it; `facts` are what stands below the title, `footer` at the end."""

    language: Language
    title: str
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str
