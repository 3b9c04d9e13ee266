"""Open time and dues on a calendar (DESIGN.md §3, §5.3)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.calendar import ALWAYS_OPEN, Calendar, CalendarError, NeverOpenError, OutOfRangeError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SHUT = ()
NINE_TO_FIVE = ((9 * 3600, 17 * 3600),)
LUNCH_BREAK = ((9 * 3600, 12 * 3600), (13 * 3600, 18 * 3600))
WHOLE_DAY = ((0, 86400),)
OFFICE_WEEK = (NINE_TO_FIVE,) * 5 + (SHUT, SHUT)


def at(text, zone="UTC", fold=0):
    """The instant of a local reading; fold=1 is the second time that it happens."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(local.timestamp()) * SECOND + local.microsecond


def office(zone="UTC", **more):
    return Calendar(zone, OFFICE_WEEK, **more)


def test_a_clock_started_on_saturday_evening_runs_from_monday_morning():
    """A lead of Saturday evening with an hour to answer is due on Monday at ten."""
    assert office().due_us(at("2026-01-03T20:00"), HOUR) == at("2026-01-05T10:00")


def test_a_due_on_a_closing_instant_is_that_instant():
    """Eight hours from Friday's opening are over when the office closes, not on Monday morning."""
    assert office().due_us(at("2026-01-09T09:00"), 8 * HOUR) == at("2026-01-09T17:00")
    assert office().due_us(at("2026-01-09T09:00"), 8 * HOUR + 1) == at("2026-01-12T09:00") + 1


def test_a_due_at_the_lunch_break_is_its_beginning():
    """With a lunch break, three hours from opening are over at noon and the fourth ends at two."""
    calendar = Calendar("UTC", (LUNCH_BREAK,) * 7)
    assert calendar.due_us(at("2026-01-05T09:00"), 3 * HOUR) == at("2026-01-05T12:00")
    assert calendar.due_us(at("2026-01-05T09:00"), 4 * HOUR) == at("2026-01-05T14:00")


def test_nothing_owed_is_due_at_once():
    """A duration of zero is due at its start, open or closed."""
    assert office().due_us(at("2026-01-03T20:00"), 0) == at("2026-01-03T20:00")


def test_open_time_counts_only_open_hours():
    """From Friday at four to Monday at ten, two hours count."""
    assert office().open_us(at("2026-01-09T16:00"), at("2026-01-12T10:00")) == 2 * HOUR


def test_an_end_before_the_start_holds_no_open_time():
    """Nothing lies between an instant and an earlier one."""
    assert office().open_us(at("2026-01-12T10:00"), at("2026-01-09T16:00")) == 0


def test_the_opening_instant_is_open_and_the_closing_one_is_not():
    """An office open from nine to five is open at nine and closed at five, to the microsecond."""
    calendar = office()
    edges = [at("2026-01-05T09:00") - 1, at("2026-01-05T09:00"), at("2026-01-05T17:00") - 1]
    assert [calendar.is_open(edge) for edge in [*edges, at("2026-01-05T17:00")]] == [False, True, True, False]


def test_the_next_opening_after_a_close_is_the_next_morning():
    """From the closing instant the next open one is the next opening; an open instant is its own."""
    calendar = office()
    assert calendar.next_open(at("2026-01-09T17:00")) == at("2026-01-12T09:00")
    assert calendar.next_open(at("2026-01-12T09:00")) == at("2026-01-12T09:00")
    assert calendar.next_open(at("2026-01-12T11:30") + 7) == at("2026-01-12T11:30") + 7


def test_closed_dates_do_not_count():
    """A holiday between Tuesday evening and Thursday morning holds no open time."""
    calendar = office(closed=frozenset({date(2026, 1, 7)}))
    assert calendar.due_us(at("2026-01-06T16:00"), 2 * HOUR) == at("2026-01-08T10:00")


def test_the_hours_of_a_date_replace_those_of_the_week():
    """On a date with hours of its own only those count; none of its own means closed."""
    calendar = office(hours={date(2026, 12, 24): ((9 * 3600, 12 * 3600),), date(2026, 12, 25): SHUT})
    assert calendar.open_us(at("2026-12-24T00:00"), at("2026-12-26T00:00")) == 3 * HOUR


