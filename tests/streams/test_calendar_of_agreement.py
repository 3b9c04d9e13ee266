"""Calendars as the agreement writes them (DESIGN.md §3)."""

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from schemas.calendars import Calendar as WrittenCalendar
from streams.calendar import from_agreement

ZONE = "America/Sao_Paulo"
MINUTE = 60_000_000
HOUR = 60 * MINUTE

OFFICE = {
    "timezone": ZONE,
    "week": {"mon-thu": ["13:00-18:00", "09:00-12:00"], "fri": ["09:00-16:00"]},
    "holidays": {"country": "BR", "subdivision": "SP", "categories": ["public", "optional"], "extra": ["2026-01-26"]},
    "hours": {"2026-12-24": ["14:00-15:00", "09:00-12:00"]},
}


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1_000_000


def office(away=(), **changed):
    return from_agreement(WrittenCalendar.model_validate(OFFICE | changed), away)


def test_the_hours_of_the_week_are_those_written():
    """The design's office is open eight hours from Monday to Thursday, seven on Friday, none at the weekend."""
    days = [f"2026-03-{day:02}T00:00" for day in range(2, 10)]
    open_time = [office().open_us(at(one), at(other)) for one, other in pairwise(days)]
    assert open_time == [8 * HOUR] * 4 + [7 * HOUR, 0, 0]


def test_a_due_goes_around_breaks_holidays_and_extra_dates():
    """Four hours from the Friday before the city's day and a weekend end on Tuesday after lunch."""
    assert office().due_us(at("2026-01-23T15:00"), 5 * HOUR) == at("2026-01-27T14:00")


def test_holidays_of_the_country_are_closed():
    """On Brazil's holidays, the optional ones too, the office is closed all day."""
    for day in ("2026-09-07", "2026-02-17", "2026-07-09", "2043-09-07"):
        assert office().open_us(at(f"{day}T00:00"), at(f"{day}T23:59")) == 0


def test_the_hours_of_a_date_count_instead_of_the_weeks_and_its_holiday():
    """On Christmas Eve, an optional holiday, the office has the hours that the agreement gives it."""
    assert office().open_us(at("2026-12-24T00:00"), at("2026-12-25T00:00")) == 4 * HOUR


def test_days_away_are_a_persons_own():
    """One person's holiday closes nobody else's calendar."""
    away = [(date(2026, 3, 2), date(2026, 3, 4))]
    assert office(away).next_open(at("2026-03-02T09:00")) == at("2026-03-05T09:00")
    assert office().is_open(at("2026-03-02T09:00"))


def test_holidays_without_a_country_are_the_extra_dates():
    """An agreement that lists its holidays itself, or has none, needs no country."""
    listed = office(holidays={"extra": ["2026-03-03"]})
    assert listed.open_us(at("2026-03-02T00:00"), at("2026-03-04T00:00")) == 8 * HOUR
    assert office(holidays=None).is_open(at("2026-09-07T10:00"))


def test_a_calendar_written_as_always_open_never_closes():
    """From 00:00 to 24:00 on all days is open time without end."""
    always = from_agreement(WrittenCalendar.model_validate({"timezone": "UTC", "week": {"mon-sun": ["00:00-24:00"]}}))
    assert not always.ever_closes
    assert always.due_us(5, 90 * 24 * HOUR) == 5 + 90 * 24 * HOUR
