"""A whole agreement part by part: each thing that it names as it is written, and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agents.agreeing.entries import Entry, Term
from agents.agreeing.funnel import exit_entry, frame_terms, party_entry, stage_entry
from agents.agreeing.goals import attribution_terms, goal_entry
from agents.agreeing.hours import calendar_entry, person_entry
from agents.agreeing.notices import address_entry, notice_terms, route_entry
from agents.agreeing.promises import clause_entry
from agents.agreeing.words import Words
from schemas.frozen import Frozen
from schemas.notifications import Route

__all__ = ["Part", "Thing", "things_of"]

Part: TypeAlias = Literal[
    "agreement",
    "party",
    "person",
    "glossary",
    "channel",
    "calendar",
    "stage",
    "exit",
    "clause",
    "goal",
    "attribution",
    "notifications",
    "target",
    "address",
    "route",
]
Written: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that an agreement names: its keys as they are written, and in words."""

    part: Part
    written: Written
    entry: Entry


def things_of(words: Words) -> Iterator[Thing]:
    """Everything that an agreement names, in its own order, but for its name, its version and since when."""
    yield from _frame(words)
    yield from _who(words)
    yield from _what(words)
    yield from _told(words)


def _frame(words: Words) -> Iterator[Thing]:
    agreement, say = words.agreement, words.language
    frame = agreement.model_dump(mode="json", include={"timezone", "calendar", "lateness"})
    yield Thing("agreement", frame, Entry("agreement", say.gettext("In general"), tuple(frame_terms(words))))
    for term, meaning in agreement.glossary.items():
        told = Term("meaning", say.gettext("Meaning"), meaning)
        yield Thing("glossary", {"meaning": meaning}, Entry(term, words.name(term), (told,)))
    for channel in agreement.channels:
        yield Thing("channel", {}, Entry(channel, words.name(channel), ()))
    for name, calendar in agreement.calendars.items():
        yield Thing("calendar", _dumped(calendar), calendar_entry(words, name, calendar))


def _who(words: Words) -> Iterator[Thing]:
    for name, party in words.agreement.parties.items():
        yield Thing("party", _dumped(party), party_entry(words, name, party))
    for person in words.agreement.people:
        yield Thing("person", _dumped(person), person_entry(words, person))


def _what(words: Words) -> Iterator[Thing]:
    agreement, say = words.agreement, words.language
    for stage in agreement.funnel.stages:
        yield Thing("stage", _dumped(stage), stage_entry(words, stage))
    for way_out in agreement.funnel.exits:
        yield Thing("exit", _dumped(way_out), exit_entry(words, way_out))
    for clause in agreement.clauses:
        yield Thing("clause", _dumped(clause), clause_entry(words, clause))
    for goal in agreement.goals:
        yield Thing("goal", _dumped(goal), goal_entry(words, goal))
    if agreement.attribution is not None:
        terms = tuple(attribution_terms(words, agreement.attribution))
        entry = Entry("attribution", say.gettext("Credit for revenue"), terms)
        yield Thing("attribution", _dumped(agreement.attribution), entry)


def _told(words: Words) -> Iterator[Thing]:
    told = words.agreement.notifications
    if told is None:
        return
    dumped = told.model_dump(mode="json", include={"fallback", "quiet_outside", "group"})
    entry = Entry("notifications", words.language.gettext("Notifications"), tuple(notice_terms(words, told)))
    yield Thing("notifications", dumped, entry)
    for name, address in told.targets.items():
        yield Thing("target", _dumped(address), address_entry(words, name, address, words.name(name)))
    for name, address in told.people.items():
        yield Thing("address", _dumped(address), address_entry(words, name, address, words.person(name)))
    seen: dict[str, int] = {}
    for route in told.routes:
        matched = _matched(route)
        seen[matched] = seen.get(matched, 0) + 1
        ident = matched if seen[matched] == 1 else f"{matched} #{seen[matched]}"
        yield Thing("route", _dumped(route), route_entry(words, ident, route))


def _matched(route: Route) -> str:
    """What a route is about: it has no name, and this is what tells it from the others."""
    about = (route.change, route.clause, route.owed_by, route.owner, route.team)
    return " ".join("|".join(names) for names in about if names)


def _dumped(model: Frozen) -> Written:
    return {key: value for key, value in model.model_dump(mode="json").items() if key != "id"}
