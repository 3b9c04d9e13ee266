"""Weeks, months and quarters in a zone (DESIGN §5.11; §6, `period`)."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.compact import micros, moment, time_text
from streams.calendar import OutOfRangeError
from streams.periods import first_day, label_of, period, period_at, read_label
from tests.streams.promise_cases import at

DAY = timedelta(days=1) // timedelta(microseconds=1)
ZONES = st.sampled_from(
    ["UTC", "America/Sao_Paulo", "Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Asia/Beirut", "Pacific/Apia"]
)
PERS = st.sampled_from(["week", "month", "quarter"])


def span(per, instant, zone="UTC"):
    found = period_at(per, at(instant), zone)
    return found.label, time_text(found.begin)[:16], time_text(found.end)[:16]


@pytest.mark.parametrize(
    ("per", "instant", "expected"),
    [
        ("week", "2026-03-18", ("2026-W12", "2026-03-16T00:00", "2026-03-23T00:00")),
        ("month", "2026-03-18", ("2026-03", "2026-03-01T00:00", "2026-04-01T00:00")),
        ("quarter", "2026-03-18", ("2026-Q1", "2026-01-01T00:00", "2026-04-01T00:00")),
        ("month", "2026-12-31", ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00")),
        ("quarter", "2026-12-31", ("2026-Q4", "2026-10-01T00:00", "2027-01-01T00:00")),
    ],
)
def test_an_instant_is_in_one_week_month_and_quarter(per, instant, expected):
    """§6: a period is named 2026-W12, 2026-03 or 2026-Q1, and goes from its first midnight to the next one's."""
    assert span(per, instant) == expected


def test_a_week_is_isos():
    """§6: a week starts on Monday, and is of the year that its Thursday is in."""
    assert span("week", "2027-01-03T23:59:59.999999Z")[:2] == ("2026-W53", "2026-12-28T00:00")
    assert span("week", "2027-01-04")[0] == "2027-W01"
    assert span("week", "2024-12-30")[0] == "2025-W01"


def test_a_period_ends_before_the_next_begins():
    """§6: `to` is excluded: it is the next period's first instant, which is in no other."""
    march = period_at("month", at("2026-03-31T23:59:59.999999Z"), "UTC")
    assert (march.label, march.next.label, march.previous.label) == ("2026-03", "2026-04", "2026-02")
    assert period_at("month", march.end, "UTC") == march.next
    assert (march.next.begin, march.previous.end) == (march.end, march.begin)
    quarter = period("quarter", date(2026, 1, 1), "UTC")
    assert (quarter.previous.label, quarter.next.label) == ("2025-Q4", "2026-Q2")


def test_midnight_is_the_zones():
    """§5.11: periods are those of the agreement's timezone, whatever its offset is on the first and the last day."""
    assert span("month", "2026-03-15", "America/Sao_Paulo")[1:] == ("2026-03-01T03:00", "2026-04-01T03:00")
    assert span("month", "2026-03-15", "Europe/Berlin")[1:] == ("2026-02-28T23:00", "2026-03-31T22:00")
    assert span("month", "2026-02-28T23:30:00Z", "Europe/Berlin")[0] == "2026-03"
    assert span("week", "2026-03-22T18:15:00Z", "Asia/Kathmandu")[0] == "2026-W13"
    assert span("week", "2026-03-22T18:14:59Z", "Asia/Kathmandu")[0] == "2026-W12"


def test_a_period_begins_where_the_clocks_skip_midnight():
    """§5.11: where a period's first midnight does not exist, it begins at the first instant of that day that does."""
    october = period_at("month", at("2023-10-15"), "America/Asuncion")
    assert moment(october.begin).astimezone(ZoneInfo("America/Asuncion")).isoformat() == "2023-10-01T01:00:00-03:00"
    assert period_at("quarter", october.begin - 1, "America/Asuncion").label == "2023-Q3"


def test_a_period_begins_at_the_first_of_two_midnights():
    """§5.11: where a period's first midnight comes twice, the period has both."""
    assert span("month", "2026-11-15", "America/Havana")[1] == "2026-11-01T04:00"


def test_a_day_that_a_zone_skips_is_no_day_of_its_week():
    """§5.11: a week from which the zone left out a day (Samoa, 30 December 2011) is shorter by it."""
    week = period_at("week", at("2011-12-29"), "Pacific/Apia")
    assert (week.label, week.end - week.begin) == ("2011-W52", 6 * DAY)


def test_an_instant_beyond_the_calendars_is_refused():
    """§2: an instant that no event can have is an error that names it."""
    with pytest.raises(OutOfRangeError, match="outside 1999 to 2101"):
        period_at("month", at("2150-01-01"), "UTC")
    assert period_at("quarter", at("2000-01-01"), "America/Sao_Paulo").label == "1999-Q4"
    assert period_at("quarter", at("2099-12-31T23:00:00Z"), "Pacific/Kiritimati").label == "2100-Q1"


@given(PERS, st.dates(date(2000, 1, 1), date(2099, 12, 31)))
@example("week", date(2027, 1, 1))
def test_a_label_says_which_period_it_is(per, day):
    """§6: from a label its period is found again."""
    first = first_day(per, day)
    assert first <= day
    assert read_label(label_of(per, first)) == (per, first)


@given(PERS, ZONES, st.integers(at("2000-01-01"), at("2100-01-01") - 1))
def test_the_period_of_an_instant_is_that_of_its_local_date(per, zone, instant):
    """§5.11: an instant is in the period that the local date at it is in; periods follow one another without a gap."""
    found = period_at(per, instant, zone)
    day = moment(instant).astimezone(ZoneInfo(zone)).date()
    assert found.begin <= instant < found.end
    assert found.first == first_day(per, day)
    assert (found.previous.end, found.next.begin) == (found.begin, found.end)
    assert found.next.previous == found == found.previous.next
    before = moment(found.begin - 1).astimezone(ZoneInfo(zone)).date()
    assert before < found.first <= moment(found.begin).astimezone(ZoneInfo(zone)).date()
    assert micros(moment(found.begin)) == found.begin
