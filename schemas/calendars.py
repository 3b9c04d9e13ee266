"""When a team is at work: its zone, its week, its holidays (DESIGN §3)."""

from functools import lru_cache
from itertools import chain, pairwise
from typing import Annotated, Final
from zoneinfo import available_timezones

import holidays
import pycountry
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from schemas.frozen import Frozen, Items, Map
from schemas.hours import DAY_S, WEEKDAYS, Day, DayRange, Hours, HoursText, parse_days
from schemas.phrases import nearest, problem, raise_all, unknown

_NOT_PORTABLE: Final = {"localtime", "Factory", "posixrules"}  # they mean another thing on another machine


def known_zone(name: str) -> str:
    """Take the name of a time zone of the IANA database. Raises ValueError for any other."""
    if not is_zone(name):
        hint = f"Did you mean '{close}'?" if (close := nearest(name, sorted(_zones()))) else ""
        example = "Write one of the IANA database, such as America/Sao_Paulo, Europe/Lisbon or UTC"
        raise ValueError(f"unknown time zone '{name}'. {hint or example}")
    return name


def is_zone(name: str) -> bool:
    """Whether the IANA database has a time zone of that name."""
    return name in _zones()


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NOT_PORTABLE)


def _apart(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    for one, other in pairwise(sorted(hours)):
        if other.opens < one.closes:
            raise ValueError(f"the hours {one} and {other} overlap: let one end where the other starts")
    return hours


Zone = Annotated[str, AfterValidator(known_zone)]
"""The name of a time zone, as in `America/Sao_Paulo`."""

OpenHours = Annotated[Items[HoursText], AfterValidator(_apart)]
"""The hours of one day, as written; with none, it is closed."""


class Holidays(Frozen):
    """Days on which nobody works: a country's, from the `holidays` library, and `extra` ones.

    With no `categories`, those that the library takes as the country's usual ones.
    """

    country: str | None = None
    subdivision: str | None = None
    categories: Items[str] = ()
    extra: Items[Day] = ()

    @field_validator("country")
    @classmethod
    def _country_is_known(cls, code: str | None) -> str | None:
        if code is not None and code not in holidays.list_supported_countries():
            raise ValueError(_unknown_country(code))
        return code

    @field_validator("subdivision")
    @classmethod
    def _subdivision_is_known(cls, code: str | None, info: ValidationInfo) -> str | None:
        if code is not None and (country := _country(info, "subdivision")) is not None:
            aliases = chain.from_iterable(country.get_subdivision_aliases().values())
            if code not in (known := (*country.subdivisions, *aliases)):
                raise ValueError(unknown("subdivision", code, known))
        return code

    @field_validator("categories")
    @classmethod
    def _categories_are_known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if names and (country := _country(info, "categories")) is not None:
            known = country.supported_categories
            wrong = [(place, name) for place, name in enumerate(names) if name not in known]
            raise_all("categories", [problem((place,), unknown("category", name, known)) for place, name in wrong])
        return names


def _unknown_country(code: str) -> str:
    """The code of the country of that name, if there is one."""
    known = holidays.list_supported_countries(include_aliases=False)
    try:
        meant = pycountry.countries.lookup(code).alpha_2
    except LookupError:
        meant = None
    hint = f"Did you mean '{meant}'?" if meant in known else "Write its two capital letters, as in BR or PT"
    return f"unknown country '{code}'. {hint}"


def _country(info: ValidationInfo, key: str) -> holidays.HolidayBase | None:
    """The country's entry in the library; None if the country itself was refused."""
    if "country" not in info.data:
        return None
    if (code := info.data["country"]) is None:
        raise ValueError(f"'{key}' needs a country: add 'country'")
    return holidays.country_holidays(code)


class Calendar(Frozen):
    """The hours at which a team is at work, in one time zone.

    `hours` are those of single days, instead of the week's. Without a `timezone` it has the agreement's,
    which is filled in when the agreement is read.
    """

    timezone: Zone = "UTC"
    week: Map[DayRange, OpenHours]
    holidays: Holidays | None = None
    hours: Map[Day, OpenHours] = Field(default_factory=Map)

    @property
    def days(self) -> tuple[tuple[Hours, ...], ...]:
        """The hours of each day of the week from Monday, in order."""
        return days_of(self.week)

    @property
    def ever_closes(self) -> bool:
        """Whether there is, or may be, an instant at which it is closed."""
        whole = all(_is_whole(day) for day in (*self.days, *self.hours.values()))
        days_off = self.holidays is not None and bool(self.holidays.country or self.holidays.extra)
        return days_off or not whole

    @field_validator("week")
    @classmethod
    def _week_is_open(cls, week: Map[str, tuple[Hours, ...]]) -> Map[str, tuple[Hours, ...]]:
        _check_each_day_once(week)
        if not any(week.values()):
            raise ValueError("the week has no open hour: give at least one day some, such as mon: ['09:00-17:00']")
        return week


def days_of(week: Map[str, tuple[Hours, ...]]) -> tuple[tuple[Hours, ...], ...]:
    """A week's hours by day, from Monday, each day's in order."""
    days: list[tuple[Hours, ...]] = [()] * 7
    for name, hours in week.items():
        for day in parse_days(name):
            days[day] = tuple(sorted(hours))
    return tuple(days)


def _check_each_day_once(week: Map[str, tuple[Hours, ...]]) -> None:
    named: dict[int, str] = {}
    for name in week:
        for day in parse_days(name):
            if day in named:
                raise ValueError(f"{WEEKDAYS[day]} is in '{named[day]}' and in '{name}': give its hours once")
            named[day] = name


def _is_whole(hours: tuple[Hours, ...]) -> bool:
    return sum(closes - opens for opens, closes in hours) == DAY_S
