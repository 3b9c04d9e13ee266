"""Clocks of the clauses (DESIGN §5): each rule by its number. Hours count from Monday, 5 January 2026, 00:00 UTC."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import order_key, time_text
from streams import life
from streams.verdicts import clock_lines, state
from tests.streams.builders import agreement, deal, lead, time, touch, versions
from tests.streams.clock_oracle import Found, found
from tests.streams.clocked import made, promises
from tests.streams.generated import sets_of_events

CALL = {"type": "touchpoint", "party": "sales", "kind": "call"}
OFFICE = {"timezone": "UTC", "week": {"mon-fri": ["09:00-17:00"]}}
PEOPLE = [
    {"id": "carla", "calendar": "mornings", "away": ["2026-01-06/2026-01-06"]},
    {"id": "bruno"},
    {"id": "inbox", "queue": True},
]
CALENDARS = {"office": OFFICE, "mornings": {"timezone": "UTC", "week": {"mon-fri": ["08:00-12:00"]}}}


def clause(**more) -> dict:
    """A response clause: each MQL is called within an hour."""
    plain = {"id": "answer", "owed_by": "sales", "kind": "response", "starts": {"stage": "mql"}, "met_by": CALL}
    return plain | {"within": "1h"} | more


def attempts(**more) -> dict:
    counted = {"id": "answer", "owed_by": "sales", "kind": "attempts", "starts": {"stage": "mql"}, "counts": CALL}
    return counted | {"at_least": 2, "within": "4h"} | more


def by(*clauses: dict, **more) -> dict:
    return agreement(clauses=list(clauses), people=PEOPLE, calendars=CALENDARS, **more)


def clocks(written, *events, as_of=1000.0):
    """The report's lines of a lead with these events, at a time in hours."""
    terms = versions(*written) if isinstance(written, list) else versions(written)
    told = life.fold(sorted(events, key=order_key), terms)
    return clock_lines("ana", told.clocks.running, terms, told.journey.owner, time(as_of))


def one(written, *events, as_of=1000.0):
    (line,) = clocks(written, *events, as_of=as_of)
    return line


def said(hours: float) -> str:
    return time_text(time(hours))


def call(hours: float, **fields):
    return touch(hours, "call", party="sales", **fields)


def mql(hours: float, **fields):
    return lead(hours, "mql", **fields)


def test_a_start_on_saturday_evening_runs_from_monday():
    """§5.1, §5.3: Saturday 20:00, Monday to Friday 9 to 17, one hour: due on Monday at 10:00."""
    line = one(by(clause(calendar="office")), mql(5 * 24 + 20))
    assert (line.started_at, line.due_at) == (said(5 * 24 + 20), said(7 * 24 + 10))
    assert line.target_s == 3600


def test_an_answer_in_time_meets():
    """§5.2: at the due time or before; `elapsed_s` is open time."""
    line = one(by(clause()), mql(1), call(2))
    assert (line.state, line.ended_at, line.answered_at, line.elapsed_s) == ("met", said(2), said(2), 3600)


def test_an_answer_before_it_opens_meets_in_no_time():
    """§5.2: an answer before the first open instant meets, in 0 s."""
    line = one(by(clause(calendar="office")), mql(1), call(2, rep="carla"))
    assert (line.state, line.elapsed_s, line.answered_by) == ("met", 0, "carla")


def test_a_late_answer_leaves_it_a_breach():
    """§5.2: a microsecond late is late; `answered_at` says when it came, `ended_at` is the due time."""
    line = one(by(clause()), mql(1), call(2 + 1e-6))
    assert (line.state, line.ended_at, line.answered_at) == ("breached", said(2), said(2 + 1e-6))
    assert one(by(clause()), mql(1), as_of=2).state == "running"
    assert one(by(clause()), mql(1), as_of=2 + 1e-6).state == "breached"


@pytest.mark.parametrize("end", [lead(5, "rejected"), mql(5, ident="again")])
def test_a_late_answer_comes_before_what_cancels_and_before_the_next_cycle(end):
    """§5.2: what comes after an exit, or after the next start, is no answer to an old clock."""
    first = clocks(by(clause(starts={"type": "lead", "status": "mql"})), mql(1), end, call(6))[0]
    assert (first.state, first.answered_at) == ("breached", None)


