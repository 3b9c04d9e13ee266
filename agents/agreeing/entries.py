"""An agreement in words, part by part: what a document lays out and what a comparison compares."""

from dataclasses import dataclass

__all__ = ["Entry", "Term"]


@dataclass(frozen=True, slots=True)
class Term:
    """One key of a part, in words; a value may have several lines.

    `key` is the agreement's own. What is not `shown` goes without saying in a document, or its entry's sentence says
    it: those words are for a comparison.
    """

    key: str
    label: str
    value: str
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the agreement names: what it is called, what it says in a sentence, and its terms.

    `target` is what is promised, in a word or two; it and the sentence are empty where nothing is promised.
    """

    id: str
    title: str
    terms: tuple[Term, ...]
    sentence: str = ""
    target: str = ""
