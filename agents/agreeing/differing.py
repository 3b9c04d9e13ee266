"""What changed between two versions of an agreement, as data and in words that a sales leader understands.

Changes are found in what is written, so none is missed; the words come from `describing`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from agents.agreeing.describing import Part, Thing, things_of
from agents.agreeing.entries import Entry
from agents.agreeing.words import Words
from agents.language import N_, Language
from schemas.agreement import Agreement

__all__ = ["PARTS", "Change", "FieldChange", "changes", "in_words"]

PARTS: Final[dict[Part, str]] = {
    "agreement": N_("In general"),
    "clause": N_("Promises"),
    "goal": N_("Goals"),
    "stage": N_("Stages of the funnel"),
    "exit": N_("Exits from the funnel"),
    "calendar": N_("Calendars"),
    "party": N_("Parties"),
    "person": N_("People"),
    "glossary": N_("Glossary"),
    "channel": N_("Channels"),
    "attribution": N_("Credit for revenue"),
    "notifications": N_("Notifications"),
    "target": N_("Where messages go"),
    "address": N_("Addresses of people"),
    "route": N_("Who is told what"),
}
"""The parts in the order in which changes are told, and what they are called."""
_ORDERED: Final[tuple[Part, ...]] = ("stage", "exit")
"""Parts in which the order of things says something."""
_NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One key of a thing: before and after, in words (several lines at times) and as it is written."""

    field: str
    label: str
    old: str
    new: str
    old_value: object
    new_value: object


@dataclass(frozen=True, slots=True)
class Change:
    """A thing that was added, removed, changed or, as a whole part, put in another order.

    `text` says in a sentence what was promised or is now, where there is one.
    """

    part: Part
    id: str
    change: Literal["added", "removed", "changed", "reordered"]
    title: str
    text: str = ""
    fields: tuple[FieldChange, ...] = ()


def changes(old: Agreement, new: Agreement, language: Language) -> list[Change]:
    """What the new version changes, part by part, but for its number and since when; none where both say the same."""
    before, after = _by_part(old, language), _by_part(new, language)
    return [change for part in PARTS for change in _in_part(part, before[part], after[part], language)]


def in_words(change: Change, language: Language) -> str:
    """One change in one line."""
    if change.change == "added":
        return language.gettext("Added: {what}", what=_what(change))
    if change.change == "removed":
        return language.gettext("Removed: {what}", what=_what(change))
    fields = "; ".join(_field_in_words(field, language) for field in change.fields)
    return language.gettext("{title}: {changes}", title=change.title, changes=fields)


def _field_in_words(field: FieldChange, language: Language) -> str:
    old, new = _one_line(field.old), _one_line(field.new)
    return language.gettext("{label}: {old} → {new}", label=field.label, old=old, new=new)


def _what(change: Change) -> str:
    return f"{change.title}: {_one_line(change.text)}" if change.text else change.title


def _one_line(text: str) -> str:
    return text.replace("\n", "; ")


def _by_part(agreement: Agreement, language: Language) -> dict[Part, dict[str, Thing]]:
    found: dict[Part, dict[str, Thing]] = {part: {} for part in PARTS}
    for thing in things_of(Words(agreement, language)):
        found[thing.part][thing.entry.id] = thing
    return found


def _in_part(part: Part, old: Mapping[str, Thing], new: Mapping[str, Thing], language: Language) -> Iterator[Change]:
    for ident, thing in new.items():
        if ident not in old:
            yield Change(part, ident, "added", thing.entry.title, _text(thing.entry))
        elif fields := tuple(_fields(old[ident], thing)):
            yield Change(part, ident, "changed", thing.entry.title, _text(thing.entry), fields)
    for ident, thing in old.items():
        if ident not in new:
            yield Change(part, ident, "removed", thing.entry.title, _text(thing.entry))
    if part in _ORDERED:
        yield from _order(part, old, new, language)


def _order(part: Part, old: Mapping[str, Thing], new: Mapping[str, Thing], language: Language) -> Iterator[Change]:
    before = [ident for ident in old if ident in new]
    after = [ident for ident in new if ident in old]
    if before != after:
        was, now = (_titles(old, before), _titles(new, after))
        change = FieldChange("order", language.gettext("Order"), was, now, before, after)
        yield Change(part, "", "reordered", language.gettext(PARTS[part]), fields=(change,))


def _titles(things: Mapping[str, Thing], order: list[str]) -> str:
    return ", ".join(things[ident].entry.title for ident in order)


def _text(entry: Entry) -> str:
    """What a thing says, in its sentence or, without one, in the terms that are shown."""
    return entry.sentence or "\n".join(f"{term.label}: {_one_line(term.value)}" for term in entry.terms if term.shown)


def _fields(old: Thing, new: Thing) -> Iterator[FieldChange]:
    before, after = _words_of(old.entry), _words_of(new.entry)
    keys = [term.key for term in new.entry.terms] + [term.key for term in old.entry.terms]
    for key in dict.fromkeys([*keys, *new.written, *old.written]):
        was, now = old.written.get(key), new.written.get(key)
        if was == now:
            continue
        label = after.get(key, before.get(key, (key, "")))[0]
        told = (before.get(key, ("", _NOTHING))[1], after.get(key, ("", _NOTHING))[1])
        if told[0] == told[1]:  # the same in words: show how it is written
            told = (_written(was), _written(now))
        yield FieldChange(key, label, *told, was, now)


def _words_of(entry: Entry) -> dict[str, tuple[str, str]]:
    return {term.key: (term.label, term.value) for term in entry.terms}


def _written(value: object) -> str:
    return _NOTHING if value is None else msgspec.json.encode(value).decode().strip('"')