def test_the_hours_of_a_date_beat_a_holiday():
    """A holiday on which the agreement says the office opens is open."""
    day = date(2026, 12, 25)
    calendar = office(closed=frozenset({day}), hours={day: ((10 * 3600, 12 * 3600),)})
    assert calendar.open_us(at("2026-12-25T00:00"), at("2026-12-26T00:00")) == 2 * HOUR


def test_both_ends_of_days_away_are_away():
    """Who is away from Monday to Wednesday owes nothing on either, and works on Thursday."""
    calendar = office(away=[(date(2026, 1, 5), date(2026, 1, 7))])
    assert calendar.due_us(at("2026-01-02T16:00"), 2 * HOUR) == at("2026-01-08T10:00")
    assert calendar.open_us(at("2026-01-05T00:00"), at("2026-01-08T00:00")) == 0


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("day", ["2025-12-31", "2026-01-01", "2026-01-05"])
def test_days_away_are_local_ones(zone, day):
    """Days away begin and end at midnight in the zone of the calendar, not in UTC, also at the year's end."""
    off = date.fromisoformat(day)
    calendar = Calendar(zone, (WHOLE_DAY,) * 7, away=[(off, off)])
    begin, end = at(f"{day}T00:00", zone), at(f"{day}T00:00", zone) + DAY
    assert calendar.open_us(begin - DAY, end + DAY) == 2 * DAY
    assert calendar.next_open(begin) == end
    edges = (begin - 1, begin, end - 1, end)
    assert [calendar.is_open(edge) for edge in edges] == [True, False, False, True]


def test_days_away_beat_the_hours_of_a_date():
    """A date that opens specially is still away for who is away."""
    day = date(2026, 12, 24)
    calendar = office(hours={day: NINE_TO_FIVE}, away=[(day, day)])
    assert not calendar.is_open(at("2026-12-24T10:00"))


def test_days_away_that_overlap_or_touch_count_once():
    """Absences that overlap take the days of all, each once, in whatever order they are written."""
    span = at("2026-01-01T00:00"), at("2026-02-01T00:00")
    for days in ([(5, 8)], [(7, 8), (5, 6)], [(5, 8), (6, 7)], [(6, 8), (5, 7)]):
        absences = [(date(2026, 1, first), date(2026, 1, last)) for first, last in days]
        assert office(away=absences).open_us(*span) == office().open_us(*span) - 4 * 8 * HOUR


def test_the_due_falls_before_days_away_that_begin_at_it():
    """What is due at Friday's close stays due then, though the weekend and an absence follow."""
    calendar = office(away=[(date(2026, 1, 10), date(2026, 1, 18))])
    assert calendar.due_us(at("2026-01-09T09:00"), 8 * HOUR) == at("2026-01-09T17:00")


def test_a_calendar_open_until_midnight_goes_on_the_next_day():
    """A night shift from ten in the evening to six is one stretch of eight hours."""
    calendar = Calendar("UTC", (((0, 6 * 3600), (22 * 3600, 86400)),) * 7)
    assert calendar.due_us(at("2026-01-05T22:00"), 8 * HOUR) == at("2026-01-06T06:00")


