"""Durations, days, hours and calendars, and how what the agreement is made of keeps itself."""

import copy
import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.agreement import Agreement
from schemas.calendars import Calendar
from schemas.duration import Duration, parse_duration
from schemas.frozen import Map
from schemas.hours import Hours, parse_away, parse_day, parse_days, parse_hours

WEEK = {"mon-fri": ["09:00-18:00"]}
MINIMAL = {
    "agreement": "acme",
    "version": 1,
    "effective": "2026-01-01T00:00:00Z",
    "parties": {"marketing": {}, "sales": {}},
    "funnel": {"stages": [{"id": "lead", "enters": {"type": "touchpoint"}}]},
}


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("45m", 2_700), ("4h", 14_400), ("90d", 7_776_000), ("0d", 0), ("007h", 25_200)]
)
def test_durations_have_a_length(text, seconds):
    """Seconds, minutes, hours and days of 24 hours have a length in seconds."""
    assert parse_duration(text).seconds == seconds


def test_a_business_day_has_no_length():
    """How long a business day is, only a calendar knows."""
    duration = parse_duration("2bd")
    assert duration == Duration(2, "bd")
    with pytest.raises(ValueError, match="ask the calendar"):
        _ = duration.seconds


@pytest.mark.parametrize("text", ["", "4", "h", "4 h", "-4h", "1.5h", "4H", "1bd2h", "٤h", "4h\n", "9" * 10 + "s", 4])
def test_what_is_no_duration_is_refused(text):
    """A duration is a whole number and its unit, and nothing else."""
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@given(st.builds(Duration, st.integers(0, 36_600), st.sampled_from(["s", "m", "h", "d", "bd"])))
def test_a_duration_is_read_as_it_is_written(duration):
    """What a duration is written as is read as the same duration."""
    assert parse_duration(str(duration)) == duration


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_hours_are_read_as_they_are_written(opens, closes):
    """Hours that end after they start, up to 24:00, are read to the minute; others are refused."""
    hours = Hours(opens * 60, closes * 60)
    if opens < closes:
        assert parse_hours(str(hours)) == hours
    else:
        with pytest.raises(ValueError, match="does not end after it starts"):
            parse_hours(str(hours))


@pytest.mark.parametrize(
    ("name", "days"), [("mon", (0,)), ("mon-thu", (0, 1, 2, 3)), ("sat-sun", (5, 6)), ("sun-thu", (6, 0, 1, 2, 3))]
)
def test_a_week_may_begin_on_any_day(name, days):
    """A range of days goes on over the end of the week."""
    assert parse_days(name) == days


@pytest.mark.parametrize("name", ["", "monday", "mon-", "-fri", "mon-fri-sun", "Mon", "mon - fri"])
def test_what_are_no_days_is_refused(name):
    """Days have their three letters."""
    with pytest.raises(ValueError, match="are no days"):
        parse_days(name)


def test_days_away_include_both_ends():
    """Days away are from one day to another, the same one if it is just one."""
    assert parse_away("2026-12-20/2027-01-05") == (date(2026, 12, 20), date(2027, 1, 5))
    assert parse_away("2026-12-20/2026-12-20").first == date(2026, 12, 20)


@pytest.mark.parametrize("text", ["2026-1-1", "2026-02-29", "1999-12-31", "2101-01-01", "2026-01-01T00:00:00Z"])
def test_what_is_no_date_is_refused(text):
    """A date is written in one way, exists, and is near our times."""
    with pytest.raises(ValueError, match=r"no date|out of range"):
        parse_day(text)


def test_a_calendars_days_are_in_order():
    """The hours of a day may be written in any order, and are known by day from Monday."""
    calendar = Calendar.model_validate({"week": {"sun-mon": ["13:00-17:00", "09:00-12:00"], "tue": []}})
    assert calendar.days[0] == ((9 * 3600, 12 * 3600), (13 * 3600, 17 * 3600))
    assert calendar.days[6] == calendar.days[0]
    assert not any(calendar.days[1:6])


@pytest.mark.parametrize(
    ("changed", "closes"),
    [
        ({}, False),
        ({"week": {"mon-sun": ["12:00-24:00", "00:00-12:00"]}}, False),
        ({"hours": {"2026-12-24": ["00:00-24:00"]}}, False),
        ({"holidays": {}}, False),
        ({"week": {"mon-sat": ["00:00-24:00"]}}, True),
        ({"week": {"mon-sun": ["00:00-23:59"]}}, True),
        ({"hours": {"2026-12-24": []}}, True),
        ({"holidays": {"extra": ["2026-12-25"]}}, True),
        ({"holidays": {"country": "BR"}}, True),
    ],
)
def test_a_calendar_knows_whether_it_ever_closes(changed, closes):
    """Only a calendar that is open on every day of every year never closes."""
    always = {"week": {"mon-sun": ["00:00-24:00"]}}
    assert Calendar.model_validate(always | changed).ever_closes is closes


def test_a_calendar_without_a_zone_has_the_agreements():
    """A calendar that names no time zone has the agreement's; one that does keeps its own."""
    calendars = {"here": {"week": WEEK}, "there": {"timezone": "Europe/Lisbon", "week": WEEK}}
    agreement = Agreement.model_validate(MINIMAL | {"timezone": "America/Bogota", "calendars": calendars})
    assert agreement.calendars["here"].timezone == "America/Bogota"
    assert agreement.calendars["there"].timezone == "Europe/Lisbon"


def test_names_are_checked_however_an_agreement_is_made():
    """An agreement that is put together by code is held to the same rules as one from a file."""
    whole = Agreement.model_validate(MINIMAL)
    with pytest.raises(ValidationError, match="unknown calendar 'office'"):
        Agreement(**{**dict(whole), "calendar": "office", "calendars": Map()})


def test_an_agreement_never_changes():
    """Neither an agreement nor a map in it can be changed, so both can be kept by their hash."""
    agreement = Agreement.model_validate(MINIMAL)
    with pytest.raises(ValidationError):
        agreement.version = 2
    with pytest.raises(TypeError):
        agreement.parties["cs"] = agreement.parties["sales"]
    assert {agreement: 1}[Agreement.model_validate(MINIMAL)] == 1


def test_a_map_equals_what_it_holds():
    """A map is equal to any mapping of the same content, whatever the order, and survives being copied."""
    whole = Map({"a": 1, "b": 2})
    assert whole == {"b": 2, "a": 1}
    assert hash(whole) == hash(Map({"b": 2, "a": 1}))
    assert pickle.loads(pickle.dumps(whole)) == whole == copy.deepcopy(whole)
    assert whole != Map({"a": 1})
