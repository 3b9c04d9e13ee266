"""When a team is at work, in words: hours, holidays and days away (DESIGN §3)."""

import warnings
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple

import holidays
import pycountry

from agents.agreeing.entries import Entry, Term
from agents.agreeing.words import Words, capital
from agents.language import N_, Language
from schemas.agreement import Person
from schemas.calendars import Calendar, Holidays
from schemas.hours import DAY_S, WEEKDAYS, Hours

__all__ = ["DayOff", "calendar_entry", "days_off", "person_entry"]

_CATEGORIES: Final = {
    "public": N_("public"),
    "optional": N_("optional"),
    "bank": N_("bank"),
    "government": N_("government"),
    "school": N_("school"),
    "half_day": N_("half-day"),
    "catholic": N_("Catholic"),
    "workday": N_("working"),
    "unofficial": N_("unofficial"),
}


class DayOff(NamedTuple):
    """A holiday and its name, in the reader's language where the source has it, else in the country's."""

    day: date
    name: str


def calendar_entry(words: Words, ident: str, calendar: Calendar) -> Entry:
    """A calendar: its zone, the hours of its week, its holidays, and the days that have other hours."""
    say = words.language
    return Entry(
        ident,
        words.name(ident),
        (
            Term("timezone", say.gettext("Time zone"), say.zone(calendar.timezone)),
            Term("week", say.gettext("Hours"), "\n".join(_week(say, calendar))),
            Term(
                "holidays",
                say.gettext("Holidays"),
                _holidays(say, calendar.holidays),
                shown=calendar.holidays is not None,
            ),
            Term("hours", say.gettext("Other hours"), _other_hours(say, calendar), bool(calendar.hours)),
        ),
    )


def person_entry(words: Words, person: Person) -> Entry:
    """Somebody who can own a lead, or a queue."""
    say, none = words.language, words.language.gettext("none")
    away = "\n".join(say.dates(days.first, days.last) for days in person.away)
    team, manager = words.name(person.team or ""), words.person(person.manager or "")
    calendar = words.calendar(person.calendar)
    if person.calendar is None:
        calendar = say.gettext("that of the agreement: {calendar}", calendar=calendar)
    role = say.gettext("a queue: holds leads that no person owns yet") if person.queue else say.gettext("a person")
    return Entry(
        person.id,
        words.person(person.id),
        (
            Term("queue", say.gettext("Kind"), role, shown=person.queue),
            Term("team", say.gettext("Team"), team or none, shown=bool(team)),
            Term("manager", say.gettext("Manager"), manager or none, shown=bool(manager)),
            Term("calendar", say.gettext("Calendar"), calendar, shown=not person.queue),
            Term("away", say.gettext("Days away"), away or none, bool(away)),
        ),
    )


def days_off(calendar: Calendar, first: date, last: date, language: Language) -> list[DayOff]:
    """The calendar's holidays from the first day to the last, by date."""
    given = calendar.holidays
    if given is None:
        return []
    named = {day: language.gettext("Extra holiday") for day in given.extra}
    if given.country is not None:
        named = {**named, **_known_holidays(given, range(first.year, last.year + 1), language)}
    return [DayOff(day, name) for day, name in sorted(named.items()) if first <= day <= last]


def _known_holidays(given: Holidays, years: range, language: Language) -> dict[date, str]:
    country = holidays.country_holidays(given.country or "")
    spoken = {tag.split("_")[0]: tag for tag in sorted(country.supported_languages, reverse=True)}
    with warnings.catch_warnings():
        # it warns of every year that it does not know
        warnings.filterwarnings("ignore", message="Requested Holidays are available only", category=UserWarning)
        return dict(
            holidays.country_holidays(
                given.country or "",
                subdiv=given.subdivision,
                categories=sorted(set(given.categories)) or None,
                years=years,
                language=spoken.get(language.code, country.default_language),
            )
        )


def _week(say: Language, calendar: Calendar) -> Iterator[str]:
    """A line for each stretch of days that have the same hours."""
    if all(_is_whole(day) for day in calendar.days):
        yield say.gettext("all hours of all days")
        return
    for hours, group in groupby(range(len(WEEKDAYS)), key=lambda day: calendar.days[day]):
        days = list(group)
        yield say.gettext("{days}: {hours}", days=capital(_weekdays(say, days)), hours=_hours(say, hours))


def _weekdays(say: Language, days: list[int]) -> str:
    if len(days) <= 2:
        return say.all_of(map(say.weekday, days))
    return say.gettext("{first} to {last}", first=say.weekday(days[0]), last=say.weekday(days[-1]))


def _hours(say: Language, hours: tuple[Hours, ...]) -> str:
    if not hours:
        return say.gettext("closed")
    if _is_whole(hours):
        return say.gettext("all day")
    return say.all_of(say.hours(opens, closes) for opens, closes in sorted(hours))


def _is_whole(hours: tuple[Hours, ...]) -> bool:
    return sum(closes - opens for opens, closes in hours) == DAY_S


def _holidays(say: Language, given: Holidays | None) -> str:
    if given is None or not (given.country or given.extra):
        return say.gettext("none")
    lines = []
    if given.country is not None:
        place = _place(say, given.country, given.subdivision)
        lines.append(place)
        if given.categories:
            kinds = say.all_of(say.gettext(_CATEGORIES[one]) if one in _CATEGORIES else one for one in given.categories)
            lines = [f"{place} ({kinds})"]
    if given.extra:
        lines.append(say.gettext("also {days}", days=say.all_of(map(say.short_date, sorted(given.extra)))))
    return "\n".join(lines)


def _place(say: Language, country: str, subdivision: str | None) -> str:
    if subdivision is None:
        return say.territory(country)
    known = {one.code: one.name for one in pycountry.subdivisions if one.country_code == country}
    return f"{say.territory(country)}, {known.get(f'{country}-{subdivision}', subdivision)}"


def _other_hours(say: Language, calendar: Calendar) -> str:
    lines = (
        say.gettext("{days}: {hours}", days=say.date(day), hours=_hours(say, hours))
        for day, hours in sorted(calendar.hours.items())
    )
    return "\n".join(lines) or say.gettext("none")
