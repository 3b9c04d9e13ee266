"""What the document that both teams sign says, in which order: a section for each thing that they agree on."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from agents.agreeing.describing import Part, things_of
from agents.agreeing.differing import changes, in_words
from agents.agreeing.document import Block, Bullets, Cards, Document, Section, Signatures, Table, Text
from agents.agreeing.entries import Entry, Term
from agents.agreeing.hours import days_off
from agents.agreeing.rules import rules
from agents.agreeing.words import Words
from agents.language import Language
from schemas.agreement import Agreement
from schemas.calendars import Calendar

__all__ = ["Source", "compose"]

YEAR: Final = timedelta(days=364)
"""From the first to the last of the days whose holidays the document lists."""


class Source(NamedTuple):
    """A version of an agreement, and the file that it was read from with the SHA-256 of its bytes, in hexadecimal."""

    agreement: Agreement
    file: str
    sha256: str


def compose(sources: Sequence[Source], language: Language) -> Document:
    """The document of the newest of an agreement's versions, with what the others say in its history.

    In: at least one version, in the order in which they take effect.
    """
    newest = sources[-1]
    words = Words(newest.agreement, language)
    composed = _Composed(words)
    sections = (*composed.sections(), *_history(sources, language), _signing(words))
    return Document(
        language=language,
        title=_title(words),
        facts=tuple(_facts(words)),
        sections=tuple(section for section in sections if section.blocks),
        footer=language.gettext(
            "Made from {file} (SHA-256 {sha256}), which is what the clocks are kept by.",
            file=newest.file,
            sha256=newest.sha256,
        ),
    )


def _title(words: Words) -> str:
    parties = words.language.all_of(map(words.name, words.agreement.parties))
    return words.language.gettext("Service-level agreement of {parties}", parties=parties)


def _facts(words: Words) -> Iterator[str]:
    say, agreement = words.language, words.agreement
    yield words.name(agreement.agreement)
    yield say.gettext("Version {number}", number=agreement.version)
    yield say.gettext("In force from {moment}", moment=say.moment(agreement.effective, agreement.timezone))


class _Composed:
    """The sections that speak of one version."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._say = words.language
        self._things: dict[Part, list[Entry]] = {}
        for thing in things_of(words):
            self._things.setdefault(thing.part, []).append(thing.entry)

    def sections(self) -> Iterator[Section]:
        """In the order of the document; one that has nothing to say has no blocks."""
        say = self._say
        yield Section("glossary", say.gettext("What the words mean"), tuple(self._glossary()))
        yield Section("roles", say.gettext("Who answers for what"), tuple(self._roles()))
        yield Section("funnel", say.gettext("The funnel"), tuple(self._funnel()))
        for party in self._words.agreement.parties:
            yield self._promises(party)
        yield Section("goals", say.gettext("Goals"), tuple(self._cards("goal")))
        yield Section("rules", say.gettext("How promises are judged"), (Bullets(tuple(rules(self._words))),))
        yield Section("calendars", say.gettext("Calendars"), tuple(self._calendars()))
        yield Section("people", say.gettext("People"), tuple(self._people()))
        yield Section("notifications", say.gettext("Notifications and escalation"), tuple(self._notifications()))
        yield Section("revenue", say.gettext("Credit for revenue"), tuple(self._credit()))

    def _entries(self, part: Part) -> tuple[Entry, ...]:
        return tuple(self._things.get(part, ()))

    def _cards(self, part: Part, *, numbered: bool = False) -> Iterator[Block]:
        if entries := self._entries(part):
            yield Cards(entries, numbered)

    def _glossary(self) -> Iterator[Block]:
        if entries := self._entries("glossary"):
            rows = tuple((entry.title, entry.terms[0].value.strip()) for entry in entries)
            yield Table((self._say.gettext("Word"), self._say.gettext("Meaning")), rows)

    def _roles(self) -> Iterator[Block]:
        say = self._say
        parties = tuple((entry.title, entry.terms[0].value) for entry in self._entries("party"))
        yield Table((say.gettext("Party"), say.gettext("Answers for it")), parties)
        head = (say.gettext("Promise"), say.gettext("Owed by"), say.gettext("Target"), say.gettext("Answers for it"))
        rows = tuple(
            (entry.title, _term(entry, "owed_by"), entry.target, _term(entry, "responsible"))
            for entry in (*self._entries("clause"), *self._entries("goal"))
        )
        if rows:
            yield Table(head, rows)

    def _funnel(self) -> Iterator[Block]:
        say = self._say
        yield from self._cards("stage", numbered=True)
        if self._entries("exit"):
            yield Text(say.gettext("Ways out:"))
            yield from self._cards("exit")
        if channels := self._entries("channel"):
            told = say.all_of(self._words.within(entry.id) for entry in channels)
            yield Text(say.gettext("Channels: {channels}.", channels=told))

    def _promises(self, party: str) -> Section:
        clauses = self._words.agreement.clauses
        owed = {clause.id for clause in clauses if clause.owed_by == party}
        entries = tuple(entry for entry in self._entries("clause") if entry.id in owed)
        title = self._say.gettext("What {party} promises", party=self._words.name(party))
        return Section(f"promises-{party}", title, (Cards(entries),) if entries else ())

    def _calendars(self) -> Iterator[Block]:
        yield from self._cards("calendar")
        first = self._first_day()
        rows = tuple(self._holidays(list(self._words.agreement.calendars.items())))
        if rows:
            days = self._say.dates(first, first + YEAR)
            head = (self._say.gettext("Calendar"), self._say.gettext("Holidays, {days}", days=days))
            yield Table(head, rows)

    def _holidays(self, calendars: list[tuple[str, Calendar]]) -> Iterator[tuple[str, str]]:
        """Calendars with the working days that they lose, those with the same ones together."""
        first = self._first_day()
        told = {
            name: "; ".join(
                self._say.gettext("{day} {holiday}", day=self._say.day(day), holiday=holiday)
                for day, holiday in days_off(calendar, first, first + YEAR, self._say)
                if calendar.days[day.weekday()]
            )
            for name, calendar in calendars
        }
        for days in dict.fromkeys(told.values()):
            if days:
                yield self._say.all_of(self._words.name(name) for name in told if told[name] == days), days

    def _first_day(self) -> date:
        agreement = self._words.agreement
        return agreement.effective.astimezone(ZoneInfo(agreement.timezone)).date()

    def _people(self) -> Iterator[Block]:
        say, keys = self._say, ("team", "manager", "calendar", "away")
        if people := self._entries("person"):
            head = (say.gettext("Name"), *(label for key, label in _labels(people[0]) if key in keys))
            yield Table(head, tuple((_titled(entry), *(_shown(entry, key) for key in keys)) for entry in people))

    def _notifications(self) -> Iterator[Block]:
        for entry in self._entries("notifications"):
            yield from self._cards("route")
            yield Bullets(tuple(map(self._told, entry.terms)))
        addresses = (*self._entries("target"), *self._entries("address"))
        if addresses:
            labels = tuple(label for _, label in _labels(addresses[0]))
            rows = tuple((entry.title, *(term.value for term in entry.terms)) for entry in addresses)
            yield Table((self._say.gettext("Told to"), *labels), rows)

    def _credit(self) -> Iterator[Block]:
        for entry in self._entries("attribution"):
            yield Bullets(tuple(map(self._told, entry.terms)))

    def _told(self, term: Term) -> str:
        return self._say.gettext("{label}: {value}", label=term.label, value=term.value)