@pytest.mark.parametrize(
    ("zone", "day", "minutes"),
    [
        ("America/New_York", "2026-03-08", 1380),
        ("America/New_York", "2026-11-01", 1500),
        ("America/Sao_Paulo", "2018-11-04", 1380),
        ("America/Sao_Paulo", "2018-02-17", 1500),
        ("Asia/Beirut", "2026-03-29", 1380),
        ("America/Havana", "2026-11-01", 1500),
        ("Australia/Lord_Howe", "2026-10-04", 1410),
        ("Australia/Lord_Howe", "2026-04-05", 1470),
        ("America/St_Johns", "2010-11-06", 1499),  # back by an hour at a minute past midnight
        ("Pacific/Apia", "2011-12-30", 0),
        ("America/New_York", "2090-03-12", 1380),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone, day, minutes):
    """An hour that happens twice counts twice, one that is skipped does not, nor does a day that never was."""
    calendar = Calendar(zone, (SHUT,) * 7, hours={date.fromisoformat(day): WHOLE_DAY})
    noon = at(f"{day}T12:00")
    assert calendar.open_us(noon - 3 * DAY, noon + 3 * DAY) == minutes * MINUTE


def test_an_hour_that_happens_twice_is_open_twice():
    """Open from one to two at night, in the night the clocks go back: two hours, one after the other."""
    zone = "America/New_York"
    calendar = Calendar(zone, (((3600, 7200),),) * 7)
    first, second = at("2026-11-01T01:00", zone), at("2026-11-01T01:00", zone, fold=1)
    assert second - first == HOUR
    assert calendar.due_us(first, 2 * HOUR) == second + HOUR == at("2026-11-01T02:00", zone)


def test_business_days_end_at_the_close_of_the_nth_open_day():
    """Two business days from a Thursday end at Monday's close, whatever the hour they began."""
    calendar = office()
    for start in ("2026-01-08T00:00", "2026-01-08T12:00", "2026-01-08T23:59"):
        assert calendar.business_day_close(at(start), 2) == at("2026-01-12T17:00")


def test_a_business_day_from_a_closed_day_is_the_next_open_one():
    """One business day from a Saturday ends at Monday's close."""
    assert office().business_day_close(at("2026-01-03T20:00"), 1) == at("2026-01-05T17:00")


def test_the_day_a_clock_started_is_the_local_one():
    """At three in the night in UTC it is still Monday in São Paulo, so a business day ends on Tuesday there."""
    zone = "America/Sao_Paulo"
    started = at("2026-01-06T02:00")
    assert office(zone).business_day_close(started, 1) == at("2026-01-06T17:00", zone)


def test_business_days_skip_holidays_and_days_away():
    """Neither a holiday nor an absence is a business day; the last close of a day with a break is its close."""
    calendar = Calendar(
        "UTC",
        (LUNCH_BREAK,) * 5 + (SHUT, SHUT),
        closed=frozenset({date(2026, 1, 6)}),
        away=[
            (date(2026, 1, 2), date(2026, 1, 2)),
            (date(2026, 1, 8), date(2026, 1, 9)),
            (date(2026, 1, 13), date(2026, 1, 13)),
        ],
    )
    closes = [calendar.business_day_close(at("2026-01-05T10:00"), n) for n in (1, 2, 3)]
    assert closes == [at(f"2026-01-{day}T18:00") for day in ("07", "12", "14")]


def test_a_day_whose_open_hours_are_skipped_is_no_business_day():
    """Where the only open hour falls into the gap of the clocks, the day has no open time and does not count."""
    zone = "America/New_York"
    calendar = Calendar(zone, (((2 * 3600, 3 * 3600),),) * 7)
    assert calendar.business_day_close(at("2026-03-07T12:00", zone), 1) == at("2026-03-09T03:00", zone)


def test_a_day_that_never_was_is_no_business_day():
    """Samoa had no Friday the 30th of December 2011, so one business day from Thursday ends on Saturday."""
    zone = "Pacific/Apia"
    calendar = Calendar(zone, (NINE_TO_FIVE,) * 7)
    assert calendar.business_day_close(at("2011-12-29T12:00", zone), 1) == at("2011-12-31T17:00", zone)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_business_days_cross_the_years_end(zone):
    """A business day that ends on either side of New Year ends at that day's own midnight, in any zone."""
    calendar = Calendar(zone, (WHOLE_DAY,) * 7)
    started = at("2025-12-30T15:00", zone)
    closes = [calendar.business_day_close(started, n) for n in (1, 2, 3)]
    assert closes == [at(f"2026-01-0{n}T00:00", zone) for n in (1, 2, 3)]


def test_always_open_counts_every_instant():
    """Where no calendar is named, open time is time."""
    start = at("2026-01-03T20:00") + 1
    assert not ALWAYS_OPEN.ever_closes
    assert ALWAYS_OPEN.open_us(start, start + 90 * DAY + 5) == 90 * DAY + 5
    assert ALWAYS_OPEN.due_us(start, 90 * DAY) == start + 90 * DAY
    assert ALWAYS_OPEN.next_open(start) == start
    assert ALWAYS_OPEN.is_open(start)
    assert ALWAYS_OPEN.business_day_close(start, 1) == at("2026-01-05T00:00")


def test_a_calendar_that_closes_says_so():
    """Durations in days of 24 hours are for calendars that never close: any closed moment tells."""
    day = date(2026, 1, 5)
    always = (WHOLE_DAY,) * 7
    in_two = (((0, 3600), (3600, 86400)),) * 7
    assert not Calendar("America/New_York", in_two).ever_closes
    assert not Calendar("UTC", always, closed=frozenset({day}), hours={day: WHOLE_DAY}).ever_closes
    assert Calendar("UTC", always, closed=frozenset({day})).ever_closes
    assert Calendar("UTC", always, hours={day: NINE_TO_FIVE}).ever_closes
    assert Calendar("UTC", always, away=[(day, day)]).ever_closes
    assert Calendar("UTC", ((((0, 86399),),) + (WHOLE_DAY,) * 6)).ever_closes


def test_a_due_that_never_comes_is_an_error():
    """Who is away for good is never due: it is said, and nothing waits for ever."""
    gone = office(away=[(date(2026, 1, 5), date(9999, 12, 31))])
    start = at("2026-01-02T16:00")
    assert gone.due_us(start, HOUR) == at("2026-01-02T17:00")
    for ask in (
        lambda: gone.due_us(start, HOUR + 1),
        lambda: gone.next_open(at("2026-01-05T09:00")),
        lambda: gone.business_day_close(start, 1),
        lambda: Calendar("UTC", (SHUT,) * 7).due_us(start, 1),
    ):
        with pytest.raises(NeverOpenError, match="away"):
            ask()


def test_instants_out_of_range_are_an_error():
    """A time outside the years that calendars cover is refused with those years, not answered wrongly."""
    with pytest.raises(OutOfRangeError, match="1999 to 2101"):
        office().open_us(at("1998-06-01T00:00"), at("2026-01-01T00:00"))
    with pytest.raises(OutOfRangeError, match="1999 to 2101"):
        office().due_us(at("2150-06-01T00:00"), HOUR)


def test_the_whole_range_can_be_asked_for():
    """A clock of the first year and one of the last are both right, on one calendar."""
    calendar = office("Australia/Lord_Howe")
    zone = "Australia/Lord_Howe"
    assert calendar.due_us(at("2100-12-31T16:00", zone), 2 * HOUR) == at("2101-01-03T10:00", zone)
    assert calendar.due_us(at("1999-12-31T16:00", zone), 2 * HOUR) == at("2000-01-03T10:00", zone)


@pytest.mark.parametrize(
    ("week", "said"),
    [
        ((NINE_TO_FIVE,) * 6, "6 days"),
        (((((9 * 3600), 9 * 3600),),) + (SHUT,) * 6, "mon"),
        ((SHUT, ((-1, 10),)) + (SHUT,) * 5, "tue"),
        ((SHUT, ((0, 86401),)) + (SHUT,) * 5, "tue"),
        ((SHUT,) * 6 + (((100, 200), (150, 300)),), "sun.*overlap"),
        ((SHUT,) * 6 + (((100, 200), (10, 30)),), "sun.*order"),
    ],
)
def test_hours_that_make_no_sense_are_refused(week, said):
    """Hours that end before they begin, leave the day or overlap are refused, with the day."""
    with pytest.raises(CalendarError, match=said):
        Calendar("UTC", week)


@pytest.mark.parametrize("zone", ["America/Sao_Paolo", "", "../etc/passwd", "America"])
def test_an_unknown_zone_is_refused(zone):
    """A slip in the zone's name is refused with a message that says what to write."""
    with pytest.raises(CalendarError, match="America/Sao_Paulo"):
        Calendar(zone, OFFICE_WEEK)


def test_other_slips_are_refused():
    """An absence that ends before it begins, and durations below nothing, are refused."""
    with pytest.raises(CalendarError, match="earlier date first"):
        office(away=[(date(2026, 1, 7), date(2026, 1, 5))])
    with pytest.raises(CalendarError, match="2026-01-05"):
        office(hours={date(2026, 1, 5): ((10, 5),)})
    with pytest.raises(CalendarError, match="negative"):
        office().due_us(at("2026-01-05T09:00"), -1)
    with pytest.raises(CalendarError, match="business days"):
        office().business_day_close(at("2026-01-05T09:00"), 0)
