"""How long a promise gives: `45m`, `4h`, `1bd`, `90d`."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, cast

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

Unit: TypeAlias = Literal["s", "m", "h", "d", "bd"]

DURATION_PATTERN: Final = r"^[0-9]{1,9}(?:s|m|h|d|bd)$"
LONGEST_DAYS: Final = 36_600
"""About a hundred years, of days of 24 hours or of business days."""

_WRITTEN: Final = r"\s*(-?)\s*([0-9]{1,9})([.,][0-9]+)?\s*([a-z]+(?: +[a-z]+)?)\s*"
_WORDS: Final[dict[Unit, str]] = {
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
    "bd": "bd business-day business-days",
}
_UNITS: Final[dict[str, Unit]] = {
    word.replace("-", " "): unit for unit, words in _WORDS.items() for word in words.split()
}
_SECONDS: Final[dict[Unit, int]] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Duration:
    """So many seconds, minutes, hours (open time on a calendar), days of 24 hours, or business days."""

    amount: int
    unit: Unit

    @property
    def seconds(self) -> int:
        """Its length in seconds. Raises ValueError for business days, which have none."""
        if self.unit == "bd":
            raise ValueError(f"{self}: a business day has no length in seconds; ask the calendar")
        return self.amount * _SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def parse_duration(value: object) -> Duration:
    """Read `45m`, `4h`, `30s`, `1bd` or `90d`. Raises ValueError."""
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str) or not re.fullmatch(DURATION_PATTERN, value, re.ASCII):
        raise ValueError(_no_duration(value))
    digits = value.rstrip("smhbd")
    duration = Duration(int(digits), cast("Unit", value[len(digits) :]))
    days = duration.amount if duration.unit == "bd" else duration.seconds / 86_400
    if days > LONGEST_DAYS:
        raise ValueError(f"'{value}' is longer than {LONGEST_DAYS}d: write a shorter one")
    return duration


def _no_duration(value: object) -> str:
    """What to write instead: the duration that was most likely meant, if there is one."""
    if value is None:
        return "must be a duration, such as 45m, 4h or 1bd, not nothing (null)"
    meant = re.fullmatch(_WRITTEN, str(value).lower(), re.ASCII)
    unit = _UNITS.get(meant[4]) if meant else None
    if meant is None or unit is None:
        return f"'{value}' is no duration: write a whole number and s, m, h, d or bd, such as 45m, 4h or 1bd"
    if meant[1]:
        return f"'{value}' is no duration: it cannot be below zero; write {int(meant[2])}{unit}"
    if meant[3]:
        return f"'{value}' is no duration: write a whole number, in a smaller unit, such as 90m for an hour and a half"
    return f"'{value}' is no duration: write {int(meant[2])}{unit}"


def _positive(duration: Duration) -> Duration:
    if duration.amount == 0:
        raise ValueError(f"'{duration}' leaves no time: write a duration above zero")
    return duration


def _fixed(duration: Duration) -> Duration:
    if duration.unit == "bd":
        raise ValueError(f"'{duration}' needs a calendar, and none applies here: write days of 24 hours, such as 90d")
    return duration


AnyDuration = Annotated[
    Duration,
    PlainValidator(parse_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
Target = Annotated[AnyDuration, AfterValidator(_positive)]
"""What a clause gives: above zero, in any unit."""

Span = Annotated[AnyDuration, AfterValidator(_fixed)]
"""A stretch of plain time, on no calendar: any unit but business days."""

Lookback = Annotated[Span, AfterValidator(_positive)]
"""A stretch of plain time above zero."""
