"""The simulated company: believable, repeatable, and within the contract and its agreement."""

import json
import tracemalloc
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from agents.simulation import LIVE_SLACK_S, live, simulate
from agents.simulation.company import CALENDARS, CALLERS, CHANNELS, CLOSERS, KEEPER, QUEUE, REJECTIONS, Rep
from agents.simulation.office import Shifts
from schemas.decode import decode
from schemas.events import ADAPTER
from schemas.loader import load_agreement

START = datetime(2026, 1, 1, tzinfo=UTC)
ACME = Path(__file__).parents[2] / "deploy" / "agreements" / "acme.yaml"


@pytest.fixture(scope="module")
def story():
    return list(simulate(7, leads=4000, start=START, days=120))


@pytest.fixture(scope="module")
def acme():
    return YAML(typ="safe", pure=True).load(ACME)


@pytest.fixture(scope="module")
def lives(story):
    found = defaultdict(list)
    for event in story:
        found[event["subject"]].append(event)
    return found


def at(event):
    return datetime.fromisoformat(event["time"])


def of(story, kind):
    return [event for event in story if event["type"] == f"baton.{kind}.v1"]


def everyone():
    return {rep.id: rep for team in (*CALLERS.values(), *CLOSERS.values()) for rep in team} | {KEEPER.id: KEEPER}


# What every event is.


def test_every_event_is_of_the_contract(story):
    """Every event is one that the contract accepts, as a model and as bytes, with no field it does not know."""
    for event in story:
        ADAPTER.validate_python(event)
        subject, _, unknown = decode(json.dumps(event).encode())
        assert (subject, unknown) == (event["subject"], ())


def test_no_id_comes_twice(story):
    """An event's id is its own across the whole story."""
    assert max(Counter(event["id"] for event in story).values()) == 1


@given(seed=st.integers(0, 2**32), leads=st.integers(1, 60), days=st.integers(1, 90))
@settings(max_examples=25)
def test_time_never_runs_backwards(seed, leads, days):
    """Events come in the order of their times, whatever the seed and the size."""
    times = [at(event) for event in simulate(seed, leads, START, days)]
    assert times == sorted(times)
    assert times[0] >= START


@given(seed=st.integers(0, 2**32), leads=st.integers(1, 60), days=st.integers(1, 90))
@settings(max_examples=25)
def test_same_seed_same_story(seed, leads, days):
    """The same seed tells the same story to the byte, and another seed another one with other ids."""
    told = [list(simulate(chosen, leads, START, days)) for chosen in (seed, seed, seed + 1)]
    assert json.dumps(told[0]) == json.dumps(told[1])
    assert not {event["id"] for event in told[0]} & {event["id"] for event in told[2]}


def test_until_cuts_the_story(story):
    """With `until` the story is the same up to that moment, and nothing later is said."""
    until = START + timedelta(days=60)
    cut = list(simulate(7, leads=4000, start=START, days=120, until=until))
    assert cut == [event for event in story if at(event) <= until]
    assert len(cut) < len(story)


def test_every_lead_appears_within_the_days(lives):
    """As many leads as asked for appear, each first seen within the days asked for."""
    first = [at(events[0]) for subject, events in lives.items() if subject.startswith("s7-")]
    assert len(first) == 4000
    assert max(first) < START + timedelta(days=120)


@pytest.mark.parametrize(
    ("leads", "days", "start", "reason"),
    [(0, 1, START, "at least 1"), (1, 0, START, "at least 1"), (1, 1, datetime(2026, 1, 1), "time zone")],
)
def test_refuses_what_makes_no_story(leads, days, start, reason):
    """No leads, no days or a time without a zone are refused before anything is told."""
    with pytest.raises(ValueError, match=reason):
        simulate(1, leads, start, days)


def test_memory_follows_the_leads_alive():
    """Five times the days with as many leads a day take no more memory than the leads alive at once."""

    def peak(days):
        tracemalloc.start()
        for _ in simulate(1, leads=20 * days, start=START, days=days, until=START + timedelta(days=days)):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1)  # what is loaded once
    assert peak(250) < 2.5 * peak(50)


