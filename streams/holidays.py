"""Public holidays as dates, from the `holidays` library: resolved once, when a version is published (§3)."""

import warnings
from collections.abc import Iterable
from datetime import date
from typing import Final

import holidays

from streams.zones import CalendarError

__all__ = ["HOLIDAY_YEARS", "HolidaysError", "resolve_holidays"]

HOLIDAY_YEARS: Final = range(2000, 2101)
"""The years of which an agreement's holidays are resolved: those that its dates may have."""


class HolidaysError(CalendarError):
    """A country, a subdivision or a category of which no holidays are known."""


def resolve_holidays(
    country: str,
    subdivision: str | None,
    categories: Iterable[str],
    extra: Iterable[date],
    years: Iterable[int],
) -> frozenset[date]:
    """The holidays of those years, with the days that make up for one on a weekend, and the extra dates.

    In: an ISO 3166 code of a country and one of its subdivisions, categories such as `public` (with none, what
    the country calls its usual ones). A year that the library does not know has none, and another release of
    it may know other dates: keep the answer. Raises HolidaysError.
    """
    if country not in holidays.list_supported_countries():
        raise HolidaysError(
            f"country {country!r}: no holidays are known; write an ISO 3166 code in capitals, as in 'BR', "
            "or list the dates as extra ones"
        )
    try:
        known = _look_up(country, subdivision, categories, years)
    except (NotImplementedError, ValueError) as error:
        raise HolidaysError(f"country {country!r}: {error}. {_choices(country)}") from error
    return frozenset(known) | frozenset(extra)


def _look_up(
    country: str, subdivision: str | None, categories: Iterable[str], years: Iterable[int]
) -> holidays.HolidayBase:
    with warnings.catch_warnings():
        # It warns of every year that it does not know, and a calendar covers a century.
        warnings.filterwarnings("ignore", message="Requested Holidays are available only", category=UserWarning)
        return holidays.country_holidays(
            country, subdiv=subdivision, categories=sorted(set(categories)) or None, years=sorted(set(years))
        )


def _choices(country: str) -> str:
    entity = holidays.country_holidays(country)
    subdivisions = ", ".join(entity.subdivisions) or "none"
    return f"Subdivisions: {subdivisions}; categories: {', '.join(entity.supported_categories)}"
