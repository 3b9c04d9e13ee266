"""Every verdict can be explained: what each event did to a clock, and which time counted, to the microsecond."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agreement import Agreement
from schemas.calendars import Calendar as WrittenCalendar
from schemas.calendars import Holidays
from schemas.compact import order_key
from schemas.hours import Away
from streams.calendar import from_agreement
from streams.explaining import explain
from streams.life import fold
from streams.published import Version
from streams.stretches import Schedule, counted_us
from streams.terms import Versions
from streams.verdicts import clock_lines
from tests.streams.builders import HOUR, agreement, lead, time, touch, versions
from tests.streams.clocked import made, promises
from tests.streams.generated import sets_of_events

PEOPLE = [{"id": "carla", "away": ["2026-01-06/2026-01-06"]}, {"id": "bruno"}, {"id": "inbox", "queue": True}]
OFFICE = {
    "timezone": "UTC",
    "week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]},
    "holidays": {"country": "BR", "extra": ["2026-01-08"]},
    "hours": {"2026-01-07": ["09:00-10:00"]},
}
RESPONSE = {
    "id": "answer",
    "owed_by": "sales",
    "kind": "response",
    "starts": {"stage": "mql"},
    "met_by": {"type": "touchpoint", "party": "sales", "kind": "call"},
    "within": "4h",
    "warn_at": [0.5],
}
ATTEMPTS = {
    "id": "tries",
    "owed_by": "sales",
    "kind": "attempts",
    "starts": {"stage": "mql"},
    "counts": {"type": "touchpoint", "party": "sales"},
    "unless": {"type": "touchpoint", "outcome": "connected"},
    "at_least": 3,
    "within": "20h",
}


def by(*clauses, **more):
    parts = {"people": PEOPLE, "calendars": {"office": OFFICE}, "calendar": "office", **more}
    return versions(agreement(clauses=list(clauses), **parts))


def call(hours, **fields):
    return touch(hours, "call", "sales", **fields)


def explained(*events, by, as_of=200.0, **more):
    return explain("l1", sorted(events, key=order_key), by, time(as_of), **more)


def only(*events, by, **more):
    (story,) = explained(*events, by=by, **more).stories
    return story


def roles(story):
    return [(one.event.id, one.role) for one in story.happenings]


@settings(max_examples=200)
@given(promises(), sets_of_events(), st.integers(0, 300))
def test_the_stretches_that_count_add_up_to_the_elapsed_time(written, events, later):
    """Of every clock, all time from start to end is told, once, and what counts of it is elapsed_s exactly."""
    terms, ordered = made(written), sorted(events, key=order_key)
    as_of = max((event.time for event in ordered), default=0) + later * HOUR // 10
    for story in explain("l1", ordered, terms, as_of).stories:
        assert counted_us(story.stretches) / 1_000_000 == story.line.elapsed_s
        edges = [story.clock.started, *(one.end for one in story.stretches)]
        assert edges[:-1] == [one.begin for one in story.stretches]
        assert edges[-1] == max(story.end, story.clock.started)
        assert all(one.why != other.why or one.name != other.name for one, other in pairwise(story.stretches))


@settings(max_examples=200)
@given(promises(), sets_of_events())
def test_an_explanation_is_of_the_clocks_that_the_folds_give(written, events):
    """What is explained is what a replay says: the same clocks, the same lines; and each answer's event is told."""
    terms, ordered = made(written), sorted(events, key=order_key)
    as_of = max((event.time for event in ordered), default=0)
    life, stories = fold(ordered, terms), explain("l1", ordered, terms, as_of).stories
    assert [story.line for story in stories] == clock_lines("l1", life.clocks.running, terms, life.journey.owner, as_of)
    for story in stories:
        clock, ended = story.clock, {}
        for one in story.happenings:
            ended.setdefault(one.role in ("answered", "excused"), []).append(one.event)
        answers = [(event.source, event.id) for event in ended.get(True, [])]
        assert answers == ([] if clock.answer is None else [(clock.answer.source, clock.answer.id)])
        assert (story.started.source, story.started.id) == (clock.cause.source, clock.cause.id)
        assert story.opened.time == clock.opened


ZONES = ("UTC", "America/Sao_Paulo", "America/New_York", "Asia/Kathmandu", "Africa/Cairo", "Australia/Lord_Howe")
HOURS = st.sampled_from([[], ["00:00-24:00"], ["09:00-12:00", "13:00-18:00"], ["00:00-03:00"], ["01:30-02:30"]])
DAYS = st.dates(date(2025, 12, 25), date(2026, 4, 10))
RANGES = st.tuples(DAYS, DAYS).map(lambda ends: Away(min(ends), max(ends)))