# What the story is like.


def test_about_ten_events_a_lead(story):
    """A lead makes ten events on average."""
    assert 8 <= len(story) / 4000 <= 12


def test_about_half_of_the_mqls_are_ignored_by_sales(lives):
    """Of the leads handed over, about half see nobody of sales do anything for them by hand."""
    handed = ignored = 0
    for events in lives.values():
        handovers = [place for place, event in enumerate(events) if event["data"].get("status") == "mql"]
        if handovers:
            handed += 1
            ignored += not any(
                event["data"].get("party") == "sales" and not event["data"].get("automated")
                for event in events[handovers[0] :]
            )
    assert handed > 800
    assert 0.4 <= ignored / handed <= 0.6


def test_channels_differ_in_volume_and_in_quality(lives):
    """The channel that brings most is not the best one, and the worst wins next to nothing."""
    brought, won = Counter(), Counter()
    for events in lives.values():
        channel = events[0]["data"].get("channel")
        brought[channel] += 1
        won[channel] += any(event["data"].get("stage") == "won" for event in events)
    rate = {channel: won[channel] / count for channel, count in brought.items()}
    assert brought["social"] > brought["referral"]
    assert rate["referral"] > 2 * rate["social"]
    assert rate["display"] < rate["organic_search"]
    assert brought[None] > 50  # nobody knows where these came from


def test_everything_that_happens_in_such_a_company_happens(story):
    """Ignored mails of machines, rejections with reasons, recycling, losses, renewals, expansions and refunds."""
    touches, leads, deals = ([event["data"] for event in of(story, kind)] for kind in ("touchpoint", "lead", "deal"))
    assert {touch["kind"] for touch in touches} >= {
        "page_view", "content_view", "ad_click", "email_open", "form_submit", "webinar", "call", "email_sent",
        "meeting", "demo", "proposal",
    }  # fmt: skip
    assert {touch.get("outcome") for touch in touches} >= {"connected", "no_answer", "replied", "bounced"}
    assert any(touch["kind"] == "email_open" and touch.get("automated") for touch in touches)
    assert any("recorded_at" in touch for touch in touches)
    assert {lead.get("reason") for lead in leads if lead["status"] == "rejected"} == set(REJECTIONS.things)
    assert {lead["status"] for lead in leads} == {None, "mql", "accepted", "sql", "rejected", "recycled"}
    assert {(deal.get("kind"), deal["stage"]) for deal in deals} >= {
        (None, "won"), (None, "lost"), ("renewal", "won"), ("renewal", "lost"), ("expansion", "won"),
        ("refund", "won"),
    }  # fmt: skip
    assert {deal["currency"] for deal in deals if "amount" in deal} == {"BRL", "MXN", "USD"}
    assert all(Decimal(deal["amount"]) > 0 for deal in deals if "amount" in deal)
    assert all("reason" in deal for deal in deals if deal["stage"] == "lost" and "kind" not in deal)


def test_who_is_recycled_may_come_back_with_a_form(lives):
    """Some recycled leads fill in a form again and are handed over once more."""
    back = 0
    for events in lives.values():
        said = [event["data"].get("status") or event["data"].get("kind") for event in events]
        if "recycled" in said:
            rest = said[said.index("recycled") :]
            back += "form_submit" in rest and "mql" in rest
    assert back >= 5


def test_profiles_begin_with_gaps_and_are_filled_in(lives):
    """Some leads are handed over without a segment, and some of these get it afterwards."""
    late = never = 0
    for events in lives.values():
        known, handed, filled = set(), False, False
        for event in events:
            if event["data"].get("status") == "mql":
                handed = handed or "segment" not in known
            profile = event["data"].get("profile") or {}
            filled = filled or (handed and "segment" in profile)
            known |= {name for name, value in profile.items() if value is not None}
        late += handed and filled
        never += handed and not filled
    assert late > 10
    assert never > 10