def _term(entry: Entry, key: str) -> str:
    return next((term.value for term in entry.terms if term.key == key), "")


def _shown(entry: Entry, key: str) -> str:
    return next((term.value for term in entry.terms if term.key == key and term.shown), "")


def _labels(entry: Entry) -> list[tuple[str, str]]:
    return [(term.key, term.label) for term in entry.terms]


def _titled(entry: Entry) -> str:
    """A person by name, or a queue with what it is."""
    role = _shown(entry, "queue")
    return f"{entry.title}\n{role}" if role else entry.title


def _history(sources: Sequence[Source], language: Language) -> Iterator[Section]:
    if len(sources) == 1:
        return
    head = (language.gettext("Version"), language.gettext("In force from"), language.gettext("What changed"))
    rows = []
    for place, source in enumerate(sources):
        new = source.agreement
        told = [language.gettext("the first one")]
        if place:
            told = [in_words(change, language) for change in changes(sources[place - 1].agreement, new, language)]
        since = language.moment(new.effective, new.timezone)
        rows.append((language.number(new.version), since, "\n".join(told) or language.gettext("nothing")))
    yield Section("history", language.gettext("Versions"), (Table(head, tuple(rows)),))


def _signing(words: Words) -> Section:
    say = words.language
    places = tuple(
        (words.name(name), "" if party.responsible is None else words.person(party.responsible))
        for name, party in words.agreement.parties.items()
    )
    lines = (say.gettext("Name"), say.gettext("Role"), say.gettext("Date"), say.gettext("Signature"))
    return Section("signatures", say.gettext("Signatures"), (Signatures(places, lines),))