@settings(max_examples=200)
@given(st.data(), st.sampled_from(ZONES), st.lists(RANGES, max_size=2))
def test_stretches_agree_with_the_calendar_in_every_zone(data, zone, away):
    """Whatever the zone, its changes of clocks, the holidays and the days away: the same open time as is judged by."""
    week = {"mon": ["09:00-10:00"]} | {day: data.draw(HOURS) for day in ("tue", "wed", "thu-sun")}
    days_off = {"country": data.draw(st.sampled_from(["BR", "US"])), "extra": data.draw(st.lists(DAYS, max_size=3))}
    hours = data.draw(st.dictionaries(DAYS, HOURS, max_size=3))
    written = WrittenCalendar.model_validate(
        {"timezone": zone, "week": week, "holidays": days_off | {"extra": [*map(str, days_off["extra"])]}}
        | {"hours": {str(day): open_ for day, open_ in hours.items()}}
    )
    start, end = sorted(time(data.draw(st.floats(-300, 2_000))) for _ in range(2))
    calendar = from_agreement(written, [(one.first, one.last) for one in away])
    assert counted_us(Schedule("x", written, "carla", away).stretches(start, end)) == calendar.open_us(start, end)


def test_each_stretch_says_why_it_counts_or_not():
    """Nights, weekends, holidays by name, extra dates, a date's own hours and days away are told apart."""
    away = by({**RESPONSE, "calendar": "owner"})
    story = only(lead(10, "mql", owner="carla"), by=away, as_of=24 * 4 + 8)
    assert [(one.why, one.us / HOUR) for one in story.stretches] == [
        ("open", 2),
        ("closed", 1),
        ("open", 5),
        ("closed", 6),
        ("away", 24),
        ("other_hours", 9),
        ("date_hours", 1),
        ("other_hours", 14),
        ("extra", 24),
        ("closed", 8),
    ]
    assert (story.schedule.owner, story.schedule.name) == ("carla", "office")
    weekend = only(lead(24 * 4 + 17, "mql"), by=by(RESPONSE), as_of=24 * 7 + 9)
    assert [one.why for one in weekend.stretches] == ["open", "closed", "day_off", "closed"]
    (friday,) = only(lead(24 * 88 + 1, "mql"), by=by(RESPONSE), as_of=24 * 88 + 20).stretches
    assert (friday.why, friday.name) == ("holiday", "Sexta-feira Santa")


PUBLISHED = Version.of(
    Agreement.model_validate(
        agreement(clauses=[{**RESPONSE, "within": "200h"}], calendars={"office": OFFICE}, calendar="office")
    )
)


def days_off(stretches):
    return [(one.why, one.name) for one in stretches if one.why in ("holiday", "extra")]


def test_a_published_version_names_its_holidays_as_its_file_does():
    """Holidays that were frozen into dates are told by name, and a date that was added to them as such."""
    asked = ("l1", [lead(-13 * 24, "mql")])
    (from_file,) = explain(*asked, Versions([PUBLISHED.written]), time(100)).stories
    (live,) = explain(*asked, Versions([PUBLISHED.agreement]), time(100), written=[PUBLISHED.written]).stories
    assert live.stretches == from_file.stretches
    assert days_off(live.stretches) == [
        ("holiday", "Natal"),
        ("holiday", "Confraternização Universal"),
        ("extra", None),
    ]


def test_a_published_date_is_closed_whatever_the_library_knows_of_it_now():
    """What is learnt or forgotten of a country after the publication moves no stretch; only a name may be missing."""
    forgotten = Holidays(extra=(date(2026, 1, 8), date(2026, 1, 9)))
    frozen = PUBLISHED.agreement.calendars["office"].model_copy(update={"holidays": forgotten})
    schedule = Schedule("office", frozen, unfrozen=PUBLISHED.written.calendars["office"])
    assert days_off(schedule.stretches(time(-13 * 24), time(200))) == [("extra", None), ("holiday", None)]


def test_an_always_open_clock_is_one_stretch():
    """Where the agreement names no calendar, all time counts."""
    (stretch,) = only(lead(10, "mql"), by=by(RESPONSE, calendar=None), as_of=40).stretches
    assert (stretch.why, stretch.us) == ("always", 30 * HOUR)


def test_what_would_have_answered_says_why_it_did_not():
    """A machine's call, somebody else's, and one before the start are no answers, and are told with the reason."""
    events = (
        call(9, ident="early", rep="bruno"),
        lead(10, "mql", owner="bruno"),
        call(10.2, ident="robot", automated=True, rep="bruno"),
        call(10.4, ident="other", rep="carla"),
        call(11, ident="answer", rep="bruno"),
        call(11.5, ident="after", rep="bruno"),
    )
    story = only(*events, by=by({**RESPONSE, "by": "owner"}))
    assert roles(story) == [
        ("early", "before_start"),
        ("robot", "automated"),
        ("other", "not_by_owner"),
        ("answer", "answered"),
    ]


def test_attempts_are_counted_until_one_excuses_the_rest():
    """Each attempt has its number, and a call that connects excuses those that are missing."""
    events = (lead(10, "mql"), call(11), call(14), call(15, ident="talk", outcome="connected"))
    story = only(*events, by=by({**ATTEMPTS, "at_least": 5}))
    assert [(one.role, one.attempts) for one in story.happenings] == [("attempt", 1), ("attempt", 2), ("excused", 3)]


