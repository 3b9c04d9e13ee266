"""From what is said of clocks to who is told it, where and when: the agreement's `notifications` (DESIGN §3).

Times are microseconds since the Unix epoch, UTC; now is a parameter.
"""

from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from schemas.compact import micros
from schemas.derived import ClockChange, ClockEvent
from schemas.notifications import MANAGER, OWNER, RESPONSIBLE, Notifications, Route
from streams.calendar import ALWAYS_OPEN, Calendar, CalendarError
from streams.clauses import Calendars
from streams.terms import Terms, Versions

__all__ = ["FALLBACK", "ClockFact", "Notice", "Notices", "Plan", "clock_fact", "key_of"]

SECOND_US: Final = 1_000_000
FALLBACK: Final = "fallback"
"""The role of an address that is told in the place of a person who cannot be."""


class ClockFact(msgspec.Struct, frozen=True):
    """What was said of a clock, as far as people are told it."""

    lead: str
    kind: str
    cycle: int
    revision: int
    holds: bool
    change: ClockChange
    clause: str
    version: int
    owed_by: str
    at: int
    started_at: int
    due_at: int
    responsible: str | None = None
    owner_at_start: str | None = None
    owner: str | None = None
    fraction: float | None = None
    answered_at: int | None = None
    answered_by: str | None = None
    elapsed_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the wait: neither an answer, late or not, nor an exit."""
        return self.answered_at is None and self.elapsed_s is None

    @property
    def clock(self) -> tuple[str, str]:
        """The clocks of one clause and lead: one after another, by cycle."""
        return self.lead, self.clause


class Notice(msgspec.Struct, frozen=True):
    """That an address is to be told a fact.

    `key` is the same whenever the same fact is told to the same address, whatever its revision. `after_s`: 0, or the
    open seconds for which a breach went unanswered. `role`: why this address, if not by its own name. `due`: when it
    is to be told, quiet hours apart; `taken`: when that became known.
    """

    key: str
    to: str
    role: str
    after_s: int
    urgent: bool
    due: int
    taken: int
    fact: ClockFact


class Plan(NamedTuple):
    """What a fact comes to: notices, and the people and roles who should be told and cannot be."""

    notices: tuple[Notice, ...] = ()
    unreached: tuple[str, ...] = ()


def clock_fact(event: ClockEvent) -> ClockFact:
    """What is told of an event of `baton.clocks`."""
    data = event.data
    return ClockFact(
        lead=data.fact.lead,
        kind=data.fact.kind,
        cycle=data.cycle,
        revision=data.revision,
        holds=data.holds,
        change=data.change,
        clause=data.clause,
        version=data.agreement_version,
        owed_by=data.owed_by,
        at=micros(data.at),
        started_at=micros(data.started_at),
        due_at=micros(data.due_at),
        responsible=data.responsible,
        owner_at_start=data.owner_at_start,
        owner=data.owner,
        fraction=data.fraction,
        answered_at=None if data.answered_at is None else micros(data.answered_at),
        answered_by=data.answered_by,
        elapsed_s=data.elapsed_s,
    )


def key_of(fact: ClockFact, after_s: int, to: str) -> str:
    """The de-duplicating key: a hash of what is told (without its revision), at which step, and of the address."""
    return sha256("\0".join((fact.lead, fact.kind, str(fact.cycle), str(after_s), to)).encode()).hexdigest()[:32]


class Notices:
    """Who is told what, by every version of the agreement: routes and addresses are those in force now.

    Nothing is told later than `max_age_s` after it first might have been: time in quiet hours is not counted (§5.9).
    """

    def __init__(self, versions: Versions, max_age_s: float) -> None:
        self._max_age = round(max_age_s * SECOND_US)
        self.adopt(versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on; others may be asking meanwhile."""
        self._rules = {terms.version: _Rules(terms) for terms in versions.all}
        self._versions = versions

    @property
    def max_age(self) -> int:
        """The age past which nothing is told, in microseconds."""
        return self._max_age

    def of(self, fact: ClockFact, now: int) -> Plan:
        """What is to be told of a fact, at once or later; nothing of one that does not hold, or is too old."""
        rules = self._at(now)
        if not fact.holds or rules is None:
            return Plan()
        wanted: dict[tuple[int, str], Notice] = {}
        unreached: dict[str, None] = {}
        for after_s, name, urgent in rules.wanted(fact):
            found = rules.address(name, fact)
            if found is None:
                unreached[rules.person(name, fact) or name] = None
                continue
            due = fact.at if after_s == 0 else self._escalated(fact, after_s)
            if due is None or self._opens(rules, found.to, urgent, due) + self._max_age < now:
                continue
            before = wanted.get((after_s, found.to))
            if before is None or (urgent and not before.urgent):
                key = key_of(fact, after_s, found.to)
                wanted[after_s, found.to] = Notice(key, found.to, found.role, after_s, urgent, due, now, fact)
        return Plan(tuple(wanted.values()), tuple(unreached))

    def may_send(self, to: str, urgent: bool, now: int) -> bool:
        """Whether the address may be disturbed now."""
        rules = self._at(now)
        return urgent or rules is None or self._opens(rules, to, False, now) == now

    def is_too_old(self, notice: Notice, now: int) -> bool:
        """Whether it first might have been told so long ago that nobody is told it any more."""
        rules = self._at(now)
        opens = notice.due if rules is None else self._opens(rules, notice.to, notice.urgent, notice.due)
        return opens + self._max_age < now

    def group(self, now: int) -> int:
        """How long messages are collected (microseconds)."""
        rules = self._at(now)
        return 0 if rules is None else rules.section.group.seconds * SECOND_US

    def section(self, now: int) -> Notifications | None:
        """The agreement's notifications that are in force."""
        rules = self._at(now)
        return None if rules is None else rules.section

    def _at(self, now: int) -> "_Rules | None":
        rules = self._rules[self._versions.at(now).version]
        return rules if rules.has_section else None

    def _escalated(self, fact: ClockFact, after_s: int) -> int | None:
        """When so much open time has passed since a breach, on the clock's own calendar; None: never."""
        try:
            return self._clock_calendar(fact).due_us(fact.at, after_s * SECOND_US)
        except CalendarError:
            return None

    def _clock_calendar(self, fact: ClockFact) -> Calendar:
        try:
            return self._versions.clock_terms(fact.version, fact.clause).calendar(fact.owner_at_start)
        except KeyError:
            return ALWAYS_OPEN  # by a version that is not here

    def _opens(self, rules: "_Rules", to: str, urgent: bool, instant: int) -> int:
        """The first instant, not before this one, at which the address may be disturbed."""
        if urgent:
            return instant
        try:
            return rules.hours(to).next_open(instant)
        except CalendarError:
            return instant  # beyond the years that calendars know


