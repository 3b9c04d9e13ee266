"""The constrained texts and times that every contract here is built from.

Decoders that do not go through pydantic take `parse_time`, `CURRENCIES` and the patterns (`re.fullmatch`),
so that one value is valid or invalid the same way everywhere.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import pycountry
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

__all__ = [
    "CURRENCIES",
    "DECIMAL_PATTERN",
    "FIRST_YEAR",
    "LAST_YEAR",
    "SLUG_PATTERN",
    "Currency",
    "DecimalText",
    "Id",
    "Slug",
    "Text",
    "Time",
    "parse_time",
]

SLUG_PATTERN: Final = r"^[a-z0-9]+(?:[_.-][a-z0-9]+)*$"
DECIMAL_PATTERN: Final = r"^[0-9]{1,15}(?:\.[0-9]{1,4})?$"
BARE_OFFSET: Final = r"[+-][0-9]{4}"
"""An offset without its colon, which RFC 3339 does not know and msgspec reads."""
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099

CURRENCIES: Final[frozenset[str]] = frozenset(currency.alpha_3 for currency in pycountry.currencies)
"""The alphabetic codes of ISO 4217."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must hold printable characters only (no line breaks, tabs or control characters)")
    return text


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"{code!r} is not a currency of ISO 4217; write its three capital letters, as in 'EUR'")
    return code


def parse_time(value: object) -> datetime:
    """Read a time of the contract and give it in UTC, with microseconds.

    In: RFC 3339 text with an offset, read exactly as msgspec reads it (digits past the sixth round half up),
    or an aware datetime. The year, in UTC, is from 2000 to 2099. Raises ValueError for anything else.
    """
    if isinstance(value, str):
        value = _read_rfc3339(value)
    if not isinstance(value, datetime):
        raise ValueError("must be a time as text, such as 2026-01-31T09:30:00-03:00")  # noqa: TRY004  pydantic reports ValueError only
    if value.utcoffset() is None:
        raise ValueError("must say its offset from UTC, such as 2026-01-31T09:30:00-03:00 or ...T12:30:00Z")
    return _in_range(value)


def _read_rfc3339(text: str) -> datetime:
    try:
        if re.search(BARE_OFFSET + "$", text):
            raise msgspec.ValidationError  # noqa: TRY301  msgspec is content without the colon
        return msgspec.convert(text, datetime, strict=True)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise ValueError(
            f"{text[:40]!r} is not a time of RFC 3339; write it such as 2026-01-31T09:30:00-03:00"
        ) from None


def _in_range(time: datetime) -> datetime:
    try:
        utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    except OverflowError:
        utc = None
    if utc is None or not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR} (in UTC)")
    return utc


Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=64)]
"""A name made for machines: small letters and digits, joined by single `_`, `.` or `-`."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_printable)]
"""What another system calls something."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]
"""A short text for people: a channel, campaign, asset, outcome, reason or account."""

DecimalText = Annotated[str, StringConstraints(pattern=DECIMAL_PATTERN)]
"""A decimal, not negative, up to 15 digits before the point and 4 after."""

Currency = Annotated[str, AfterValidator(_known_currency), Field(json_schema_extra={"enum": sorted(CURRENCIES)})]
"""A currency's code of ISO 4217."""

Time = Annotated[datetime, BeforeValidator(parse_time)]
"""A time in UTC, from RFC 3339 text with an offset."""