@pytest.mark.parametrize(("hours", "late"), [(15, False), (60, True)])
def test_an_answer_after_the_due_time_is_told_as_late(hours, late):
    """The first answer is told, and whether it came in time."""
    (answer,) = only(lead(10, "mql"), call(hours), by=by(RESPONSE)).happenings
    assert (answer.role, answer.late) == ("answered", late)


def test_exits_the_start_again_and_owners_are_told():
    """An exit that cancels, one that does not, the start again, and whose the lead became are each told."""
    kept = by({**RESPONSE, "cancel_on": {"type": "lead", "status": "recycled"}})
    events = (
        lead(10, "mql", ident="a"),
        lead(10.1, owner="bruno", ident="b"),
        lead(10.2, "rejected", ident="c"),
        lead(10.3, "mql", ident="d"),
        lead(10.4, "recycled", ident="e"),
    )
    roles_told = roles(explained(*events, by=kept).stories[0])
    assert roles_told == [("b", "owner"), ("c", "not_cancelling"), ("d", "not_restarted"), ("e", "cancelled")]


def test_the_next_cycle_ends_the_wait_for_a_late_answer():
    """What entered the start again after the due time is told as that, and begins a clock of its own."""
    first, second = explained(lead(10, "mql"), lead(50, "sql"), lead(60, "mql", ident="again"), by=by(RESPONSE)).stories
    assert roles(first) == [("again", "next_cycle")]
    assert second.opened.id == second.started.id == "again"


def test_a_clock_from_the_owner_on_says_what_it_waited_for():
    """With `from: owner`, the event that opened the wait and the one that ended it are both told."""
    owned = by({**RESPONSE, "from": "owner"})
    story = only(lead(10, "mql", owner="inbox", ident="in"), lead(14, owner="bruno", ident="taken"), by=owned)
    assert (story.opened.id, story.started.id) == ("in", "taken")
    assert story.line.routing_s == 3 * 3_600


@pytest.mark.parametrize(
    ("event", "how"), [(call(11, rep="bruno"), "answered"), (lead(11, "rejected"), "exit"), (None, None)]
)
def test_a_wait_without_a_clock_is_told(event, how):
    """Where no person ever got the lead, what was waited for, and what ended that, is told in place of a clock."""
    events = [lead(10, "mql", owner="inbox"), *([event] if event else [])]
    told = explained(*events, by=by({**RESPONSE, "from": "owner"}))
    assert told.stories == []
    ((clause, opened, ended, ending),) = told.waits
    assert (clause, opened.time, ended, ending) == ("answer", time(10), event, how)


def test_a_wait_and_a_clock_of_the_same_event_are_told_apart():
    """Where a later version has no wait, the event that ends the old one and starts a clock opened that clock."""
    late, soon = {**RESPONSE, "from": "owner"}, {**RESPONSE, "starts": {"type": "lead", "status": "recycled"}}
    both = versions(agreement(clauses=[late]), agreement(2, 12, clauses=[soon]))
    told = explained(lead(10, "mql"), lead(14, "recycled", ident="b"), by=both)
    assert [(one.clause, one.opened.time, one.how) for one in told.waits] == [("answer", time(10), "exit")]
    assert [story.opened.id for story in told.stories] == ["b"]


def test_a_tier_is_told_with_the_profile_that_it_was_taken_by():
    """Which tier took the lead, and by what, as it stood at the start: a later change of the profile is nothing."""
    tiers = [{"when": {"profile": {"segment": "enterprise"}}, "within": "1h"}]
    events = (lead(10, "mql", profile={"segment": "enterprise"}), lead(10.2, profile={"segment": "small"}))
    story = only(*events, by=by({**RESPONSE, "tiers": tiers}))
    assert story.profile == {"segment": "enterprise"}
    assert (story.tier.within, story.within) == (story.within, story.tier.within)
    assert (story.within.amount, story.within.unit, story.line.tier) == (1, "h", 0)


def test_warnings_are_told_with_whether_they_fired():
    """A warning that the answer came before is told as one that was not given."""
    (early,) = only(lead(10, "mql"), call(11), by=by(RESPONSE)).warnings
    (late,) = only(lead(10, "mql"), call(14.5), by=by(RESPONSE)).warnings
    assert (early.fired, late.fired) == (False, True)
    assert early.at == late.at == time(12)


def test_corrections_are_those_of_the_clock():
    """Only revisions of what was said of this clock, in this cycle, are told with it."""
    corrections = {"met.answer#1": 3, "warned.answer.0#1": 2, "met.answer#2": 2, "entered.answer#1": 2, "met.x#1": 2}
    story = only(lead(10, "mql"), call(11), by=by(RESPONSE), corrections=corrections)
    assert story.corrections == {"met": 3, "warned.0": 2}


def test_what_came_after_as_of_is_not_told():
    """Asked as of a time, nothing later is known."""
    story = only(lead(10, "mql"), call(11), by=by(RESPONSE), as_of=10.5)
    assert (story.happenings, story.line.state, story.line.elapsed_s) == ([], "running", 1_800)