def test_a_queue_owns_a_lead_before_a_person_does(lives):
    """Leads are handed over to the queue; most are routed to a person, and some stay where they are."""
    routed = stayed = 0
    for events in lives.values():
        owners = [event["data"]["owner"] for event in events if event["data"].get("owner")]
        if owners and owners[0] == QUEUE:
            routed += any(owner != QUEUE for owner in owners)
            stayed += set(owners) == {QUEUE}
    assert routed > 5 * stayed > 0


def test_people_call_while_they_are_at_work(story):
    """Nobody calls at night, at lunch, at the weekend or on days away."""
    calls = [event for event in of(story, "touchpoint") if event["data"]["kind"] == "call"]
    assert len(calls) > 300
    for call in calls:
        rep = everyone()[call["data"]["rep"]]
        calendar = CALENDARS[rep.calendar]
        local = at(call).astimezone(ZoneInfo(calendar.zone))
        hour = local.hour + local.minute / 60
        assert any(opens <= hour < closes for opens, closes in calendar.week.get(local.weekday(), ())), call
        assert local.date() not in set(days_away(rep, local.year)), call


def test_spend_is_said_every_month_for_every_campaign(story):
    """Each month costs something for each paid campaign, said once under its channel, and the months join up."""
    spends = of(story, "spend")
    assert {event["subject"] for event in spends} == {c.name for c in CHANNELS.things if c.campaigns}
    by_campaign = defaultdict(list)
    for event in spends:
        data = event["data"]
        assert event["subject"] == data["channel"]
        by_campaign[data["channel"], data["campaign"]].append((data["from"], data["to"]))
    months = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]
    assert all(spans == list(pairwise(months)) for spans in by_campaign.values())


@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1)),
    worked=st.floats(0, 4e6),
    name=st.sampled_from(sorted(CALENDARS)),
)
@settings(max_examples=50)
def test_work_takes_its_time_in_open_hours(moment, worked, name):
    """Work ends within opening hours, never before it could, and in two steps as in one, however far ahead."""
    shifts = Shifts(Rep("x", name), date(2024, 12, 31))
    begin = moment.replace(tzinfo=UTC).timestamp()
    done = shifts.after(begin, worked)
    assert done >= begin + worked
    assert done < begin + 40 * worked + 10 * 86400
    half = Shifts(Rep("x", name), date(2024, 12, 31)).after(begin, worked / 2)
    assert shifts.after(half, worked / 2) == pytest.approx(done, abs=0.01)
    local = datetime.fromtimestamp(done, ZoneInfo(CALENDARS[name].zone))
    hour = local.hour + local.minute / 60
    assert any(opens <= hour <= closes for opens, closes in CALENDARS[name].week[local.weekday()])


# How it fits the agreement that is shipped with it.


def test_the_agreement_is_valid():
    """The agreement that is shipped with the simulated company can be loaded."""
    assert load_agreement(ACME.read_text(), ACME.name).agreement == "acme"


def days_away(rep, year):
    for month, first, days in rep.away:
        yield from (date(year, month, first) + timedelta(days=more) for more in range(days))


def test_the_agreement_names_everyone(story, acme):
    """Every owner and rep of the story is one of the agreement's people, and the queue is a queue."""
    people = {person["id"]: person for person in acme["people"]}
    seen = {event["data"].get(role) for event in story for role in ("owner", "rep")} - {None}
    assert seen <= people.keys()
    assert [person["id"] for person in acme["people"] if person.get("queue")] == [QUEUE]


def test_the_agreement_knows_all_that_is_said(story, acme):
    """Every channel, party, status and reason to reject of the story is one that the agreement knows."""
    touches, leads = ([event["data"] for event in of(story, kind)] for kind in ("touchpoint", "lead"))
    assert {touch.get("channel") for touch in touches} - {None} == set(acme["channels"])
    assert {touch["party"] for touch in touches} == {"lead", *acme["parties"]}
    stages, exits = acme["funnel"]["stages"], acme["funnel"]["exits"]
    known = {stage["enters"].get("status") for stage in stages} | {exit_["on"].get("status") for exit_ in exits}
    assert {lead["status"] for lead in leads} <= known
    assert {lead["reason"] for lead in leads if "reason" in lead} == set(exits[0]["reasons"])


