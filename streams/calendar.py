"""Open time on a calendar: how much lies between two instants, and when a duration falls due (§5.3).

Instants are microseconds since the Unix epoch, UTC; open time is in microseconds too. An instant is open if
its local reading is, so an hour that happens twice counts twice, and one that is skipped does not exist.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final

from schemas.calendars import Calendar as WrittenCalendar
from schemas.calendars import Holidays
from streams.holidays import HOLIDAY_YEARS, resolve_holidays
from streams.open_hours import Intervals, NeverOpenError, OpenHours, Week, shared_open_hours
from streams.zones import DAY_S, CalendarError, DayRange, OutOfRangeError, Span, day_number, spans_of_days

__all__ = [
    "ALWAYS_OPEN",
    "ALWAYS_OPEN_WEEK",
    "Calendar",
    "CalendarError",
    "DateRange",
    "Intervals",
    "NeverOpenError",
    "OutOfRangeError",
    "Week",
    "from_agreement",
]

DateRange = tuple[date, date]
"""The first and the last date of a range, both included."""

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_DAY: Final[Intervals] = ((0, DAY_S),)


class Calendar:
    """The business hours of a zone, less one person's days away.

    Immutable, and cheap to make: calendars with the same hours share what is costly. A question costs a few
    searches in sorted lists, however far apart its instants are. One thread at a time.
    """

    def __init__(
        self,
        zone: str,
        week: Week,
        closed: frozenset[date] = frozenset(),
        hours: Mapping[date, Intervals] | None = None,
        away: Iterable[DateRange] = (),
    ) -> None:
        """Take an IANA zone, a week's hours, closed dates, dates with hours of their own, and days away.

        All dates are local. A date's own hours replace the week's and beat a closed date; away beats all.
        Raises CalendarError, which says the day and what is wrong with it.
        """
        special = {} if hours is None else dict(hours)
        _check_hours(week, special)
        away_days = _merged(away)
        self.zone: Final = zone
        self.ever_closes: Final = bool(away_days) or _ever_closes(week, closed, special)
        self._hours: Final = shared_open_hours(
            zone,
            week,
            _day_numbers(closed),
            frozenset((day_number(day), intervals) for day, intervals in special.items()),
        )
        self._away_days: Final = away_days
        self._away: _Away | None = None

    def open_us(self, start: int, end: int) -> int:
        """The open time in [start, end): 0 if `end` is not later. Raises OutOfRangeError."""
        if end <= start:
            return 0
        if not self.ever_closes:
            return end - start
        return self._open_before(end) - self._open_before(start)

    def due_us(self, start: int, open_us: int) -> int:
        """The first instant at which that much open time has passed since `start`: at a close, the close.

        Raises CalendarError if `open_us` is negative, NeverOpenError if it never passes, OutOfRangeError.
        """
        if open_us < 0:
            raise CalendarError(f"a duration of {open_us} microseconds is negative; give one from 0 up")
        if open_us == 0 or not self.ever_closes:
            return start + open_us
        passed = self._open_before(start) + open_us
        lost = self._lost().before_reaching(passed) if self._away_days else 0
        return self._hours.reached(start, passed + lost)

    def business_day_close(self, start: int, n: int) -> int:
        """The close of the n-th open day after the local day of `start`; a day is open if any of it is (§3).

        Raises CalendarError if `n` is less than 1, NeverOpenError if there are not as many, OutOfRangeError.
        """
        if n < 1:
            raise CalendarError(f"{n} business days is no duration; give a whole number from 1 up")
        return self._hours.close_of_open_day(start, n, self._away_days)

    def next_open(self, instant: int) -> int:
        """The first open instant that is not before `instant`. Raises NeverOpenError, OutOfRangeError."""
        if not self.ever_closes:
            return instant
        passed = self._open_before(instant)
        return self._hours.left(instant, passed + self._lost().before_leaving(passed))

    def next_closed(self, instant: int, limit: int) -> int:
        """The first closed instant that is not before `instant`, or `limit` if none is before that.

        Raises OutOfRangeError.
        """
        if not self.ever_closes:
            return limit
        instants = range(instant, limit)
        return instant + bisect_left(instants, True, key=lambda at: self.open_us(instant, at + 1) <= at - instant)

    def is_open(self, instant: int) -> bool:
        """Whether the microsecond that begins there is open. Raises OutOfRangeError."""
        return self.open_us(instant, instant + 1) == 1

    def _open_before(self, instant: int) -> int:
        open_before = self._hours.open_before(instant)
        return self._lost().less_away(instant, open_before) if self._away_days else open_before

    def _lost(self) -> "_Away":
        if self._away is None:
            self._away = _Away(self._hours, spans_of_days(self.zone, self._away_days))
        return self._away


class _Away:
    """The open time that days away take, as sums: from all open time to what is left of it, and back."""

    def __init__(self, hours: OpenHours, spans: Sequence[Span]) -> None:
        self._starts: Final = [start for start, _ in spans]
        self._ends: Final = [end for _, end in spans]
        lost = 0
        self._lost: Final = [lost]  # before each span, and after the last
        self._passed: Final[list[int]] = []  # at each span, less what is lost before it
        for start, end in spans:
            open_before = hours.open_before(start)
            self._passed.append(open_before - lost)
            lost += hours.open_before(end) - open_before
            self._lost.append(lost)

    def less_away(self, instant: int, open_before: int) -> int:
        """The open time before an instant, less what the days away took of it."""
        index = bisect_right(self._starts, instant)
        if index and instant < self._ends[index - 1]:
            return self._passed[index - 1]
        return open_before - self._lost[index]

    def before_reaching(self, passed: int) -> int:
        """What days away took before so much open time, less the days away, was reached."""
        return self._lost[bisect_left(self._passed, passed)]

    def before_leaving(self, passed: int) -> int:
        """What days away take before there is more open time, less the days away, than that."""
        return self._lost[bisect_right(self._passed, passed)]


def from_agreement(written: WrittenCalendar, away: Iterable[DateRange] = ()) -> Calendar:
    """The calendar that an agreement writes, less one person's days away. Raises CalendarError.

    Holidays that still name a country are looked up, for all of `HOLIDAY_YEARS`; extra dates are taken as they stand.
    """
    return Calendar(
        written.timezone,
        written.days,
        frozenset() if written.holidays is None else _closed_dates(written.holidays),
        {day: tuple(sorted(hours)) for day, hours in written.hours.items()},
        away,
    )


@lru_cache(maxsize=256)
def _closed_dates(written: Holidays) -> frozenset[date]:
    if written.country is None:
        return frozenset(written.extra)
    return resolve_holidays(written.country, written.subdivision, written.categories, written.extra, HOLIDAY_YEARS)


@lru_cache(maxsize=256)
def _day_numbers(dates: frozenset[date]) -> frozenset[int]:
    return frozenset(map(day_number, dates))


def _check_hours(week: Week, special: Mapping[date, Intervals]) -> None:
    if len(week) != len(_WEEKDAYS):
        raise CalendarError(f"a week of {len(week)} days; give the hours of Monday to Sunday")
    for name, intervals in zip(_WEEKDAYS, week, strict=True):
        _check_intervals(name, intervals)
    for day, intervals in special.items():
        _check_intervals(day.isoformat(), intervals)


def _check_intervals(day: str, intervals: Intervals) -> None:
    for opens, closes in intervals:
        if not 0 <= opens < closes <= DAY_S:
            raise CalendarError(
                f"{day}: open from {opens} s to {closes} s; a stretch must end after it begins, "
                f"within the day's 0 to {DAY_S} s"
            )
    for (_, closes), (opens, _) in pairwise(intervals):
        if opens < closes:
            raise CalendarError(
                f"{day}: the stretch that opens at {opens} s begins before the one until {closes} s ends; "
                "put them in order, without overlap"
            )


def _ever_closes(week: Week, closed: frozenset[date], special: Mapping[date, Intervals]) -> bool:
    whole = all(sum(closes - opens for opens, closes in day) == DAY_S for day in chain(week, special.values()))
    return not whole or not closed <= special.keys()


def _merged(away: Iterable[DateRange]) -> list[DayRange]:
    """The ranges as days, in order, joined where they touch."""
    merged: list[DayRange] = []
    for first, last in sorted(away):
        if last < first:
            raise CalendarError(f"away from {first} to {last}: put the earlier date first")
        begin, end = day_number(first), day_number(last)
        if merged and begin <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


ALWAYS_OPEN_WEEK: Final[Week] = (_WHOLE_DAY,) * 7
ALWAYS_OPEN: Final = Calendar("UTC", ALWAYS_OPEN_WEEK)
"""Every instant is open."""