def test_only_the_owner_answers():
    """§5.2: with `by: owner` a touchpoint answers if its `rep` is the owner then; another event always does."""
    written = by(clause(by="owner", met_by=[CALL, {"type": "deal"}], within="9h"))
    start = mql(1, owner="carla")
    line = one(written, start, call(2, rep="bruno"), lead(3, None, owner="bruno"), call(4, rep="bruno", ident="c"))
    assert line.answered_at == said(4)
    assert one(written, start, deal(2, "open", owner="bruno")).answered_at == said(2)


@pytest.mark.parametrize("kind", [clause, attempts])
def test_nobody_is_no_owner(kind):
    """§5.2, `by: owner`: while nobody owns the lead, a touchpoint of nobody's is no owner's answer."""
    events = [mql(9), *(call(10 + n / 10) for n in range(3))]
    found = one(by(kind(by="owner", within="4h")), *events, as_of=12)
    assert (found.state, found.answered_at) == ("running", None)


def test_a_touchpoint_of_nobodys_does_not_end_the_waiting_for_an_owner():
    """§5.1 and 2, `from: owner` with `by: owner`: a call without a `rep` is no answer, so the owner's clock starts."""
    events = [mql(9), call(10), lead(11, owner="bruno"), call(11.5, rep="bruno")]
    found = one(by(clause(by="owner", **{"from": "owner"})), *events)
    assert (found.started_at, found.state, found.answered_at) == (said(11), "met", said(11.5))


def test_attempts_are_met_at_the_event_that_makes_the_count():
    """§5.2: or at the first `unless`; the same are late answers."""
    written = by(attempts(unless={"type": "touchpoint", "outcome": "connected"}))
    assert one(written, mql(1), call(2), call(3, ident="b")).answered_at == said(3)
    assert one(written, mql(1), call(2, outcome="connected")).answered_at == said(2)
    late = one(written, mql(1), call(2), call(30, ident="b"))
    assert (late.state, late.answered_at) == ("breached", said(30))
    assert one(written, mql(1), call(2)).answered_at is None


def test_machines_neither_answer_nor_count_nor_excuse():
    """§3: a touchpoint that says `automated` does so only where the matcher names it."""
    assert one(by(clause()), mql(1), call(1.5, automated=True)).answered_at is None
    assert one(by(attempts(at_least=1)), mql(1), call(1.5, automated=True)).answered_at is None
    assert one(by(attempts(unless=CALL)), mql(1), call(1.5, automated=True)).answered_at is None
    named = by(clause(met_by=CALL | {"automated": True}))
    assert one(named, mql(1), call(1.5, automated=True)).state == "met"


def test_no_event_answers_the_clock_that_it_starts():
    """§5.2: it answers older clocks first, then exits, then starts."""
    written = by(clause(starts=CALL, within="2h"))
    lines = clocks(written, call(1), call(2, ident="b"), call(3, ident="c"))
    assert [(line.cycle, line.started_at, line.answered_at) for line in lines] == [
        (1, said(1), said(2)),
        (2, said(2), said(3)),
        (3, said(3), None),
    ]


def test_entering_again_while_it_runs_does_not_restart():
    """§5.4: a second start before the verdict is nothing; after it, the next cycle begins."""
    written = by(clause(starts={"type": "lead", "status": "mql"}, within="4h"))
    lines = clocks(written, mql(1), mql(2, ident="b"), mql(5, ident="c"), mql(6, ident="d"))
    assert [(line.cycle, line.started_at, line.state) for line in lines] == [
        (1, said(1), "breached"),
        (2, said(6), "breached"),
    ]


def test_an_exit_cancels():
    """§5.5: at or before the due time, unless it also answers; after it, the breach stays."""
    assert one(by(clause()), mql(1), lead(2, "rejected")).state == "cancelled"
    assert one(by(clause()), mql(1), lead(2, "rejected")).ended_at == said(2)
    assert one(by(clause()), mql(1), lead(2.5, "rejected")).state == "breached"
    decision = by(clause(met_by={"type": "lead", "status": ["accepted", "rejected"]}))
    assert one(decision, mql(1), lead(2, "rejected")).state == "met"


