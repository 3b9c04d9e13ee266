"""Time zones as stretches of UTC time: when each offset holds, and which instants a local date has.

Instants are microseconds since the Unix epoch, UTC. A day is a local date, as a number: days since the epoch.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = [
    "DAY_S",
    "DAY_US",
    "SECOND_US",
    "YEARS",
    "CalendarError",
    "DayRange",
    "OutOfRangeError",
    "Span",
    "day_number",
    "local_day",
    "offset_stretches",
    "spans_of_days",
    "year_of",
    "year_start",
    "zone_of",
]

DayRange = tuple[int, int]
"""The first and the last day of a range, both included."""
Span = tuple[int, int]
"""From one instant to another, the second excluded."""

YEARS: Final = range(1999, 2102)
"""The UTC years that can be asked for: those of events and of what falls due after them, and one to spare."""
DAY_S: Final = 86_400
SECOND_US: Final = 1_000_000
DAY_US: Final = DAY_S * SECOND_US
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class CalendarError(ValueError):
    """A calendar that cannot be, or a question that no calendar answers."""


class OutOfRangeError(CalendarError):
    """An instant outside `YEARS`."""


def day_number(day: date) -> int:
    """Days from the epoch to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def year_start(year: int) -> int:
    """The instant at which a UTC year begins."""
    return day_number(date(year, 1, 1)) * DAY_US


_BEGIN: Final = year_start(YEARS.start)
_END: Final = year_start(YEARS.stop)


def year_of(instant: int) -> int:
    """The UTC year of an instant; that at which `YEARS` end belongs to the last. Raises OutOfRangeError."""
    if not _BEGIN <= instant <= _END:
        raise OutOfRangeError(
            f"instant {instant} (microseconds since 1970, UTC) is outside {YEARS[0]} to {YEARS[-1]}, "
            "the years that calendars cover; check the time of the event"
        )
    return min(datetime.fromtimestamp(instant // SECOND_US, UTC).year, YEARS[-1])


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises CalendarError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarError(
            f"{name!r} is not a time zone of the IANA database; write its name, as in 'America/Sao_Paulo'"
        ) from error


def local_day(instant: int, zone: ZoneInfo) -> int:
    """The day that a calendar on the wall shows at an instant."""
    return day_number(datetime.fromtimestamp(instant // SECOND_US, zone).date())


@lru_cache(maxsize=4096)
def offset_stretches(zone_name: str, year: int) -> tuple[tuple[int, int, int], ...]:
    """The stretches of a UTC year in which a zone keeps its offset: (from, to, offset), in microseconds.

    The standard library does not list the changes of a zone, so they are searched for: a reading a day,
    then by halves. No zone has changed twice in a day since 1999 (the closest are six days apart).
    """
    zone = zone_of(zone_name)
    begin, end = year_start(year) // SECOND_US, year_start(year + 1) // SECOND_US
    found: list[tuple[int, int, int]] = []
    probed, offset = begin, _offset_s(begin, zone)
    for probe in (*range(begin + DAY_S, end, DAY_S), end - 1):
        later = _offset_s(probe, zone)
        if later != offset:
            change = _first_second_with(later, probed, probe, zone)
            found.append((begin * SECOND_US, change * SECOND_US, offset * SECOND_US))
            begin, offset = change, later
        probed = probe
    found.append((begin * SECOND_US, end * SECOND_US, offset * SECOND_US))
    return tuple(found)


def spans_of_days(zone_name: str, ranges: Iterable[DayRange]) -> list[Span]:
    """The instants within `YEARS` whose local date is in one of the ranges, which are in order and apart.

    The spans are in order too: no clocks have gone back by a whole day since 1999.
    """
    spans: list[Span] = []
    for first, last in ranges:
        begin, end = first * DAY_US, (last + 1) * DAY_US
        for year in _years_touching(begin, end):
            for start, stop, offset in offset_stretches(zone_name, year):
                span = (max(start, begin - offset), min(stop, end - offset))
                if span[0] < span[1]:
                    spans.append(span)
    return spans


def _years_touching(begin: int, end: int) -> range:
    """The years with an instant whose local reading, in some zone, is from `begin` to `end`."""
    first, last = max(_BEGIN, begin - DAY_US), min(_END - 1, end + DAY_US)
    return range(year_of(first), year_of(last) + 1) if first <= last else range(0)


def _offset_s(second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


def _first_second_with(offset: int, after: int, until: int, zone: ZoneInfo) -> int:
    while until - after > 1:
        middle = (after + until) // 2
        if _offset_s(middle, zone) == offset:
            until = middle
        else:
            after = middle
    return until
