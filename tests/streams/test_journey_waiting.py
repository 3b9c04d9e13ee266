"""Waiting for what a stage requires (DESIGN §5, "Moving through the funnel", rule 2)."""

import pytest

from streams.funnel import contribution
from tests.streams.builders import (
    COMPLETE,
    EXITS,
    NEEDS,
    STAGES,
    agreement,
    changed,
    deal,
    folded,
    lead,
    moves,
    requiring,
    time,
    touch,
    versions,
    where,
)

FORM = "form_submit"


def test_a_stage_is_entered_when_its_requirement_holds():
    """Funnel 2: a stage with `requires` is entered at the matching event, where that completes the profile itself."""
    assert moves(lead(1, "mql", profile=COMPLETE), by=requiring()) == ["+mql"]
    assert moves(lead(1, profile=COMPLETE), lead(2, "mql"), by=requiring()) == ["+mql"]


def test_a_lead_waits_for_what_is_missing():
    """Funnel 2: until the requirement holds a lead counts as waiting, stays where it is, and lacks what is missing."""
    by = requiring()
    journey = folded(touch(1), lead(2, "mql", profile={"email": "a@b.example"}), by=by)
    assert where(journey) == ("visitor", None, "mql")
    assert by.latest.unmet(by.latest.position("mql"), journey.profile) == ["score"]
    assert contribution(journey, by.latest)["waiting", "mql", "(none)"] == 1


def test_of_several_requirements_one_is_enough():
    """§3: a list means any of them; a lead that waits lacks the least that would do."""
    by = versions(agreement(stages=changed("mql", requires=[NEEDS, {"profile": {"phone": {"known": True}}}])))
    for profile in ({"phone": "5"}, COMPLETE):
        assert moves(lead(1, "mql", profile=profile), by=by) == ["+mql"]
    waits = folded(lead(1, "mql", profile={"name": "x"}), by=by)
    assert (waits.waiting, by.latest.unmet(by.latest.position("mql"), waits.profile)) == ("mql", ["phone"])


def test_the_event_that_completes_the_profile_enters():
    """Funnel 2: a stage waited for is entered later, at the time of the event that completes the profile."""
    events = [touch(1), lead(2, "mql"), lead(3, profile={"email": "x"}), touch(4), lead(5, profile={"score": 50})]
    assert moves(*events, by=requiring()) == ["+visitor", "-visitor", "+mql"]
    journey = folded(*events, by=requiring())
    assert journey.entered["mql"] == time(5)
    assert journey.waiting is None


def test_what_completes_the_profile_may_match_a_nearer_stage():
    """Funnel 2: what completes the profile enters the stage waited for, though it matches a nearer one too."""
    known = {"id": "known", "enters": {"type": "lead", "profile": {"email": {"known": True}}}}
    by = versions(agreement(stages=[STAGES[0], known, {**STAGES[2], "requires": NEEDS}]))
    events = [touch(1), lead(2, "mql", profile={"score": 70}), lead(3, profile={"email": "x"})]
    assert moves(*events, by=by) == ["+visitor", "-visitor", "+mql"]


@pytest.mark.parametrize("status", ["accepted", "sql", "never_heard_of"])
def test_another_status_ends_the_waiting(status):
    """Funnel 2: another status that comes between ends the waiting, also one that the agreement does not know."""
    journey = folded(lead(1, "mql"), lead(2, status), lead(3, profile=COMPLETE), by=requiring())
    assert "mql" not in journey.entries
    assert journey.waiting is None


@pytest.mark.parametrize("begun", [lead(1, "mql"), touch(1, "demo")], ids=["lead", "touchpoint"])
def test_the_status_of_what_completes_the_profile_comes_not_between(begun):
    """Funnel 2: a sender that writes down status and profile at once completes it, whatever the status is then."""
    enters = [{"type": "lead", "status": "mql"}, {"type": "touchpoint", "kind": "demo"}]
    by = requiring(enters=enters)
    assert moves(begun, lead(2, "contacted", profile=COMPLETE), by=by)[-1] == "+mql"
    assert folded(begun, lead(2, "contacted", profile={"email": "x"}), by=by).waiting is None


def test_the_same_status_again_does_not_end_the_waiting():
    """Funnel 2: only another status ends the waiting; a sender that repeats the status with each change does not."""
    inbound = {"type": "lead", "status": "mql", "reason": "inbound"}
    events = [lead(1, "mql", reason="inbound"), lead(2, "mql", profile=COMPLETE)]
    assert moves(*events, by=requiring(enters=inbound)) == ["+mql"]


@pytest.mark.parametrize(
    "way_out", [lead(2, "rejected"), touch(2, "unsubscribe"), deal(2, "lost")], ids=["lead", "touchpoint", "deal"]
)
def test_an_exit_ends_the_waiting(way_out):
    """Funnel 2: an exit that comes between ends the waiting."""
    exits = [*EXITS, {"id": "gone", "on": {"type": "touchpoint", "kind": "unsubscribe"}}]
    by = versions(agreement(stages=changed("mql", requires=NEEDS), exits=exits))
    journey = folded(lead(1, "mql"), way_out, lead(3, profile=COMPLETE), by=by)
    assert (journey.entries, journey.waiting) == ({}, None)