def test_with_cancel_on_only_that_cancels():
    """§5.5: other exits let it run."""
    written = by(clause(cancel_on={"type": "lead", "status": "rejected", "reason": ["bad_data"]}, within="9h"))
    assert one(written, mql(1), lead(2, "rejected", reason="no_fit"), as_of=3).state == "running"
    assert one(written, mql(1), lead(2, "rejected", reason="bad_data"), as_of=3).state == "cancelled"


def test_it_begins_when_a_person_owns_the_lead():
    """§5.1: with `from: owner` at the first event after which a person, and no queue, owns the lead."""
    written = by(clause(**{"from": "owner"}))
    line = one(written, mql(1), lead(2, None, owner="inbox"), lead(3, None, owner="bruno", ident="b"))
    assert (line.started_at, line.owner_at_start, line.routing_s) == (said(3), "bruno", 7200)
    assert one(written, mql(1, owner="bruno")).started_at == said(1)


@pytest.mark.parametrize("end", [call(2), lead(2, "rejected")])
def test_an_answer_or_an_exit_ends_the_waiting(end):
    """§5.1: then there is no clock."""
    assert clocks(by(clause(**{"from": "owner"})), mql(1), end, lead(3, None, owner="bruno")) == []


def test_fewer_attempts_in_a_new_version_end_no_waiting():
    """§5.1: attempts before a version that asks for fewer answer nothing under it: the owner's clock starts."""
    asked = [by(attempts(at_least=count, **{"from": "owner"})) for count in (3, 2)]
    written = [asked[0], asked[1] | {"version": 2, "effective": said(10.5)}]
    found = one(written, mql(10), call(10.1), call(10.2), lead(11, owner="bruno"))
    assert found.started_at == said(11)


def test_waiting_for_an_owner_holds_up_no_version_that_asks_for_none():
    """§3: a start is judged by the version at its time, so it starts a clock though an earlier one's still waits."""
    starts = {"type": "lead", "status": ["mql", "sql"]}
    asked = by(clause(starts=starts, **{"from": "owner"})), by(clause(starts=starts))
    found = one([asked[0], asked[1] | {"version": 2, "effective": said(10)}], mql(9), lead(11, "sql"))
    assert (found.cycle, found.started_at, found.agreement_version) == (1, said(11), 2)


def test_an_event_starts_one_cycle():
    """§5.4: the event that ends the waiting for an owner, and so answers, starts one cycle, not two."""
    starts = {"type": "lead", "status": ["mql", "sql"]}
    written = by(clause(starts=starts, met_by={"owner": "person"}, **{"from": "owner"}))
    later = written | {"version": 2, "effective": said(10.5), "people": [{"id": "inbox"}]}
    found = clocks([written, later], mql(10, owner="inbox"), lead(11, "sql"))
    assert [(line.cycle, line.state) for line in found] == [(1, "met")]


def test_waiting_for_an_owner_leaves_the_last_cycle_its_late_answer():
    """§5.2: a late answer is the first before the next cycle, and waiting that it ends is none."""
    written = by(clause(starts={"type": "lead", "status": ["mql", "sql"]}, **{"from": "owner"}))
    events = [mql(9, owner="bruno"), lead(11, owner="inbox"), lead(12, "sql"), call(13)]
    found = one(written, *events)
    assert (found.state, found.answered_at) == ("breached", said(13))


def test_who_has_it_already_answers_at_the_start():
    """§3: a clock that `{owner: person}` answers is met at its start, in 0 s, where a person has the lead."""
    written = by(clause(met_by={"owner": "person"}))
    had = one(written, lead(0, None, owner="bruno"), mql(1))
    assert (had.state, had.answered_at, had.elapsed_s, had.answered_by) == ("met", said(1), 0, "bruno")
    routed = one(written, mql(1), lead(1.5, None, owner="inbox"), lead(1.75, None, owner="bruno", ident="b"))
    assert (routed.answered_at, routed.routing_s, routed.human_s) == (said(1.75), 2700, 0)


def test_the_owners_calendar_less_the_days_away():
    """§5.3: that of the owner at the start; without one, or in a queue, the agreement's."""
    written = by(clause(calendar="owner"), calendar="office")
    away = one(written, mql(11.5, owner="carla"))
    assert away.due_at == said(2 * 24 + 8.5)
    assert one(written, mql(11.5, owner="bruno")).due_at == said(12.5)
    assert one(written, mql(11.5, owner="inbox")).due_at == said(12.5)
    moved = one(written, mql(8, owner="carla"), lead(8.5, None, owner="bruno"))
    assert moved.due_at == said(9)


