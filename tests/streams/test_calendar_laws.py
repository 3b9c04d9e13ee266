"""Laws of open time, and a slow count of it minute by minute to compare with (DESIGN.md §5.3)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendar import Calendar
from streams.open_hours import shared_open_hours

MINUTE = 60_000_000
DAY = 1440 * MINUTE
WINDOW_MINUTES = 6 * 1440

# Where clocks do odd things: the zone, and a UTC day near which they do.
ODD_PLACES = (
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/New_York", "2095-11-06"),
    ("America/Sao_Paulo", "2018-11-04"),  # at midnight, forward
    ("America/Sao_Paulo", "2018-02-18"),  # at midnight, back
    ("Asia/Beirut", "2026-03-29"),  # at midnight, forward
    ("Asia/Beirut", "2026-10-25"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),  # back to midnight
    ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
    ("America/St_Johns", "2010-11-07"),  # a minute past midnight, back into the day before
    ("America/St_Johns", "2010-03-14"),
    ("Africa/Casablanca", "2026-03-22"),  # a month after the change before
    ("Asia/Kathmandu", "2026-01-01"),
    ("Pacific/Kiritimati", "2027-01-01"),
    ("America/Los_Angeles", "2000-01-01"),
    ("UTC", "2100-12-31"),
)


@dataclass(frozen=True)
class Terms:
    """What a calendar is made of, with a window of days in which something odd happens."""

    zone: str
    week: tuple
    closed: frozenset
    hours: dict
    away: tuple
    begin: int

    def calendar(self):
        return Calendar(self.zone, self.week, self.closed, self.hours, self.away)

    def open_minutes(self):
        """For every minute of the window, its local date and whether it is open: by looking at the clock."""
        zone = ZoneInfo(self.zone)
        local = [datetime.fromtimestamp(self.begin // 10**6 + 60 * n, zone) for n in range(WINDOW_MINUTES)]
        return [(reading.date(), self._is_open(reading)) for reading in local]

    def _is_open(self, local):
        day = local.date()
        if any(first <= day <= last for first, last in self.away):
            return False
        usual = () if day in self.closed else self.week[day.weekday()]
        second = local.hour * 3600 + local.minute * 60
        return any(opens <= second < closes for opens, closes in self.hours.get(day, usual))


def intervals():
    edges = st.one_of(st.integers(0, 1440), st.sampled_from([0, 1, 30, 60, 90, 120, 180, 1380, 1440]))
    return st.lists(edges, max_size=4, unique=True).map(
        lambda drawn: tuple(
            (60 * opens, 60 * closes) for opens, closes in zip(*[iter(sorted(drawn))] * 2, strict=False)
        )
    )


WHOLE_DAY = ((0, 86400),)
HOURS_OF_A_DAY = st.one_of(intervals(), st.just(WHOLE_DAY), st.just(()))


@st.composite
def all_terms(draw):
    zone, odd_day = draw(st.sampled_from(ODD_PLACES))
    middle = date.fromisoformat(odd_day)
    near = st.integers(-4, 5).map(lambda n: middle + timedelta(days=n))
    ranges = st.tuples(near, st.integers(0, 2)).map(lambda r: (r[0], r[0] + timedelta(days=r[1])))
    begin = (middle.toordinal() - date(1970, 1, 1).toordinal() - 3) * DAY
    return Terms(
        zone,
        tuple(draw(st.lists(HOURS_OF_A_DAY, min_size=7, max_size=7))),
        draw(st.frozensets(near, max_size=2)),
        draw(st.dictionaries(near, HOURS_OF_A_DAY, max_size=3)),
        tuple(draw(st.lists(ranges, max_size=2))),
        begin,
    )


IN_WINDOW = st.integers(0, WINDOW_MINUTES * MINUTE)


@settings(max_examples=100)
@given(all_terms(), IN_WINDOW, IN_WINDOW)
def test_open_time_is_what_a_walk_by_the_minute_counts(terms, one, other):
    """Whatever the clocks do, open time is the time in which a look at the clock finds it open."""
    start, end = sorted((one, other))
    walked = sum(
        min(end, (n + 1) * MINUTE) - max(start, n * MINUTE)
        for n, (_, is_open) in enumerate(terms.open_minutes())
        if is_open and n * MINUTE < end and (n + 1) * MINUTE > start
    )
    assert terms.calendar().open_us(terms.begin + start, terms.begin + end) == walked


@settings(max_examples=100)
@given(all_terms(), IN_WINDOW, st.data())
def test_a_due_is_where_a_walk_by_the_minute_ends(terms, start, data):
    """Whatever the clocks do, a due is the instant at which a walk over open minutes has used them up."""
    stretches = [
        (max(start, n * MINUTE), (n + 1) * MINUTE)
        for n, (_, is_open) in enumerate(terms.open_minutes())
        if is_open and (n + 1) * MINUTE > start
    ]
    left = need = data.draw(st.integers(0, sum(end - begin for begin, end in stretches)), label="need")
    due = start
    for begin, end in stretches:
        if left == 0:
            break
        due = min(end, begin + left)
        left -= due - begin
    assert terms.calendar().due_us(terms.begin + start, need) == terms.begin + due


@settings(max_examples=100)
@given(all_terms(), st.integers(0, WINDOW_MINUTES * MINUTE - 1))
def test_the_next_opening_is_the_first_open_minute_of_a_walk(terms, start):
    """Whatever the clocks do, the next open instant is the first at which a look at the clock finds it open."""
    calendar, minutes = terms.calendar(), terms.open_minutes()
    assert calendar.is_open(terms.begin + start) == minutes[start // MINUTE][1]
    later = [n * MINUTE for n, (_, is_open) in enumerate(minutes) if is_open and (n + 1) * MINUTE > start]
    if later:
        assert calendar.next_open(terms.begin + start) == terms.begin + max(start, later[0])
    else:
        assert calendar.open_us(terms.begin + start, terms.begin + WINDOW_MINUTES * MINUTE) == 0


@settings(max_examples=100)
@given(all_terms(), st.integers(0, WINDOW_MINUTES - 1))
def test_a_business_day_ends_with_its_last_open_minute(terms, start):
    """Whatever the clocks do, business days are the later dates with an open minute, and end with its last."""
    calendar, minutes = terms.calendar(), terms.open_minutes()
    first_day, last_day = minutes[start][0], minutes[-1][0]
    closes = {}
    for n, (day, is_open) in enumerate(minutes):
        if is_open and first_day < day < last_day:
            closes[day] = terms.begin + (n + 1) * MINUTE
    started = terms.begin + start * MINUTE
    found = [calendar.business_day_close(started, n + 1) for n in range(len(closes))]
    assert found == [closes[day] for day in sorted(closes)]


ANY_TIME = st.integers(946_684_800 * 10**6, 4_102_444_800 * 10**6)  # 2000 to 2100
UP_TO_A_YEAR = st.integers(1, 200 * 8 * 60 * MINUTE)
OFFICE = tuple([((9 * 3600, 12 * 3600), (13 * 3600, 18 * 3600))] * 5 + [(), ()])


@st.composite
def working_calendars(draw):
    zone, _ = draw(st.sampled_from(ODD_PLACES))
    dates = st.dates(date(2000, 1, 1), date(2100, 12, 31))
    ranges = st.tuples(dates, st.integers(0, 40)).map(lambda r: (r[0], r[0] + timedelta(days=r[1])))
    return Calendar(zone, OFFICE, away=draw(st.lists(ranges, max_size=6)))


@settings(max_examples=200)
@given(working_calendars(), st.lists(ANY_TIME, min_size=3, max_size=3).map(sorted))
def test_open_time_adds_up(calendar, instants):
    """The open time of a span is that of its parts, over any number of years."""
    a, b, c = instants
    assert calendar.open_us(a, b) + calendar.open_us(b, c) == calendar.open_us(a, c)


@settings(max_examples=200)
@given(working_calendars(), ANY_TIME, UP_TO_A_YEAR)
def test_a_due_is_the_first_instant_with_the_open_time_passed(calendar, start, need):
    """Between a start and its due lies exactly what was given, and a microsecond earlier it does not."""
    due = calendar.due_us(start, need)
    assert calendar.open_us(start, due) == need
    assert calendar.open_us(start, due - 1) == need - 1
    assert calendar.due_us(start, calendar.open_us(start, due)) == due


@settings(max_examples=200)
@given(working_calendars(), ANY_TIME, st.integers(0, 30 * DAY), UP_TO_A_YEAR, st.integers(0, 30 * DAY))
def test_later_starts_and_longer_durations_are_due_no_earlier(calendar, start, wait, need, more):
    """Who starts later, or is given more, is never due earlier."""
    due = calendar.due_us(start, need)
    assert calendar.due_us(start + wait, need) >= due
    assert calendar.due_us(start, need + more) >= due
    assert calendar.due_us(due, more) == (calendar.due_us(start, need + more) if more else due)


@settings(max_examples=100)
@given(working_calendars(), ANY_TIME)
def test_the_next_opening_is_open_and_nothing_open_lies_before_it(calendar, instant):
    """From the next opening on work goes on, and none of it was possible before."""
    opening = calendar.next_open(instant)
    assert calendar.is_open(opening)
    assert calendar.open_us(instant, opening) == 0
    assert calendar.next_open(opening) == opening


@settings(max_examples=100)
@given(working_calendars(), ANY_TIME, st.integers(1, 30 * DAY))
def test_the_next_close_is_closed_and_all_before_it_is_open(calendar, instant, length):
    """Until the next close work goes on, and where none comes in time the limit is said."""
    limit = instant + length
    close = calendar.next_closed(instant, limit)
    assert calendar.open_us(instant, close) == close - instant
    assert close == limit or not calendar.is_open(close)


@settings(max_examples=30)
@given(all_terms(), st.lists(st.tuples(ANY_TIME, st.integers(0, 400 * DAY)), min_size=2, max_size=5))
def test_answers_do_not_depend_on_what_was_asked_before(terms, spans):
    """A calendar that has been asked about many years answers as one that has just been made."""
    used = terms.calendar()
    answers = [used.open_us(start, start + length) for start, length in spans]
    for (start, length), answer in zip(reversed(spans), reversed(answers), strict=True):
        shared_open_hours.cache_clear()
        assert terms.calendar().open_us(start, start + length) == answer
        assert used.open_us(start, start + length) == answer