def test_the_agreement_has_the_hours_and_days_away_that_people_keep(acme):
    """The agreement's calendars and days away are those that the simulated people keep."""
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for name, calendar in CALENDARS.items():
        written = acme["calendars"][name]
        week = {}
        for days, spans in written["week"].items():
            first, _, last = days.partition("-")
            for day in range(names.index(first), names.index(last or first) + 1):
                week[day] = tuple(tuple(float(clock[:2]) for clock in span.split("-")) for span in spans)
        off = written["holidays"]
        kept = (off["country"], off.get("subdivision"), tuple(off.get("categories", ["public"])))
        assert (written["timezone"], week, kept) == (calendar.zone, dict(calendar.week), tuple(calendar[2:]))
    people = {person["id"]: person for person in acme["people"]}
    for rep in everyone().values():
        written = people[rep.id]
        spans = [span.split("/") for span in written["away"]]
        away = {
            date.fromisoformat(begin) + timedelta(days=more)
            for begin, end in spans
            for more in range((date.fromisoformat(end) - date.fromisoformat(begin)).days + 1)
        }
        assert written["calendar"] == rep.calendar
        assert away == {day for year in (2025, 2026, 2027) for day in days_away(rep, year)}


# The company in a hurry.


class Watch:
    """A clock that stands where the events have come to, as if their taker waited for each."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


def take(stream, watch, seconds):
    end = watch.now + timedelta(seconds=seconds)
    for due, event in stream:
        watch.now = max(watch.now, due)
        if due > end:
            return
        yield due, event


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_live_moves_the_funnel_within_a_minute(seed):
    """Within a minute leads have come, been handed over, been called and accepted; within four, one has bought."""
    watch = Watch()
    minutes = [[], [], [], []]
    for due, event in take(live(seed, watch), watch, 239):
        said = event["data"]
        minutes[(due - START).seconds // 60].append(said.get("status") or said.get("kind") or said.get("stage"))
    assert set(minutes[0]) >= {"page_view", "form_submit", "mql", "call", "accepted"}
    assert {said for minute in minutes for said in minute} >= {"rejected", "sql", "discovery", "proposal", "won"}


def test_live_keeps_the_rate_that_was_asked_for():
    """Once the first leads have grown up, about as many events come in a minute as were asked for."""
    watch = Watch()
    events = [due for due, _ in take(live(3, watch, events_per_second=10), watch, 1800)]
    last = sum(due > START + timedelta(minutes=20) for due in events)
    assert 7 <= last / 600 <= 13


def test_live_events_carry_the_time_they_are_due_and_are_of_the_contract():
    """Each live event is valid, in order, and has the time at which it is due."""
    watch = Watch()
    before = START
    for due, event in take(live(3, watch), watch, 1200):
        ADAPTER.validate_python(event)
        assert timedelta(0) <= due - at(event) < timedelta(milliseconds=2)
        assert due >= before
        before = due


def test_live_goes_on_from_now_after_a_pause():
    """A machine that slept for an hour goes on from its clock's now, once, and does not catch up."""
    watch = Watch()
    stream = live(3, watch)
    list(islice(stream, 200))
    watch.now += timedelta(hours=1)
    woken = watch.now
    next(stream)
    after = [due for due, _ in take(stream, watch, 30)]
    assert after[0] >= woken - timedelta(seconds=LIVE_SLACK_S)
    assert after[-1] <= woken + timedelta(seconds=31)
    assert len(after) > 50


def test_live_repeats_no_id_on_another_day():
    """Two runs of the same seed begun at other times share no id and no lead."""
    other = Watch(START + timedelta(days=1))
    runs = [list(islice(live(3, watch), 500)) for watch in (Watch(), other)]
    ids = [{event["id"] for _, event in run} for run in runs]
    assert not ids[0] & ids[1]
    assert {due >= START + timedelta(days=1) for due, _ in runs[1]} == {True}