def test_a_business_day_is_the_close_of_the_next_open_day():
    """§3: `1bd` is by the close of the first open day after the day on which it started."""
    line = one(by(clause(within="1bd", calendar="office")), mql(10))
    assert (line.due_at, line.target_s) == (said(24 + 17), (7 + 8) * 3600)


@pytest.mark.parametrize("whose", [None, "owner"])
def test_without_a_calendar_a_day_is_one_of_the_agreements_zone(whose):
    """§3: where no calendar is named every hour is open, and days, also those away, are those of `timezone`."""
    people = [{"id": "bruno", "away": ["2026-01-06/2026-01-06"]}]
    written = by(clause(within="1bd", calendar=whose), timezone="America/Sao_Paulo") | {"people": people}
    line = one(written, mql(26, owner="bruno"))  # Monday, 23:00 in São Paulo
    assert line.due_at == said(24 + 27 if whose is None else 48 + 27)


def test_the_first_tier_that_takes_the_profile_counts():
    """§5.6: the profile as of the start event, that included; later changes rewrite nothing."""
    tiers = [{"when": {"profile": {"segment": "enterprise"}}, "within": "15m"}]
    written = by(clause(tiers=tiers))
    line = one(written, mql(1, profile={"segment": "enterprise"}), lead(1.1, None, profile={"segment": "small"}))
    assert (line.tier, line.due_at) == (0, said(1.25))
    assert one(written, mql(1), lead(1.1, None, profile={"segment": "enterprise"})).tier is None


def test_routing_and_people_are_told_apart():
    """§5.8: in open seconds; no routing without a person, and no person's time without an answer."""
    written = by(clause(calendar="office", within="8h"))
    line = one(written, mql(8), lead(10, None, owner="bruno"), call(12))
    assert (line.routing_s, line.human_s, line.elapsed_s) == (3600, 7200, 10_800)
    alone = one(written, mql(8), call(12))
    assert (alone.routing_s, alone.human_s) == (None, None)
    waiting = one(written, mql(8, owner="bruno"))
    assert (waiting.routing_s, waiting.human_s) == (0, None)


def test_a_clock_keeps_the_version_that_it_started_under():
    """§3, §5.6: a new version judges what starts from then on."""
    written = [by(clause()), by(clause(within="9h"), version=2, effective=5)]
    old, new = clocks(written, mql(1), lead(4, "rejected"), mql(6, ident="b"))
    assert (old.agreement_version, old.due_at, new.agreement_version, new.due_at) == (1, said(2), 2, said(15))


def test_before_the_first_version_no_clock_starts():
    """§3: events before it are folded by it, but start none."""
    assert clocks(by(clause(), effective=5), mql(1), as_of=9) == []
    assert len(clocks(by(clause(starts={"type": "lead"}), effective=5), mql(1), mql(6, ident="b"))) == 1


def test_who_had_it():
    """§6: `owner_at_start`, and `owner` at the end of the clock, or else as-of."""
    written = by(clause())
    line = one(written, mql(1, owner="bruno"), lead(1.5, None, owner="carla"), lead(3, None, owner="inbox", ident="i"))
    assert (line.owner_at_start, line.owner) == ("bruno", "carla")
    assert one(written, mql(1, owner="bruno"), lead(1.5, None, owner="carla"), as_of=1.6).owner == "carla"
    answered = one(written, mql(1, owner="bruno"), call(1.2), lead(1.5, None, owner="carla"))
    assert answered.owner == "bruno"


@settings(max_examples=400)
@given(promises(), sets_of_events(30), st.integers(0, 12))
def test_clocks_are_those_that_a_look_over_all_events_finds(written, events, until):
    """§5.1, §5.2, §5.4, §5.5: by event or by looking over the whole list, the clocks are the same."""
    terms, as_of = made(written), time(until)
    kept = sorted((event for event in events if event.time <= as_of), key=order_key)
    folded = life.fold(kept, terms).clocks.running
    mine = [
        Found(one.clause, one.cycle, one.opened, one.started, one.due, state(one, as_of), one.answered, one.owned)
        for one in sorted(folded, key=lambda one: (one.clause, one.cycle))
    ]
    assert mine == found(kept, terms, as_of)
