"""Moving through the funnel: where an event puts a lead (DESIGN §5, rules 1 to 5)."""

import pytest

from schemas.compact import order_key
from streams.funnel import channel_of, contribution, skipped
from streams.journey import fold
from streams.terms import Versions
from tests.streams.builders import (
    STAGES,
    agreement,
    changed,
    deal,
    folded,
    lead,
    moves,
    spend,
    time,
    touch,
    versions,
    where,
)

FORM = "form_submit"


def with_stage(stage: dict, before="mql") -> Versions:
    """The agreement with one more stage."""
    place = [one["id"] for one in STAGES].index(before)
    return versions(agreement(stages=[*STAGES[:place], stage, *STAGES[place:]]))


# Rule 1


@pytest.mark.parametrize(
    ("event", "stage"),
    [
        (touch(1), "visitor"),
        (touch(1, FORM), "lead"),
        (lead(1, "accepted"), "sal"),
        (deal(1, "proposal"), "opportunity"),
        (deal(1, "won"), "customer"),
    ],
)
def test_any_event_moves_forward(event, stage):
    """Funnel 1: an event of any type moves a lead to the furthest stage that it matches, in one step."""
    assert moves(event) == [f"+{stage}"]


def test_a_move_says_both_its_ends():
    """Funnel 1: a move is the leaving of one stage, since when it was entered, and the entering of the other."""
    left, entered = fold([touch(1), lead(3, "mql")], versions())[1][1:]
    assert (left.name, left.number, left.stage, left.at, left.since) == ("left", 1, "visitor", time(3), time(1))
    assert (left.other, left.exit, left.reason) == ("mql", None, None)
    assert (entered.name, entered.number, entered.stage, entered.at, entered.other) == (
        "entered", 1, "mql", time(3), "visitor",
    )  # fmt: skip
    assert {(fact.source, fact.event) for fact in (left, entered)} == {("/crm", "l3")}


def test_a_touchpoint_never_moves_a_lead_back():
    """Funnel 1: a touchpoint never moves a lead back."""
    assert moves(lead(1, "mql"), touch(2, FORM), touch(3)) == ["+mql"]


def test_a_lead_event_moves_back():
    """Funnel 1: a lead event moves a lead back."""
    assert moves(lead(1, "sql"), lead(2, "mql")) == ["+sql", "-sql", "+mql"]


def test_a_lead_event_does_not_move_back_while_a_deal_is_open():
    """Funnel 1: while a deal of kind `new` is open only a deal moves a lead back."""
    assert moves(lead(1, "sql"), deal(2, "proposal"), lead(3, "mql")) == ["+sql", "-sql", "+opportunity"]
    assert moves(deal(2, "proposal", kind="new"), lead(3, "mql")) == ["+opportunity"]


@pytest.mark.parametrize("ended", ["won", "lost"])
def test_a_lead_event_moves_back_once_the_deal_has_ended(ended):
    """Funnel 1: a deal that is won or lost is open no more, and lead events move back again."""
    no_exits = versions(agreement(exits=[]))
    assert moves(deal(1, "proposal"), deal(2, ended), lead(3, "mql"), by=no_exits)[-1] == "+mql"


@pytest.mark.parametrize("kind", ["renewal", "expansion", "refund", "upsell"])
def test_only_a_new_deal_holds_a_lead(kind):
    """Funnel 1: an open deal of another kind than `new` does not keep a lead event from moving back."""
    assert moves(lead(1, "sql"), deal(2, "proposal", kind=kind), lead(3, "mql")) == ["+sql", "-sql", "+mql"]


def test_an_open_deal_does_not_hold_a_lead_from_moving_forward():
    """Funnel 1: forward by any event, also while a deal is open."""
    by = versions(agreement(stages=[STAGES[5], STAGES[2]]))
    assert moves(deal(1, "proposal"), lead(2, "mql"), by=by) == ["+opportunity", "-opportunity", "+mql"]


def test_a_deal_event_moves_back():
    """Funnel 1: a deal event moves a lead back to where its deals now stand."""
    assert moves(deal(1, "won"), deal(2, "proposal")) == ["+customer", "-customer", "+opportunity"]


