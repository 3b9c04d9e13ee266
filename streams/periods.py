"""Calendar periods in a zone: weeks, months and quarters, each from one local midnight to another (§5.11).

Instants are microseconds since the Unix epoch, UTC. A period is named by its label (2026-W12, 2026-03, 2026-Q1), and
in here by its first local day.
"""

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from schemas.promises import Period as Per
from streams.zones import DAY_US, day_number, offset_stretches, year_of, year_start

__all__ = ["Per", "Period", "first_day", "following", "label_of", "period", "period_at", "read_label"]

_DAY = timedelta(days=1)
_MONTHS = {"month": 1, "quarter": 3}


class Period(NamedTuple):
    """One period in one zone: it has every instant from `begin` on and before `end`."""

    per: Per
    first: date
    zone: str
    begin: int
    end: int
    label: str

    @property
    def next(self) -> "Period":
        """The one after it."""
        return period(self.per, following(self.per, self.first), self.zone)

    @property
    def previous(self) -> "Period":
        """The one before it."""
        return period(self.per, first_day(self.per, self.first - _DAY), self.zone)


def period_at(per: Per, instant: int, zone: str) -> Period:
    """The period that an instant is in. Raises OutOfRangeError."""
    begins, periods = _of_year(per, year_of(instant), zone)
    return periods[bisect_right(begins, instant) - 1]


@lru_cache(maxsize=16_384)
def period(per: Per, first: date, zone: str) -> Period:
    """The period that has this first day."""
    return Period(per, first, zone, _begin(first, zone), _begin(following(per, first), zone), label_of(per, first))


def first_day(per: Per, day: date) -> date:
    """The first day of the period that a day is in; a week is ISO's, from Monday."""
    if per == "week":
        return day - day.weekday() * _DAY
    months = _MONTHS[per]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def following(per: Per, first: date) -> date:
    """The first day of the period after the one that has this first day."""
    if per == "week":
        return first + 7 * _DAY
    years, month = divmod(first.month - 1 + _MONTHS[per], 12)
    return date(first.year + years, month + 1, 1)


def label_of(per: Per, first: date) -> str:
    """What the period with this first day is called: 2026-W12, 2026-03 or 2026-Q1."""
    if per == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return f"{first.year}-{first.month:02}" if per == "month" else f"{first.year}-Q{(first.month + 2) // 3}"


@lru_cache(maxsize=16_384)
def read_label(label: str) -> tuple[Per, date]:
    """What a label of `label_of` stands for: how long the period is, and its first day. Raises ValueError."""
    year, _, name = label.partition("-")
    if name.startswith("W"):
        return "week", date.fromisocalendar(int(year), int(name[1:]), 1)
    if name.startswith("Q"):
        return "quarter", date(int(year), int(name[1:]) * 3 - 2, 1)
    return "month", date(int(year), int(name), 1)


@lru_cache(maxsize=4096)
def _of_year(per: Per, year: int, zone: str) -> tuple[list[int], list[Period]]:
    """The periods that have an instant in a UTC year, in order, and before them where each begins."""
    periods = [period(per, first_day(per, date(year - 1, 12, 31)), zone)]
    while periods[-1].end <= year_start(year + 1):
        periods.append(periods[-1].next)
    return [one.begin for one in periods], periods


def _begin(day: date, zone: str) -> int:
    """The first instant whose local reading is the day's midnight, or after it where the clocks skip midnight."""
    midnight = day_number(day) * DAY_US
    return next(
        max(start, midnight - offset)
        for year in range((day - _DAY).year, (day + _DAY).year + 1)
        for start, stop, offset in offset_stretches(zone, year)
        if midnight - offset < stop
    )
