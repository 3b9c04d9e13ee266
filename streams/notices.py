"""From what is said of clocks and promises to who is told it, where and when: `notifications` (DESIGN §3).

Times are microseconds since the Unix epoch, UTC; now is a parameter.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from schemas.agreement import Agreement
from schemas.notifications import MANAGER, OWNER, RESPONSIBLE, Notifications, Route
from schemas.promises import AnyClause, AnyGoal
from streams.calendar import ALWAYS_OPEN, Calendar, CalendarError
from streams.terms import Terms, Versions
from streams.told_facts import ClockFact, PromiseFact, ToldFact, key_of

__all__ = ["FALLBACK", "Notice", "Notices", "Plan"]

SECOND_US: Final = 1_000_000
FALLBACK: Final = "fallback"
"""The role of an address that is told in the place of a person who cannot be."""


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
    fact: ToldFact


class Plan(NamedTuple):
    """What a fact comes to: notices, and the people and roles who should be told and cannot be."""

    notices: tuple[Notice, ...] = ()
    unreached: tuple[str, ...] = ()


Told: TypeAlias = Collection[tuple[str, str]]
"""What was told before of the same promise and period: addresses, each with a standing."""


class Notices:
    """Who is told what, by every version of the agreement: routes and addresses are those in force now.

    Nothing is told later than `max_age_s` after it fell due, the first quiet hours that it meets not counted (§5.9).
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

    def of(self, fact: ToldFact, now: int, told: Told = ()) -> Plan:
        """What is to be told of a fact, at once or later; nothing of one that does not hold, or is too old.

        Of a promise, it depends on what was told of it before.
        """
        rules = self._at(now)
        if not fact.holds or rules is None:
            return Plan()
        if isinstance(fact, PromiseFact):
            fact = self._answered_for(fact, rules)
        wanted: dict[tuple[int, str], Notice] = {}
        unreached: dict[str, None] = {}
        for after_s, name, urgent in rules.wanted(fact):
            found = rules.address(name, fact)
            due = self._due(fact, after_s, _told_to(found, told), now)
            if due is None or self._is_past(rules, found, urgent, due, now):
                continue
            if found is None:
                unreached[rules.person(name, fact) or name] = None
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
        """Whether it fell due so long ago that nobody is told it any more."""
        rules = self._at(now)
        if rules is None:
            return notice.due + self._max_age < now
        return self._is_past(rules, _Found(notice.to, notice.role), notice.urgent, notice.due, now)

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

    def _is_past(self, rules: "_Rules", found: "_Found | None", urgent: bool, due: int, now: int) -> bool:
        last = due + self._max_age
        if last >= now or found is None or urgent:
            return last < now
        return last + self._quiet(rules, found.to, due) < now

    def _quiet(self, rules: "_Rules", to: str, due: int) -> int:
        """How long the first quiet hours of an address are, if there are any while a message to it may be told."""
        try:
            hours = rules.hours(to)
            closes = hours.next_closed(due, due + self._max_age)
            return hours.next_open(closes) - closes
        except CalendarError:
            return 0  # beyond the years that calendars know

    def _due(self, fact: ToldFact, after_s: int, told: Collection[str], now: int) -> int | None:
        """When an address is to be told, which was told these standings of the same promise; None: never."""
        if isinstance(fact, PromiseFact):
            return due_of(fact, told, now)
        return fact.at if after_s == 0 else self._escalated(fact, after_s)

    def _answered_for(self, fact: PromiseFact, rules: "_Rules") -> PromiseFact:
        """The fact with who answers for it now, or did by the version that judges it."""
        for known in (rules, self._rules.get(fact.version)):
            if known is not None and fact.promise in known.responsible:
                return msgspec.structs.replace(fact, responsible=known.responsible[fact.promise])
        return fact

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


def due_of(fact: PromiseFact, told: Collection[str], now: int) -> int | None:
    """When an address is to be told how a promise stands, which was told these standings before; None: never.

    A pace says something from a quarter of the period on: until then everything is off pace. Being on pace is told to
    those who were told of being off it. A verdict that takes back one that was told is due when that is known. A cohort
    that has time to settle is missed only once it is over: until then it can still be kept, and it mostly is.
    """
    match fact.change:
        case "off_pace":
            return max(fact.at, fact.begin + (fact.end - fact.begin) // 4)
        case "on_pace":
            return fact.at if "off_pace" in told else None
        case "missed":
            return None if fact.provisional else now if "kept" in told else fact.at
        case "kept":
            return now if "missed" in told else fact.at


class _Found(NamedTuple):
    to: str
    role: str


def _told_to(found: _Found | None, told: Told) -> set[str]:
    """The standings that the address was told."""
    return set() if found is None else {standing for to, standing in told if to == found.to}


class _Rules:
    """The notifications of one version, ready to be asked."""

    def __init__(self, terms: Terms) -> None:
        agreement = terms.agreement
        self.has_section = agreement.notifications is not None
        self.section = agreement.notifications or _NOTHING
        self._is_person = terms.is_person
        self._people = {person.id: person for person in agreement.people}
        self._calendars = terms.calendars
        self.responsible = dict(_responsible(agreement))
        """Who answers for each clause and goal."""

    def wanted(self, fact: ToldFact) -> Iterator[tuple[int, str, bool]]:
        """Who is told by the routes that match: after how many seconds, by which name, and whether urgently."""
        for route in self.section.routes:
            if not self._matches(route, fact):
                continue
            yield from ((0, name, route.urgent) for name in route.to)
            if isinstance(fact, ClockFact) and fact.change == "breached" and fact.is_open:
                for step in route.escalate:
                    yield from ((step.after.seconds, name, step.urgent) for name in step.to)

    def person(self, name: str, fact: ToldFact) -> str | None:
        """Whom a name of a route means; None: nobody, or a target."""
        owner = _owner(fact) if self._is_person(_owner(fact)) else None
        if name == OWNER:
            return owner
        if name == MANAGER:
            person = None if owner is None else self._people.get(owner)
            return None if person is None else person.manager
        if name == RESPONSIBLE:
            return fact.responsible
        return name if name in self.section.people else None

    def address(self, name: str, fact: ToldFact) -> _Found | None:
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

    def _matches(self, route: Route, fact: ToldFact) -> bool:
        owner = _owner(fact)
        person = None if owner is None else self._people.get(owner)
        return (
            fact.change in route.change
            and _among(fact.promised, route.clause)
            and _among(fact.owed_by, route.owed_by)
            and _among(owner, route.owner)
            and _among(None if person is None else person.team, route.team)
        )


_NOTHING: Final = Notifications.model_construct(routes=())


def _owner(fact: ToldFact) -> str | None:
    """The owner of the lead whose clock it is; a promise by period has none."""
    return fact.owner if isinstance(fact, ClockFact) else None


def _responsible(agreement: Agreement) -> Iterator[tuple[str, str | None]]:
    promises: list[AnyClause | AnyGoal] = [*agreement.clauses, *agreement.goals]
    for promise in promises:
        party = None if promise.owed_by is None else agreement.parties[promise.owed_by].responsible
        yield promise.id, promise.responsible or party


def _among(value: str | None, wanted: Collection[str] | None) -> bool:
    return wanted is None or value in wanted