def test_a_deal_event_moves_back_behind_a_status():
    """Funnel 1: a deal event puts a lead where its deals stand, also where a status had brought it further."""
    by = versions(agreement(stages=[STAGES[5], STAGES[4]]))
    assert moves(lead(1, "sql"), deal(2, "proposal"), by=by) == ["+sql", "-sql", "+opportunity"]


def test_the_furthest_of_its_deals_counts():
    """Funnel 1: a deal event puts a lead at the furthest stage that any of its deals matches, not only its own."""
    assert moves(deal(1, "won", "a"), deal(2, "proposal", "b")) == ["+customer"]
    assert moves(deal(1, "won", "a"), lead(2, "mql"), deal(3, "proposal", "b"))[-1] == "+customer"


def test_a_deal_that_matches_no_stage_moves_nobody():
    """Funnel 1: where no deal of a lead matches a stage, a deal event leaves it where it is."""
    by = versions(agreement(stages=STAGES[:5], exits=[]))
    assert moves(lead(1, "mql"), deal(2, "proposal"), by=by) == ["+mql"]


@pytest.mark.parametrize(("event", "stage"), [(lead(9, "mql"), "mql"), (deal(9, "proposal"), "opportunity")])
def test_in_again_after_an_exit(event, stage):
    """Funnel 1: after an exit a lead event or a deal event brings a lead in again, at its stage, also a nearer one."""
    assert moves(lead(1, "sql"), lead(2, "rejected"), event) == ["+sql", "-sql!rejected", f"+{stage}"]


def test_in_again_says_no_stage_before():
    """Funnel 1: who comes in again after an exit comes from no stage."""
    assert fold([lead(1, "sql"), lead(2, "rejected"), lead(3, "mql")], versions())[1][-1].other is None


def test_in_again_by_a_touchpoint_where_the_stage_says_so():
    """Funnel 1: after an exit a touchpoint brings a lead in only to a stage that says `reenters`."""
    rejected = [lead(1, "sql"), lead(2, "rejected")]
    assert where(folded(*rejected, touch(3))) == ("sql", "rejected", None)
    assert where(folded(*rejected, touch(3, FORM))) == ("lead", None, None)


def test_in_again_at_the_furthest_stage_that_says_so():
    """Funnel 1: of the stages that a touchpoint matches, it brings a lead in again to one that says `reenters`."""
    by = with_stage({"id": "demo", "enters": {"type": "touchpoint", "kind": FORM}})
    assert where(folded(touch(1, FORM), by=by))[0] == "demo"
    assert where(folded(lead(1, "sql"), lead(2, "rejected"), touch(3, FORM), by=by))[0] == "lead"


def test_in_again_while_a_deal_is_open():
    """Funnel 1: an open deal does not keep a lead event from bringing a lead in again."""
    assert moves(deal(1, "proposal"), lead(2, "rejected"), lead(3, "mql"))[-1] == "+mql"


def test_a_lost_deal_brings_no_lead_in():
    """Funnel 1: a lost deal brings no lead in again, whatever stage it matches."""
    by = versions(agreement(stages=[{"id": "any", "enters": {"type": "deal"}}]))
    out = [deal(1, "open", "a"), deal(2, "lost", "a")]
    assert where(folded(*out, by=by)) == ("any", "lost", None)
    assert where(folded(*out, deal(3, "lost", "b"), by=by)) == ("any", "lost", None)
    assert where(folded(*out, deal(3, "open", "b"), by=by)) == ("any", None, None)


def test_a_lost_deal_brings_no_lead_in_to_where_another_stands():
    """Funnel 1: a deal that is lost brings no lead in again, though another of its deals is open."""
    out = [deal(1, "open", "a"), lead(2, "rejected"), deal(3, "lost", "b")]
    assert where(folded(*out)) == ("opportunity", "rejected", None)
    assert where(folded(*out, deal(4, "demo", "a"))) == ("opportunity", None, None)


def test_a_deal_lost_before_brings_no_lead_in():
    """Funnel 1: a deal that was lost before brings no lead in at the event of another deal, which matches nothing."""
    by = versions(agreement(stages=[{"id": "any", "enters": {"type": "deal"}}]))
    assert moves(deal(1, "lost", "a"), deal(2, "open", "b", kind="renewal"), by=by) == ["-(none)!lost"]


