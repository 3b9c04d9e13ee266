"""Business hours as sums: the open time before an instant, and the way back (§5.3).

Instants and open time are in microseconds. Open hours are laid out as stretches of UTC time, each with the
open time before it, so that every question is a search in a sorted list. They are laid out by UTC year, and
only from the first year that was asked for to the last.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from operator import sub
from typing import Final

from streams.zones import (
    DAY_US,
    SECOND_US,
    YEARS,
    CalendarError,
    DayRange,
    local_day,
    offset_stretches,
    year_of,
    year_start,
    zone_of,
)

__all__ = ["Intervals", "NeverOpenError", "OpenHours", "SpecialDays", "Week", "shared_open_hours"]

Intervals = tuple[tuple[int, int], ...]
"""The open stretches of a day, in order: (opens, closes) in seconds of local reading, `closes` excluded."""
Week = tuple[Intervals, ...]
"""The intervals of the seven days, from Monday."""
SpecialDays = frozenset[tuple[int, Intervals]]
"""Days with intervals of their own."""

_EPOCH_WEEKDAY: Final = 3  # the epoch is a Thursday


class NeverOpenError(CalendarError):
    """Too little open time is left before `YEARS` end."""


class OpenHours:
    """When a place is open: a week, less closed days, with special days that beat both.

    Open time is counted from an origin of the object's own, so only differences of it mean anything.
    Answers never change, but finding them fills a cache: one thread at a time.
    """

    def __init__(self, zone_name: str, week: Week, closed: frozenset[int], special: SpecialDays) -> None:
        self._zone_name: Final = zone_name
        self._zone: Final = zone_of(zone_name)
        self._week: Final = week
        self._closed: Final = closed
        self._special: Final = dict(special)
        self._layout: _Layout | None = None

    def open_before(self, instant: int) -> int:
        """The open time from the origin to an instant. Raises OutOfRangeError."""
        layout = self._layout
        if layout is None or not layout.start <= instant <= layout.end:
            layout = self._covering(instant)
        index = bisect_right(layout.opens, instant) - 1
        if index < 0:
            return layout.open_before
        closes = layout.closes[index]
        return layout.before[index] + min(instant, closes) - layout.opens[index]

    def reached(self, instant: int, open_time: int) -> int:
        """The first instant at which the open time since the origin comes to `open_time`: a close, if at one.

        That is after `instant`, whose own is less. Raises OutOfRangeError, NeverOpenError.
        """
        layout = self._covering(instant)
        while layout.total < open_time:
            layout = self._longer(layout)
        index = bisect_left(layout.before, open_time) - 1
        return layout.opens[index] + open_time - layout.before[index]

    def left(self, instant: int, open_time: int) -> int:
        """The last instant at which the open time since the origin is `open_time`: an open one.

        That is not before `instant`, whose own is no more. Raises OutOfRangeError, NeverOpenError.
        """
        layout = self._covering(instant)
        while layout.total <= open_time:
            layout = self._longer(layout)
        index = bisect_right(layout.before, open_time) - 1
        return layout.opens[index] + open_time - layout.before[index]

    def close_of_open_day(self, instant: int, n: int, away: Sequence[DayRange]) -> int:
        """The close of the n-th day with open time, none of `away`, after the local day of an instant.

        The ranges are in order and apart. Raises OutOfRangeError, NeverOpenError.
        """
        day = local_day(instant, self._zone)
        layout = self._covering(instant)
        while True:
            index = _nth_after(layout.open_days, day, n, away)
            # A close is known once its whole day is laid out, wherever the zone is.
            if index < len(layout.open_days) and (layout.open_days[index] + 2) * DAY_US <= layout.end:
                return layout.day_closes[index]
            layout = self._longer(layout)

    def _intervals(self, day: int) -> Intervals:
        special = self._special.get(day)
        if special is not None:
            return special
        return () if day in self._closed else self._week[(day + _EPOCH_WEEKDAY) % 7]

    def _covering(self, instant: int) -> "_Layout":
        """The layout, grown to the year of an instant."""
        layout = self._layout
        if layout is not None and layout.start <= instant <= layout.end:
            return layout
        year = year_of(instant)
        if layout is None:
            self._layout = layout = self._laid_out(range(year, year + 1))
        elif year < layout.years.start:
            self._layout = layout = _joined_before(layout, self._laid_out(range(year, layout.years.start)))
        else:
            self._layout = layout = _joined_after(layout, self._laid_out(range(layout.years.stop, year + 1)))
        return layout

    def _longer(self, layout: "_Layout") -> "_Layout":
        """The layout with twice the years: growing costs what the years cost, however many they are."""
        first = layout.years.stop
        if first >= YEARS.stop:
            raise NeverOpenError(
                f"too little open time is left before {YEARS.stop}; "
                "check the calendar's week, its closed days and who is away until when"
            )
        more = self._laid_out(range(first, min(first + len(layout.years), YEARS.stop)))
        self._layout = _joined_after(layout, more)
        return self._layout

    def _laid_out(self, years: range) -> "_Layout":
        opens: list[int] = []
        closes: list[int] = []
        days: list[int] = []
        for start, stop, offset in (s for year in years for s in offset_stretches(self._zone_name, year)):
            for day in range((start + offset) // DAY_US, (stop - 1 + offset) // DAY_US + 1):
                midnight = day * DAY_US - offset
                for opening, closing in self._intervals(day):
                    begin = max(start, midnight + opening * SECOND_US)
                    end = min(stop, midnight + closing * SECOND_US)
                    if begin < end:
                        opens.append(begin)
                        closes.append(end)
                        days.append(day)
        return _Layout(years, opens, closes, days, 0)


class _Layout:
    """The open stretches of consecutive years, in order, and the sums that questions are answered from."""

    def __init__(self, years: range, opens: list[int], closes: list[int], days: list[int], open_before: int) -> None:
        self.years: Final = years
        self.start: Final = year_start(years.start)
        self.end: Final = year_start(years.stop)
        self.opens: Final = opens
        self.closes: Final = closes
        self.days: Final = days
        sums: list[int] = list(accumulate(map(sub, closes, opens), initial=open_before))
        self.open_before: Final = open_before
        self.total: Final = sums.pop()
        self.before: Final = sums
        # Clocks set back at midnight make a day come twice: its close is that of the later stretch.
        close_of = dict(zip(days, closes, strict=True))
        self.open_days: Final = sorted(close_of)
        self.day_closes: Final = [close_of[day] for day in self.open_days]


def _joined_after(layout: _Layout, later: _Layout) -> _Layout:
    return _Layout(
        range(layout.years.start, later.years.stop),
        layout.opens + later.opens,
        layout.closes + later.closes,
        layout.days + later.days,
        layout.open_before,
    )


def _joined_before(layout: _Layout, earlier: _Layout) -> _Layout:
    return _Layout(
        range(earlier.years.start, layout.years.stop),
        earlier.opens + layout.opens,
        earlier.closes + layout.closes,
        earlier.days + layout.days,
        layout.open_before - (earlier.total - earlier.open_before),
    )


def _nth_after(days: Sequence[int], day: int, n: int, away: Sequence[DayRange]) -> int:
    """The index in `days` of the n-th one after `day` that no range holds; past the end if there is none."""
    index = bisect_right(days, day)
    for first, last in away:
        before = max(index, bisect_left(days, first))
        if before - index >= n:
            break
        n -= before - index
        index = max(before, bisect_right(days, last))
    return index + n - 1


@lru_cache(maxsize=256)
def shared_open_hours(zone_name: str, week: Week, closed: frozenset[int], special: SpecialDays) -> OpenHours:
    """The one object for those hours, so that people on one calendar, and its versions, share one layout."""
    return OpenHours(zone_name, week, closed, special)
