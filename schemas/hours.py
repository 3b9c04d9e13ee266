"""Days and hours as the agreement writes them: `09:00-12:00`, `mon-thu`, `2026-12-24`, `2026-12-20/2027-01-05`."""

import re
from datetime import date
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S: Final = 86_400

_HOURS: Final = r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Hours(NamedTuple):
    """A stretch of a day, in seconds of its local reading: open from `opens`, closed again at `closes`."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


class Away(NamedTuple):
    """Days away, the first and the last included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}/{self.last}"


def parse_hours(value: object) -> Hours:
    """Read `09:00-12:00`; a day may end at 24:00. Raises ValueError."""
    if isinstance(value, Hours):
        return value
    match = re.fullmatch(_HOURS, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"'{value}' is no stretch of hours: write it such as {_meant(value)}")
    hour, minute, to_hour, to_minute = map(int, match.groups())
    hours = Hours(hour * 3_600 + minute * 60, to_hour * 3_600 + to_minute * 60)
    if max(hours) > DAY_S:
        raise ValueError(f"'{value}' goes past 24:00: end it there, and go on with the next day")
    if hours.closes <= hours.opens:
        raise ValueError(f"'{value}' does not end after it starts: {_first_the_start(hours)}")
    return hours


def _meant(value: object) -> str:
    """The stretch that was most likely meant, or an example, in quotes."""
    found = re.fullmatch(r"\s*(\d{1,2})(?::?(\d{2}))?\s*(?:-|to)\s*(\d{1,2})(?::?(\d{2}))?\s*", str(value), re.ASCII)
    if found is None:
        return "'09:00-12:00'"
    opens, opens_minute, closes, closes_minute = (int(part or 0) for part in found.groups())
    return f"'{opens:02}:{opens_minute:02}-{closes:02}:{closes_minute:02}'"


def _first_the_start(hours: Hours) -> str:
    if hours.closes == hours.opens:
        return "write one that does, or [] for a day that is closed"
    night = f"'{_clock(hours.opens)}-24:00'"
    morning = f" and '00:00-{_clock(hours.closes)}' on the day after" if hours.closes else ""
    return f"write the start first, '{_clock(hours.closes)}-{_clock(hours.opens)}'; or, for a night, {night}{morning}"


def parse_day(value: object) -> date:
    """Read `2026-01-31`, in the years 2000 to 2100. Raises ValueError."""
    if type(value) is date:
        return value
    day = _read_day(value) if isinstance(value, str) and re.fullmatch(_DAY, value) else None
    if day is None:
        raise ValueError(f"'{value}' is no date: write it such as 2026-01-31")
    if not 2000 <= day.year <= 2100:
        raise ValueError(f"'{value}' is out of range: write a date from 2000 to 2100")
    return day


def parse_away(value: object) -> Away:
    """Read `2026-12-20/2027-01-05`. Raises ValueError."""
    if isinstance(value, Away):
        return value
    if not isinstance(value, str) or value.count("/") != 1:
        raise ValueError(f"'{value}' are no days away: write the first and the last, such as 2026-12-20/2027-01-05")
    first, last = map(parse_day, value.split("/"))
    if last < first:
        raise ValueError(f"'{value}' ends before it starts: write the first day first")
    return Away(first, last)


def parse_days(name: str) -> tuple[int, ...]:
    """The days of a week's key, Monday being 0: `mon`, `mon-thu`, `sun-thu`. Raises ValueError."""
    first, dash, last = name.partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        short = "-".join(part.strip().lower()[:3] for part in (first, last) if part)
        hint = f". Did you mean '{short}'?" if set(short.split("-")) <= set(WEEKDAYS) else ""
        raise ValueError(f"'{name}' are no days: write {', '.join(WEEKDAYS)}, or two such as mon-fri{hint}")
    start = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last or first) - start) % 7
    return tuple((start + step) % 7 for step in range(count + 1))


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _clock(second: int) -> str:
    return f"{second // 3_600:02}:{second // 60 % 60:02}"


def _day_range(name: str) -> str:
    parse_days(name)
    return name


HoursText = Annotated[
    Hours,
    PlainValidator(parse_hours),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOURS}$"}),
]
AwayText = Annotated[
    Away,
    PlainValidator(parse_away),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_DAY}/{_DAY}$"}),
]
Day = Annotated[
    date,
    PlainValidator(parse_day),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
DayRange = Annotated[str, AfterValidator(_day_range)]
"""A day of the week, or one to another: `fri`, `mon-thu`, `sun-thu`."""