# Rule 3


@pytest.mark.parametrize(
    "events",
    [(touch(1), touch(2)), (lead(1, "mql"), lead(2, "mql")), (deal(1, "proposal"), deal(2, "demo"))],
    ids=["touchpoint", "lead", "deal"],
)
def test_the_same_stage_again_is_no_transition(events):
    """Funnel 3: the same stage again is not a transition."""
    assert len(moves(*events)) == 1
    assert list(folded(*events).entries.values()) == [1]


def test_the_same_stage_after_an_exit_is_one():
    """Funnel 3: the same stage is entered again if an exit came between; the first entry's time stays."""
    events = [lead(1, "mql"), lead(2, "rejected"), lead(3, "mql")]
    assert moves(*events) == ["+mql", "-mql!rejected", "+mql"]
    journey, facts = fold(events, versions())
    assert [fact.key for fact in facts] == ["entered.mql#1", "left.mql#1", "entered.mql#2"]
    assert (journey.entries, journey.entered) == ({"mql": 2}, {"mql": time(1)})
    assert fold([*events, lead(4, "sql")], versions())[1][-2].since == time(3)


def test_who_is_out_does_not_exit_again():
    """Funnel 3: a lead that is out does not exit again, by the same exit or by another."""
    events = [lead(1, "mql"), lead(2, "rejected", reason="no_fit"), lead(3, "rejected"), lead(4, "recycled")]
    assert moves(*events) == ["+mql", "-mql!rejected"]
    journey = folded(*events)
    assert (journey.exit, journey.exit_reason, journey.exits) == ("rejected", "no_fit", {"rejected": {"no_fit": 1}})


def test_an_exit_needs_no_stage_before_it():
    """Funnel 3: an exit needs no stage before it."""
    (fact,) = fold([lead(1, "rejected", reason="no_fit")], versions())[1]
    assert (fact.key, fact.exit, fact.reason, fact.since) == ("left.(none)#1", "rejected", "no_fit", None)
    assert where(folded(lead(1, "rejected"))) == (None, "rejected", None)


def test_the_stage_is_kept_after_an_exit():
    """Funnel 3: a lead that is out keeps the stage that it had, and counts in it no more."""
    journey = folded(lead(1, "mql"), lead(2, "rejected"))
    assert where(journey) == ("mql", "rejected", None)
    counts = contribution(journey, versions().latest)
    assert ("now", "mql", "(none)") not in counts
    assert counts["ever", "mql", "(none)"] == 1


def test_the_highest_stage_never_goes_down():
    """Funnel 3: `highest` never goes down, neither by moving back nor by an exit nor by coming in again."""
    events = [lead(1, "sql"), lead(2, "mql"), lead(3, "rejected"), touch(4, FORM)]
    assert [folded(*events[: n + 1]).highest for n in range(4)] == ["sql"] * 4


def test_a_stage_jumped_over_is_skipped():
    """Funnel 3: a stage below the highest that was never entered is skipped, and not imputed."""
    journey = folded(touch(1), lead(2, "accepted"), lead(3, "mql"))
    assert skipped(journey, versions().latest) == ["lead"]
    assert set(journey.entries) == {"visitor", "sal", "mql"}
    assert skipped(folded(touch(1)), versions().latest) == []


def test_an_exit_goes_before_a_stage():
    """Funnel 1 and 3: an event that matches an exit and a stage is the exit, and keeps out who is out."""
    exits = [{"id": "rejected", "on": {"type": "lead", "status": "mql", "reason": "no_fit"}}]
    by = versions(agreement(exits=exits))
    events = [lead(1, "mql"), lead(2, "mql", reason="no_fit"), lead(3, "mql", reason="no_fit")]
    assert moves(*events, by=by) == ["+mql", "-mql!rejected"]


