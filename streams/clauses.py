"""The clauses that run a clock, as one version of the agreement has them, made ready for folding (DESIGN §5)."""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.agreement import Agreement, Person
from schemas.duration import Duration
from schemas.matcher import Matcher, OwnedByPerson
from schemas.promises import OWNERS_CALENDAR, AttemptsClause, ResponseClause, Tier
from streams.calendar import ALWAYS_OPEN_WEEK, Calendar, NeverOpenError, from_agreement
from streams.matching import Pattern
from streams.moments import Moments
from streams.zones import YEARS, year_start

NEVER_US: Final = year_start(YEARS.stop)
"""The due time of what never falls due: the end of the years that calendars know."""
SECOND_US: Final = 1_000_000


class Calendars:
    """The calendars of one version: the agreement's, a named one, and each owner's, less the days away.

    Where none is named, every hour of every day is open; which day that is, the agreement's `timezone` says.
    """

    def __init__(self, agreement: Agreement) -> None:
        self._named = {name: from_agreement(written) for name, written in agreement.calendars.items()}
        self._written = agreement.calendars
        self._people = {person.id: person for person in agreement.people if not person.queue}
        self._default = agreement.calendar
        self._zone = agreement.timezone
        self._always = Calendar(self._zone, ALWAYS_OPEN_WEEK)
        self._owners: dict[str, Calendar] = {}

    def named(self, name: str | None) -> Calendar:
        """The calendar of that name; with none the agreement's, which is always open where it names none."""
        chosen = name if name is not None else self._default
        return self._always if chosen is None else self._named[chosen]

    def of_owner(self, owner: str | None) -> Calendar:
        """The owner's, less the days away; the agreement's without one, or where a queue has the lead (§5.3)."""
        person = None if owner is None else self._people.get(owner)
        if person is None:
            return self.named(None)
        if person.id not in self._owners:
            self._owners[person.id] = self._of_person(person)
        return self._owners[person.id]

    def _of_person(self, person: Person) -> Calendar:
        if not person.away:
            return self.named(person.calendar)
        name = person.calendar if person.calendar is not None else self._default
        away = [(range_.first, range_.last) for range_ in person.away]
        if name is None:
            return Calendar(self._zone, ALWAYS_OPEN_WEEK, away=away)
        return from_agreement(self._written[name], away)


class ClockTerms:
    """One clause with a clock, in one version.

    `starts`, `answers` (or what is counted, with `at_least`), `excuses` and `cancels` are the moments that it waits
    for; `cancels` is None where every exit cancels. `at_once`: whether an owner answers it who is there at the start.
    """

    def __init__(self, clause: ResponseClause | AttemptsClause, agreement: Agreement, calendars: Calendars) -> None:
        self.id = clause.id
        self.version = agreement.version
        self.owed_by = clause.owed_by
        self.responsible = clause.responsible or agreement.parties[clause.owed_by].responsible
        self.from_owner = clause.begins == "owner"
        self.by_owner = clause.by == "owner"
        self.starts = Moments(clause.starts, machines=True)
        answers: Sequence[Matcher] = clause.met_by if isinstance(clause, ResponseClause) else clause.counts
        excuses: Sequence[Matcher] = () if isinstance(clause, ResponseClause) else clause.unless or ()
        self.answers = Moments(answers)
        self.excuses = Moments(excuses) if excuses else None
        self.at_least = 1 if isinstance(clause, ResponseClause) else clause.at_least
        self.cancels = None if clause.cancel_on is None else Moments(clause.cancel_on, machines=True)
        self.owner_answers = _names_owner(answers)
        self.owner_excuses = _names_owner(excuses)
        self._within = clause.within
        self._tiers = [_Tier(tier) for tier in clause.tiers]
        self._warn_at = sorted(clause.warn_at)
        self.fractions: tuple[float, ...] = tuple(self._warn_at)
        self._calendars = calendars
        self._calendar = clause.calendar

    def calendar(self, owner: str | None) -> Calendar:
        """The calendar of a clock that started while the lead was this owner's."""
        if self._calendar == OWNERS_CALENDAR:
            return self._calendars.of_owner(owner)
        return self._calendars.named(self._calendar)

    def tier(self, profile: Mapping[str, object]) -> int | None:
        """The place of the first tier that takes the profile."""
        return next((place for place, tier in enumerate(self._tiers) if tier.takes(profile)), None)

    def within(self, tier: int | None) -> Duration:
        """The target, of the tier or else of the clause."""
        return self._within if tier is None else self._tiers[tier].within

    def due(self, started: int, tier: int | None, owner: str | None) -> tuple[int, int]:
        """When a clock falls due, and how much open time it has until then (microseconds)."""
        calendar, within = self.calendar(owner), self.within(tier)
        try:
            if within.unit == "bd":
                due = calendar.business_day_close(started, within.amount)
                return due, calendar.open_us(started, due)
            target = within.seconds * SECOND_US
            return calendar.due_us(started, target), target
        except NeverOpenError:
            return NEVER_US, calendar.open_us(started, NEVER_US)

    def warnings(self, started: int, target: int, owner: str | None) -> list[int]:
        """The instants at which a share of the open time is gone, for each of `warn_at` in their order."""
        calendar = self.calendar(owner)
        return [_due(calendar, started, round(target * fraction)) for fraction in self._warn_at]


class _Tier:
    def __init__(self, tier: Tier) -> None:
        self.within = tier.within
        self._when = [Pattern({}, matcher.profile) for matcher in tier.when]

    def takes(self, profile: Mapping[str, object]) -> bool:
        return any(not pattern.missing(profile) for pattern in self._when)  # type: ignore[arg-type]


def _due(calendar: Calendar, started: int, open_us: int) -> int:
    try:
        return calendar.due_us(started, open_us)
    except NeverOpenError:
        return NEVER_US


def _names_owner(matchers: Sequence[Matcher]) -> bool:
    return any(isinstance(matcher, OwnedByPerson) for matcher in matchers)


def clock_terms(agreement: Agreement, calendars: Calendars) -> tuple[ClockTerms, ...]:
    """The clauses of a version that run a clock, in its order."""
    return tuple(
        ClockTerms(clause, agreement, calendars)
        for clause in agreement.clauses
        if isinstance(clause, ResponseClause | AttemptsClause)
    )
