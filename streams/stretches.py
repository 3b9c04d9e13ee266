"""A span of time cut up by a calendar as it is written: which stretches count for a clock, and why not (DESIGN §5.3).

`streams.calendar` gives the sums; here every stretch is named, for people. Both come to the same open time, exactly.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

import holidays

from schemas.agreement import Agreement
from schemas.calendars import Calendar as WrittenCalendar
from schemas.hours import Away
from schemas.promises import OWNERS_CALENDAR, AttemptsClause, ResponseClause
from streams.holidays import HOLIDAY_YEARS
from streams.zones import DAY_S, DAY_US, SECOND_US, offset_stretches, year_of

__all__ = ["COUNTED", "Schedule", "Stretch", "Why", "counted_us", "schedule_of", "sums"]

Why: TypeAlias = Literal["always", "open", "date_hours", "closed", "day_off", "other_hours", "holiday", "extra", "away"]
"""Why a stretch counts, or does not.

It counts: `always` (no calendar), `open` (the week's hours), `date_hours` (that date's own). It does not: `closed` (out
of hours), `day_off` (a weekday without any), `other_hours` (out of that date's own), `holiday`, `extra` (a date that
the calendar adds to them), `away` (the owner is).
"""
COUNTED: Final[frozenset[Why]] = frozenset({"always", "open", "date_hours"})
_EPOCH: Final = date(1970, 1, 1)
_Part: TypeAlias = tuple[int, int, Why]


class Stretch(NamedTuple):
    """From one instant to another (microseconds, the second excluded), why, and the holiday's name where it has one."""

    begin: int
    end: int
    why: Why
    name: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it is open time."""
        return self.why in COUNTED

    @property
    def us(self) -> int:
        """How long it is, in microseconds."""
        return self.end - self.begin


class Schedule:
    """The calendar of a clock: its name in the agreement (None: always open, in `zone`), and whose it is.

    `owner`: the person whose calendar it is, less the days away; None where it is the clause's or the agreement's.
    `unfrozen`: the calendar as it was before its country's holidays were made dates, which it names.
    """

    def __init__(
        self,
        name: str | None,
        written: WrittenCalendar | None,
        owner: str | None = None,
        away: Sequence[Away] = (),
        zone: str = "UTC",
        unfrozen: WrittenCalendar | None = None,
    ) -> None:
        self.name = name
        self.owner = owner
        self.zone = zone if written is None else written.timezone
        self._written = written
        self._week = None if written is None else written.days
        self._away = away
        self._dates = None if written is None else written.holidays
        self._named = self._dates if unfrozen is None else unfrozen.holidays

    def stretches(self, start: int, end: int) -> list[Stretch]:
        """The whole of [start, end), in order; neighbours have different reasons. Raises OutOfRangeError."""
        found: list[Stretch] = []
        for one in self._pieces(start, end):
            last = found[-1] if found else None
            if last is not None and (last.why, last.name) == (one.why, one.name):
                found[-1] = last._replace(end=one.end)
            else:
                found.append(one)
        return found

    def _pieces(self, start: int, end: int) -> Iterator[Stretch]:
        if end <= start:
            return
        if self._written is None and not self._away:
            yield Stretch(start, end, "always")
            return
        years = range(year_of(start), year_of(end) + 1)
        for begin, stop, offset in (one for year in years for one in offset_stretches(self.zone, year)):
            first, last = max(begin, start), min(stop, end)
            if first < last:
                for day in range((first + offset) // DAY_US, (last - 1 + offset) // DAY_US + 1):
                    yield from self._of_day(day, day * DAY_US - offset, first, last)

    def _of_day(self, day: int, midnight: int, first: int, last: int) -> Iterator[Stretch]:
        """The stretches of a local day that begins at `midnight`, as far as they lie in [first, last)."""
        local = _EPOCH + timedelta(days=day)
        name = self._holiday(local)
        for opens, closes, why in self._parts(local):
            begin, end = max(first, midnight + opens * SECOND_US), min(last, midnight + closes * SECOND_US)
            if begin < end:
                yield Stretch(begin, end, why, name if why == "holiday" else None)

    def _parts(self, day: date) -> Sequence[_Part]:
        """A day's parts, in seconds of its local reading: away beats a date's own hours, and these a holiday."""
        if any(away.first <= day <= away.last for away in self._away):
            return ((0, DAY_S, "away"),)
        written = self._written
        if written is None or self._week is None:
            return ((0, DAY_S, "always"),)
        if day in written.hours:
            return _filled(written.hours[day], "date_hours", "other_hours")
        off = self._off(day)
        if off is not None:
            return ((0, DAY_S, off),)
        hours = self._week[day.weekday()]
        return _filled(hours, "open", "closed" if hours else "day_off")

    def _off(self, day: date) -> Why | None:
        """Why all of a day is closed. Which days are is in the calendar; which of them are the country's, as written.

        A frozen date that the library knows no more is a holiday still, without a name.
        """
        dates, named = self._dates, self._named
        if dates is None or named is None:
            return None
        if dates.country is None and day not in dates.extra:
            return None
        if self._holiday(day) is not None:
            return "holiday"
        if day in named.extra:
            return "extra"
        return "holiday" if day in dates.extra else None

    def _holiday(self, day: date) -> str | None:
        named = self._named
        if named is None or named.country is None:
            return None
        return _holidays(named.country, named.subdivision, frozenset(named.categories)).get(day)


def schedule_of(
    agreement: Agreement,
    clause: ResponseClause | AttemptsClause,
    owner: str | None,
    written: Agreement | None = None,
) -> Schedule:
    """The calendar of a clock of this clause that started while the lead was this owner's (§5.3).

    `written`: the agreement as it was before its holidays were frozen.
    """
    name, person = clause.calendar, None
    if name == OWNERS_CALENDAR:
        person = next((one for one in agreement.people if one.id == owner and not one.queue), None)
        name = None if person is None else person.calendar
    name = agreement.calendar if name is None else name
    own = None if name is None else agreement.calendars[name]
    unfrozen = None if name is None or written is None else written.calendars[name]
    owned, away = (None, ()) if person is None else (person.id, person.away)
    return Schedule(name, own, owned, away, agreement.timezone, unfrozen)


def counted_us(stretches: Sequence[Stretch]) -> int:
    """The open time of some stretches, in microseconds."""
    return sum(one.us for one in stretches if one.counts)


def sums(stretches: Sequence[Stretch]) -> dict[Why, int]:
    """How long each reason held, in microseconds, by when it first did."""
    total: dict[Why, int] = {}
    for one in stretches:
        total[one.why] = total.get(one.why, 0) + one.us
    return total


def _filled(hours: Sequence[tuple[int, int]], inside: Why, outside: Why) -> list[_Part]:
    """A day's parts: its hours, and what lies between them."""
    parts: list[_Part] = []
    at = 0
    for opens, closes in sorted(hours):
        if at < opens:
            parts.append((at, opens, outside))
        parts.append((opens, closes, inside))
        at = closes
    if at < DAY_S:
        parts.append((at, DAY_S, outside))
    return parts


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str | None, categories: frozenset[str]) -> Mapping[date, str]:
    """The names of all holidays, in the country's own language: asked for as `resolve_holidays` asks.

    The language is named, for without one the library takes that of whoever runs it.
    """
    with warnings.catch_warnings():
        # It warns of every year that it does not know, and a calendar covers a century.
        warnings.filterwarnings("ignore", message="Requested Holidays are available only", category=UserWarning)
        own = holidays.country_holidays(country, subdiv=subdivision).default_language
        names = holidays.country_holidays(
            country, subdiv=subdivision, categories=sorted(categories) or None, years=HOLIDAY_YEARS, language=own
        )
    return dict(names.items())