def test_an_exit_by_a_touchpoint_goes_before_a_stage():
    """Funnel 1 and 3: the same of touchpoints: who unsubscribes twice is not brought in by the second time."""
    unsubscribed = {"type": "touchpoint", "kind": "unsubscribe"}
    by = versions(agreement(stages=changed("visitor", reenters=True), exits=[{"id": "gone", "on": unsubscribed}]))
    events = [touch(1), touch(2, "unsubscribe"), touch(3, "unsubscribe")]
    assert moves(*events, by=by) == ["+visitor", "-visitor!gone"]
    assert moves(*events, touch(4), by=by)[-1] == "+visitor"


def test_the_first_exit_that_matches_is_taken():
    """Funnel 3: of exits that an event matches the first of the agreement is taken, once."""
    exits = [{"id": one, "on": {"type": "lead", "status": "rejected"}} for one in ("first", "second")]
    assert moves(lead(1, "rejected"), by=versions(agreement(exits=exits))) == ["-(none)!first"]


# Rules 4 and 5


def test_the_channel_is_that_of_the_first_touchpoint():
    """Funnel 4: the channel of a lead is that of its first touchpoint in order, whoever acted and whatever came."""
    events = [touch(2, channel="search"), touch(1, "call", "sales", channel="social"), lead(0, "mql")]
    assert channel_of(folded(*events)) == "social"


def test_no_channel_is_none():
    """Funnel 4: a first touchpoint without a channel leaves the lead with none, which is not the text "unknown"."""
    journey = folded(touch(1), touch(2, channel="search"))
    assert (journey.channel, channel_of(journey)) == (None, "(none)")
    assert channel_of(folded(touch(1, channel="unknown"))) == "unknown"
    assert channel_of(folded(lead(1, "mql"))) == "(none)"


def test_an_unknown_status_moves_nothing():
    """Funnel 5: a status that the agreement does not know is kept and moves nothing; owner and profile are taken."""
    journey = folded(touch(1), lead(2, "never_heard_of", owner="carla", account="Acme", profile={"city": "Lima"}))
    assert where(journey) == ("visitor", None, None)
    assert (journey.status, journey.owner, journey.account) == ("never_heard_of", "carla", "Acme")
    assert journey.profile == {"city": "Lima"}


def test_unknown_words_are_counted_as_they_are():
    """Funnel 5: a reason, channel or party that the agreement does not know is kept and counted as such."""
    journey = folded(touch(1, party="alien", channel="zine"), lead(2, "rejected", reason="zodiac"))
    counts = contribution(journey, versions().latest)
    assert counts["leads", "", "zine"] == counts["exits", "rejected", "zodiac"] == 1
    assert journey.kept == {"alien page_view": 1}


def test_a_profile_is_merged_field_by_field():
    """§2: a profile is merged field by field and null clears a field; an owner or account not said stays."""
    events = [
        lead(1, owner="carla", account="Acme", profile={"a": 1, "b": ["x"]}),
        lead(2, profile={"a": None, "c": 0}),
    ]
    journey = folded(*events)
    assert (journey.profile, journey.owner, journey.account) == ({"b": ["x"], "c": 0}, "carla", "Acme")


def test_spend_is_of_no_lead():
    """§2: spend makes no lead, moves nothing and touches nobody."""
    journey = folded(spend(1))
    assert (journey.is_lead, journey.spends, moves(spend(1))) == (False, 1, [])
    assert contribution(journey, versions().latest) == {}
    journey = folded(spend(1), touch(2), lead(3), deal(4, "open"), spend(5))
    assert (journey.is_lead, journey.touches, journey.others, journey.spends) == (True, 1, 2, 2)


def test_the_order_is_that_of_time_source_sequence_and_id():
    """§4.1: events are folded by time, then source, then sequence (none comes first), then id."""
    right = [
        lead(1, "g", ident="z", source="/z"),
        lead(2, "f", ident="z", source="/a"),
        lead(2, "e", ident="z", source="/b"),
        lead(2, "d", ident="a", source="/b", sequence="10"),
        lead(2, "c", ident="y", source="/b", sequence="9"),
        lead(2, "b", ident="z", source="/b", sequence="9"),
    ]
    assert sorted(right, key=order_key) == right
    assert folded(*right).last == order_key(right[-1])
    assert folded(*right).status == "b"