@pytest.mark.parametrize("further", [deal(2, "proposal"), touch(2, "demo")], ids=["deal", "touchpoint"])
def test_going_past_the_stage_ends_the_waiting(further):
    """Funnel 2: going past the stage ends the waiting: the profile, once complete, brings nobody back to it."""
    demo = {"id": "demo", "enters": {"type": "touchpoint", "kind": "demo"}}
    by = versions(agreement(stages=[*changed("mql", requires=NEEDS), demo]))
    waiting, past = folded(lead(1, "mql"), by=by), folded(lead(1, "mql"), further, by=by)
    assert (waiting.waiting, past.waiting) == ("mql", None)
    assert "mql" not in folded(lead(1, "mql"), further, lead(3, profile=COMPLETE), by=by).entries


def test_a_nearer_stage_does_not_end_the_waiting():
    """Funnel 2: a lead that enters a nearer stage still waits for the further one."""
    events = [lead(1, "mql"), touch(2), touch(3, FORM)]
    assert where(folded(*events, by=requiring())) == ("lead", None, "mql")
    assert where(folded(*events, lead(4, profile=COMPLETE), by=requiring())) == ("mql", None, None)


@pytest.mark.parametrize("matching", [touch(1, "demo"), deal(1, "proposal")], ids=["touchpoint", "deal"])
def test_touchpoints_and_deals_wait_too(matching):
    """Funnel 2: what requires a profile is waited for after a touchpoint or a deal as after a status."""
    stages = [{"id": "shown", "enters": [{"type": "touchpoint", "kind": "demo"}, {"type": "deal"}], "requires": NEEDS}]
    by = versions(agreement(stages=stages))
    assert where(folded(matching, by=by)) == (None, None, "shown")
    assert moves(matching, lead(2, profile=COMPLETE), by=by) == ["+shown"]
    assert moves(lead(0, profile=COMPLETE), matching, by=by) == ["+shown"]


def test_who_waits_further_on_is_let_in_nearer():
    """Funnel 1 and 2: an event that matches a stage it may not enter yet enters the furthest one that it may."""
    demo = {"id": "demo", "enters": {"type": "touchpoint", "party": "lead", "kind": "demo"}, "requires": NEEDS}
    assert where(folded(touch(1, "demo"), by=versions(agreement(stages=[*STAGES[:2], demo, *STAGES[2:]])))) == (
        "visitor",
        None,
        "demo",
    )


def test_waiting_further_on_moves_nobody_back():
    """Funnel 1 and 2: a lead that waits for a stage further on is not moved back by a nearer one that matches."""
    stages = [STAGES[2], STAGES[3], {"id": "hot", "enters": {"type": "lead", "status": "mql"}, "requires": NEEDS}]
    by = versions(agreement(stages=stages))
    assert where(folded(lead(1, "accepted"), lead(2, "mql"), by=by)) == ("sal", None, "hot")


def test_what_is_still_waited_for_holds_nobody():
    """Funnel 1 and 2: a lead that waits for a stage further on moves back by a later event, and still waits."""
    known = {"id": "known", "enters": {"type": "lead", "profile": {"email": {"known": True}}}}
    hot = {"id": "hot", "enters": {"type": "touchpoint", "kind": "demo"}, "requires": NEEDS}
    by = versions(agreement(stages=[known, STAGES[3], hot]))
    events = [lead(1, "accepted"), touch(2, "demo"), lead(3, profile={"email": "x"})]
    assert where(folded(*events, by=by)) == ("known", None, "hot")


def test_waiting_for_a_stage_further_back():
    """Funnel 1 and 2: a status that would move a lead back waits too, and its profile, once complete, moves it back."""
    events = [lead(1, "sql"), lead(2, "mql"), lead(3, profile=COMPLETE)]
    assert where(folded(*events[:2], by=requiring())) == ("sql", None, "mql")
    assert moves(*events, by=requiring()) == ["+sql", "-sql", "+mql"]


def test_no_waiting_for_what_may_not_be_entered():
    """Funnel 1 and 2: while a deal is open a status of a nearer stage neither moves a lead nor makes it wait."""
    journey = folded(deal(1, "proposal"), lead(2, "mql"), by=requiring())
    assert where(journey) == ("opportunity", None, None)


def test_a_requirement_that_no_longer_holds_moves_nobody():
    """Funnel 2: a stage once entered is not left because the profile lost what it required."""
    events = [lead(1, "mql", profile=COMPLETE), lead(2, profile={"email": None})]
    assert moves(*events, by=requiring()) == ["+mql"]
    assert moves(lead(0, profile=COMPLETE), lead(1, profile={"email": None}), lead(2, "mql"), by=requiring()) == []


def test_waiting_out_of_the_funnel():
    """Funnel 1 and 2: a lead that is out waits as well, and the event that completes its profile brings it in."""
    events = [lead(1, "rejected"), lead(2, "mql"), lead(3, profile=COMPLETE)]
    assert where(folded(*events[:2], by=requiring())) == (None, "rejected", "mql")
    assert moves(*events, by=requiring()) == ["-(none)!rejected", "+mql"]


def test_a_lead_waits_for_one_stage():
    """Funnel 2: a lead waits for one stage, the furthest of those that it matched and lacks something for."""
    demo = {"id": "demo", "enters": {"type": "touchpoint", "kind": "demo"}, "requires": {"profile": {"size": 10}}}
    by = versions(agreement(stages=[*changed("mql", requires=NEEDS), demo]))
    events = [lead(1, "mql"), touch(2, "demo", "sales"), lead(3, profile=COMPLETE)]
    assert where(folded(*events, by=by)) == (None, None, "demo")
    assert where(folded(*events, lead(4, profile={"size": 10}), by=by)) == ("demo", None, None)