class _Found(NamedTuple):
    to: str
    role: str


class _Rules:
    """The notifications of one version, ready to be asked."""

    def __init__(self, terms: Terms) -> None:
        agreement = terms.agreement
        self.has_section = agreement.notifications is not None
        self.section = agreement.notifications or _NOTHING
        self._is_person = terms.is_person
        self._people = {person.id: person for person in agreement.people}
        self._calendars = Calendars(agreement)

    def wanted(self, fact: ClockFact) -> Iterator[tuple[int, str, bool]]:
        """Who is told by the routes that match: after how many seconds, by which name, and whether urgently."""
        for route in self.section.routes:
            if not self._matches(route, fact):
                continue
            yield from ((0, name, route.urgent) for name in route.to)
            if fact.change == "breached" and fact.is_open:
                for step in route.escalate:
                    yield from ((step.after.seconds, name, step.urgent) for name in step.to)

    def person(self, name: str, fact: ClockFact) -> str | None:
        """Whom a name of a route means; None: nobody, or a target."""
        owner = fact.owner if self._is_person(fact.owner) else None
        if name == OWNER:
            return owner
        if name == MANAGER:
            person = None if owner is None else self._people.get(owner)
            return None if person is None else person.manager
        if name == RESPONSIBLE:
            return fact.responsible
        return name if name in self.section.people else None

    def address(self, name: str, fact: ClockFact) -> _Found | None:
        """Where a name of a route leads, the fallback in the place of a person who has no address; None: nowhere."""
        if name in self.section.targets:
            return _Found(name, "")
        person = self.person(name, fact)
        if person is not None and person in self.section.people:
            return _Found(person, name if name != person else "")
        return None if self.section.fallback is None else _Found(self.section.fallback, FALLBACK)

    def hours(self, to: str) -> Calendar:
        """When the address may be disturbed."""
        name = self.section.calendar_of(to)
        return ALWAYS_OPEN if name is None else self._calendars.named(name)

    def _matches(self, route: Route, fact: ClockFact) -> bool:
        person = None if fact.owner is None else self._people.get(fact.owner)
        return (
            fact.change in route.change
            and _among(fact.clause, route.clause)
            and _among(fact.owed_by, route.owed_by)
            and _among(fact.owner, route.owner)
            and _among(None if person is None else person.team, route.team)
        )


_NOTHING: Final = Notifications.model_construct(routes=())


def _among(value: str | None, wanted: Collection[str] | None) -> bool:
    return wanted is None or value in wanted
