"""What a lead adds to the promises that are judged by period (DESIGN §5.11)."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.funnel import add
from streams.gathering import gather
from streams.pledges import DENOMINATOR, FIRST, NUMERATOR, Pledges, change
from tests.streams.builders import deal, lead, spend, touch, versions
from tests.streams.promise_cases import (
    ENCODE,
    LEADS,
    POOL,
    added,
    at,
    completeness,
    days_after,
    ends_of,
    figures,
    followed,
    goal,
    on,
    promises,
    promising,
    ratio,
    summed,
    told,
    volume,
)
from tests.streams.promise_oracle import expected

MQL, SAL, SQL = {"stage": "mql"}, {"stage": "sal"}, {"stage": "sql"}
CALL = {"type": "touchpoint", "kind": "call"}
QUEUE = [{"id": "carla"}, {"id": "bruno"}, {"id": "inbox", "queue": True}]


def call(day, **more):
    return touch(on(day), "call", party="sales", **more)


# Volumes.


def test_a_stage_counts_leads_by_their_first_entry():
    """§5.11: a lead that enters a stage again, in the same period or in another, counts once, where it first did."""
    events = [lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "recycled"), lead(on("2026-01-12"), "mql")]
    later = [lead(on("2026-02-11"), "recycled"), lead(on("2026-02-12"), "mql")]
    assert figures([[*events, *later]], promising(volume(MQL))) == {"2026-01": 1}


def test_an_event_matcher_counts_events():
    """§5.11: every event that matches counts, in the period of its own time."""
    events = [call("2026-01-10"), call("2026-01-11"), call("2026-02-01"), touch(on("2026-01-12"))]
    assert figures([events, [call("2026-01-20")]], promising(volume(CALL))) == {"2026-01": 3, "2026-02": 1}


def test_a_lead_counts_once_for_several_stages():
    """§3, §5.11: a list means any of them, so a lead counts by its first entry of any of the stages."""
    events = [lead(on("2026-01-10"), "accepted"), lead(on("2026-02-10"), "sql")]
    assert figures([events], promising(volume([SQL, SAL]))) == {"2026-01": 1}


def test_an_event_counts_once_for_several_matchers():
    """§3, §5.11: a list means any of them, so an event that several of its matchers match counts once."""
    counts = [CALL, {"type": "touchpoint", "party": "sales"}]
    assert figures([[call("2026-01-10")]], promising(volume(counts))) == {"2026-01": 1}


def test_a_list_may_count_both_leads_and_events():
    """§3, §5.11: of stages and events together, each lead's first entry counts and each event, and none twice."""
    counts = [MQL, {"type": "lead", "status": "mql"}, CALL]
    events = [lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "mql"), call("2026-01-12")]
    assert figures([events], promising(volume(counts))) == {"2026-01": 3}
    again = [lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "recycled"), lead(on("2026-02-12"), "mql")]
    assert figures([again], promising(volume([MQL, CALL]))) == {"2026-01": 1}


def test_an_exit_counts_leads_by_their_first():
    """§3, §5.11: an exit is entered like a stage: a lead that takes it twice counts once, where it first did."""
    events = [lead(on("2026-01-10"), "rejected"), lead(on("2026-01-11"), "mql"), lead(on("2026-02-12"), "rejected")]
    assert figures([events], promising(volume({"exit": "rejected"}))) == {"2026-01": 1}


def test_an_owner_matcher_counts_the_events_that_hand_a_lead_over():
    """§3: each event that leaves the lead with a person where none or a queue had it counts, and no other."""
    owners = ["inbox", "carla", "bruno", "inbox", "bruno"]
    events = [lead(on(f"2026-01-{10 + number}"), None, owner=owner) for number, owner in enumerate(owners)]
    assert figures([events], promising(volume({"owner": "person"}), people=QUEUE)) == {"2026-01": 2}


def test_what_a_machine_did_does_not_count():
    """§3: an automated touchpoint counts only where the matcher names `automated`."""
    events = [call("2026-01-10"), call("2026-01-11", automated=True), call("2026-01-12", automated=False)]
    assert figures([events], promising(volume(CALL))) == {"2026-01": 2}
    assert figures([events], promising(volume(CALL | {"automated": True}))) == {"2026-01": 1}
    assert figures([events], promising(volume(CALL | {"automated": {"known": True}}))) == {"2026-01": 2}


def test_deals_count_as_they_stand_and_only_new_ones():
    """§3: a deal event counts if the deal as it now stands matches, of kind `new` unless the matcher names `kind`."""
    events = [
        deal(on("2026-01-10"), "demo", amount="50"),
        deal(on("2026-01-11"), "proposal"),
        deal(on("2026-01-12"), "demo", "d2", amount="50", kind="renewal"),
    ]
    large = {"type": "deal", "amount": {"at_least": 50}}
    assert figures([events], promising(volume(large))) == {"2026-01": 2}
    assert figures([events], promising(volume(large | {"kind": "renewal"}))) == {"2026-01": 1}


def test_spend_counts_though_it_is_no_leads():
    """§2, §5.11: a volume may count what was spent, under the channel that is its subject."""
    events = [spend(on("2026-01-10")), spend(on("2026-01-11"), amount="5")]
    assert figures([events], promising(volume({"type": "spend"}))) == {"2026-01": 2}
    assert figures([events], promising(volume({"type": "spend", "amount": {"at_most": 5}}))) == {"2026-01": 1}


# Ratios.


def test_a_cohort_counts_whoever_ever_gets_there():
    """§5.11: of the leads that first entered `among` in the period, those that ever entered `of`: later, or before."""
    later = [lead(on("2026-01-10"), "mql"), lead(on("2026-03-10"), "accepted")]
    before = [lead(on("2025-12-10"), "accepted"), lead(on("2026-01-11"), "mql")]
    never, other = [lead(on("2026-01-12"), "mql")], [lead(on("2026-01-13"), "accepted")]
    clause = ratio(SAL, MQL)
    assert figures([later, before, never, other], promising(clause)) == {"2026-01": (2, 3)}
    assert figures([later, before, never, other], promising(clause | {"basis": "cohort"})) == {"2026-01": (2, 3)}


def test_a_snapshot_counts_each_entry_where_it_is():
    """§5.11: first entries of `of` in the period over first entries of `among` in it, of whatever leads."""
    later = [lead(on("2026-01-10"), "mql"), lead(on("2026-03-10"), "accepted")]
    other = [lead(on("2026-01-13"), "accepted"), lead(on("2026-01-14"), "rejected"), lead(on("2026-02-14"), "accepted")]
    clause = ratio(SAL, MQL, basis="snapshot")
    assert figures([later, other], promising(clause)) == {"2026-01": (1, 1), "2026-03": (1, 0)}


def test_a_ratio_takes_a_lead_by_the_first_moment_that_any_matcher_means():
    """§3, §5.11: `of` and `among` may be events, exits or owners too: the first that any of them means is the entry."""
    clause = ratio([CALL, {"exit": "rejected"}], [{"type": "lead", "status": "raw"}, {"owner": "person"}])
    events = [
        lead(on("2026-01-10"), None, owner="carla"),
        lead(on("2026-02-10"), "raw"),
        call("2026-02-11"),
        call("2026-02-12"),
    ]
    out = [lead(on("2026-02-10"), "raw"), lead(on("2026-02-11"), "rejected")]
    assert figures([events, out], promising(clause)) == {"2026-01": (1, 1), "2026-02": (1, 1)}
    assert figures([events, out], promising(clause | {"basis": "snapshot"})) == {"2026-01": (0, 1), "2026-02": (2, 1)}


# Completeness.


def test_completeness_is_of_the_profile_at_that_entry():
    """§5.11: the first entry's own event is in the profile; what is said before or after it is as it was then."""
    whole = {"email": "a@b.example", "phone": "1"}
    early = [lead(on("2026-01-09"), None, profile=whole), lead(on("2026-01-10"), "mql")]
    with_it = [lead(on("2026-01-10"), "mql", profile=whole), lead(on("2026-01-11"), None, profile={"phone": None})]
    late = [lead(on("2026-01-10"), "mql", profile={"phone": "1"}), lead(on("2026-01-11"), None, profile=whole)]
    cleared = [lead(on("2026-01-09"), None, profile=whole), lead(on("2026-01-10"), "mql", profile={"email": None})]
    assert figures([early, with_it, late, cleared], promising(completeness(MQL))) == {"2026-01": (2, 4)}


def test_completeness_looks_at_the_first_entry_only():
    """§5.11: a lead that comes in again with a whole profile is still one that first came without."""
    events = [
        lead(on("2026-01-10"), "mql"),
        lead(on("2026-01-11"), "recycled", profile={"email": "a@b.example", "phone": "1"}),
        lead(on("2026-01-12"), "mql"),
    ]
    assert figures([events], promising(completeness(MQL))) == {"2026-01": (0, 1)}
    other = [lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "accepted", profile={"email": "a", "phone": "1"})]
    assert figures([other], promising(completeness([SAL, MQL]))) == {"2026-01": (0, 1)}


def test_a_field_is_there_if_it_is_known():
    """§3, §5.11: a field that is not null is in the profile, as `{known: true}` has it, also one that is empty."""
    events = [lead(on("2026-01-10"), "mql", profile={"email": "", "phone": False})]
    assert figures([events], promising(completeness(MQL))) == {"2026-01": (1, 1)}


def test_completeness_may_be_among_events():
    """§5.11: the profile is that at the first event that `among` means."""
    events = [lead(on("2026-01-10"), None, profile={"email": "a"}), call("2026-01-11"), call("2026-02-11")]
    assert figures([events], promising(completeness(CALL, ["email"]))) == {"2026-01": (1, 1)}


def test_clauses_on_the_same_leads_ask_for_their_own_fields():
    """§5.11: two clauses among the same leads, one of which asks for more, are told apart."""
    written = promising(completeness(MQL, ["email"], id="a"), completeness(MQL, ["phone", "email"], id="b"))
    found = told([[lead(on("2026-01-10"), "mql", profile={"email": "a"})]], written, as_of="2026-01-11")
    assert [(row["id"], row["numerator"], row["denominator"]) for row in found] == [("a", 1, 1), ("b", 0, 1)]


# Goals.


def test_revenue_counts_where_its_deal_last_became_won():
    """§5.11: a deal that was won, lost and won again counts where it was won again, with its amount as it stands."""
    events = [
        deal(on("2026-01-10"), "won", amount="10"),
        deal(on("2026-02-10"), "lost"),
        deal(on("2026-03-10"), "won"),
        deal(on("2026-04-10"), "won", amount="12"),  # won already: another amount, no other period
    ]
    assert figures([events[:1]], promising(goal("revenue"))) == {"2026-01": "10.00"}
    assert figures([events[:2]], promising(goal("revenue"))) == {}
    assert figures([events], promising(goal("revenue"))) == {"2026-03": "12.00"}


def test_revenue_is_of_every_earning_kind_less_refunds():
    """§5, funnel 6: renewals and expansions earn; a refund counts against, in the period when it became won itself."""
    events = [
        deal(on("2026-01-10"), "won", "d1", amount="10.5"),
        deal(on("2026-01-11"), "won", "d2", amount="2", kind="renewal"),
        deal(on("2026-01-12"), "won", "d3", amount="1", kind="expansion"),
        deal(on("2026-01-13"), "won", "d4", amount="99", kind="odd"),
        deal(on("2026-01-14"), "won", "d5"),
        deal(on("2026-02-10"), "won", "d6", amount="4", kind="refund"),
        deal(on("2026-02-11"), "open", "d7", amount="99"),
    ]
    assert figures([events], promising(goal("revenue"))) == {"2026-01": "13.50", "2026-02": "-4.00"}


def test_revenue_is_in_the_goals_currency():
    """§5.11: a goal has one currency, and what was won in another is not of it."""
    events = [
        deal(on("2026-01-10"), "won", amount="10"),
        deal(on("2026-01-11"), "won", "d2", amount="3", currency="BRL"),
    ]
    written = promising(goal("revenue"), goal("revenue", id="reais", currency="BRL"))
    found = told([events], written, as_of="2026-01-31")
    assert [(row["id"], row["numerator"]) for row in found] == [("promise", "10.00"), ("reais", "3.00")]


def test_a_goal_may_be_of_deals_won():
    """§3, §5.11: deals of kind `new` that are won, each where it last became so."""
    events = [
        deal(on("2026-01-10"), "won"),
        deal(on("2026-01-11"), "won", "d2", kind="renewal"),
        deal(on("2026-01-12"), "won", "d3"),
        deal(on("2026-02-12"), "lost", "d3"),
        deal(on("2026-03-12"), "won", "d3"),
    ]
    assert figures([events], promising(goal("won"))) == {"2026-01": 1, "2026-03": 1}


def test_a_goal_may_be_of_entries():
    """§5.11: leads by their first entry of the goal's stage."""
    assert figures([[lead(on("2026-02-10"), "mql")]], promising(goal("entries", stage="mql"))) == {"2026-02": 1}


def test_a_goal_may_be_of_what_is_open():
    """§5.11: the pipeline is what stands open at a period's end, or now, of kind `new` and in the goal's currency."""
    events = [
        deal(on("2026-01-10"), "open", amount="10"),
        deal(on("2026-01-11"), "open", "d2", amount="5", kind="renewal"),
        deal(on("2026-01-12"), "open", "d3", amount="7", currency="BRL"),
        deal(on("2026-02-10"), "proposal", amount="12"),
        deal(on("2026-02-11"), "open", "d4", amount="1"),
        deal(on("2026-04-10"), "won"),
    ]
    written = promising(goal("pipeline"), goal("pipeline", id="quarterly", per="quarter"))
    found = told([events], written, as_of="2026-05-10")
    assert [(row["period"], row["numerator"]) for row in found] == [
        ("2026-01", "10.00"),
        ("2026-02", "13.00"),
        ("2026-03", "13.00"),
        ("2026-04", "1.00"),
        ("2026-05", "1.00"),
        ("2026-Q1", "13.00"),
        ("2026-Q2", "1.00"),
    ]


# Periods and versions.


def test_periods_are_those_of_the_agreements_timezone():
    """§5.11: an event counts in the period that its local time is in."""
    events = [call("2026-02-01T02:59:59Z"), call("2026-02-01T03:00:00Z")]
    written = promising(volume(CALL), timezone="America/Sao_Paulo")
    assert figures([events], written) == {"2026-01": 1, "2026-02": 1}


def test_a_period_is_counted_by_the_version_that_judges_it():
    """§5.11: a period's events are matched by the version in force at its start, whenever within it they are."""
    first = promising(volume(CALL))
    second = promising(volume({"type": "touchpoint", "kind": "meeting"}), version=2, since="2026-02-10")
    events = [
        touch(on(f"2026-{month:02}-20"), kind, ident=f"{month} {number}")
        for month in (1, 2, 3)
        for number, kind in enumerate(("call", "meeting", "meeting"))
    ]
    assert figures([events], first, second) == {"2026-01": 1, "2026-02": 1, "2026-03": 2}


def test_a_new_version_knows_what_first_was_before_it():
    """§5.11: a lead's first entry by a later version's matchers may lie long before that version."""
    first = promising(ratio({"type": "lead", "status": "b"}, {"type": "lead", "status": "a"}))
    second = promising(
        ratio({"type": "lead", "status": "c"}, {"type": "lead", "status": "b"}), version=2, since="2026-03-01"
    )
    days = {"2026-01-10": "c", "2026-01-11": "a", "2026-02-11": "b"}
    early = [lead(on(day), status) for day, status in days.items()]  # no lead of March: it was b in February
    late = [lead(on("2026-01-10"), "c"), lead(on("2026-03-11"), "b")]
    assert figures([early, late], first, second) == {"2026-01": (1, 1), "2026-03": (1, 1)}


def test_before_the_first_version_the_first_judges():
    """§5.11: periods before any version are judged by the first one."""
    assert figures([[call("2026-01-10")]], promising(volume(CALL), since="2026-06-10")) == {"2026-01": 1}


def test_a_clause_that_does_not_change_is_kept_once():
    """§5.11: versions that say the same of a clause share what is kept of a lead for it, other targets or not."""
    among = [CALL, {"exit": "rejected"}]
    written = [
        promising(
            ratio(SAL, among, at_least=number / 10),
            volume(CALL, id="calls", at_least=number),
            completeness(list(reversed(among)), id="whole", fields=["a"]),
            version=number,
            since=f"2026-0{number}-01",
        )
        for number in range(1, 10)
    ]
    _, pledges = followed([call("2026-03-10"), call("2026-04-10")], versions(*written))
    assert list(pledges.firsts.values()) == [at("2026-03-10")]
    assert pledges.counted == {"calls": {"2026-03": 1, "2026-04": 1}}


def test_nothing_is_kept_that_nobody_promised():
    """§4.4: without clauses or goals that are judged by period a lead's pledges stay empty, and add nothing."""
    events = [call("2026-01-10"), lead(on("2026-01-11"), "mql"), deal(on("2026-01-12"), "won", amount="5")]
    journey, pledges = followed(events, versions(promising()))
    assert pledges == Pledges()
    assert added(events, versions(promising())) == {}
    assert journey.deals


def test_a_journey_is_not_kept_twice():
    """§4.4: for stages, the journey's own first entries are enough; nothing more is kept but the first event's time."""
    events = [lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "accepted")]
    _, pledges = followed(events, versions(promising(volume(MQL), ratio(SAL, [MQL, SQL], id="share"))))
    assert pledges == Pledges(first=at("2026-01-10"))
    assert len(ENCODE(pledges)) < 20


def test_what_is_added_has_the_promise_the_period_and_the_part():
    """§4.5: a lead adds counts by promise, period and part, and one to the periods of its first event."""
    events = [lead(on("2026-01-10"), "mql"), lead(on("2026-02-10"), "accepted")]
    assert added(events, versions(promising(ratio(SAL, MQL)))) == {
        ("", "2026-01", FIRST): 1,
        ("promise", "2026-01", DENOMINATOR): 1,
        ("promise", "2026-01", NUMERATOR): 1,
    }


# Laws.


@settings(max_examples=400)
@given(promises(), LEADS, st.integers(0, 40))
def test_the_rows_are_what_the_rules_say(written, leads, later):
    """§5.11, §6: every row is what the plain reading of the rules comes to, which looks at all events of all leads."""
    as_of = days_after(ends_of(leads), later)
    assert told(leads, *written, as_of=as_of) == expected(written, leads, as_of)


@settings(max_examples=150)
@given(promises(), st.lists(st.sampled_from(POOL), max_size=30), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(written, arrivals, chance):
    """§4.1: whatever the order of arrival, and however often events arrive, a lead adds the same."""
    by = versions(*written)
    shuffled = [*arrivals, *chance.choices(arrivals, k=5)] if arrivals else []
    chance.shuffle(shuffled)
    assert added(gather(shuffled).events, by) == added(gather(arrivals).events, by)


@settings(max_examples=150)
@given(promises(), LEADS)
def test_pledges_may_be_stored_after_any_event(written, leads):
    """§4.1: restarts change nothing: what is kept of a lead is all that the next event needs."""
    by = versions(*written)
    for events in leads:
        assert followed(events, by, rewritten=True) == followed(events, by)


@settings(max_examples=150)
@given(promises(), LEADS, st.randoms(use_true_random=False))
def test_the_sums_are_the_changes_one_by_one(written, leads, chance):
    """§4.5: a change adds (new - old), in whatever order the leads change and late events come; sums come out equal."""
    by = versions(*written)
    arrived, counts = [[] for _ in leads], {}
    arrivals = [(number, event) for number, events in enumerate(leads) for event in events]
    chance.shuffle(arrivals)
    for number, event in arrivals:
        before = kept_of(arrived[number], by)
        arrived[number].append(event)
        add(counts, change(before, kept_of(arrived[number], by), by))
    assert counts == summed(leads, by)


def kept_of(events, by):
    journey, pledges = followed(events, by)
    return pledges, journey


@settings(max_examples=100)
@given(promises(), LEADS)
def test_the_sums_of_parts_are_the_whole(written, leads):
    """§4.5: partitions of the leads, each summed by itself, come to what all of them come to."""
    by, whole = versions(*written), {}
    for begin, end in pairwise([0, len(leads) // 2, len(leads)]):
        add(whole, summed(leads[begin:end], by))
    assert whole == summed(leads, by)


@pytest.mark.parametrize("kind", ["week", "month", "quarter"])
def test_every_lead_says_in_which_period_its_first_event_is(kind):
    """§6: rows begin with the first event's period, which the sums tell too, with no minimum to keep."""
    counts = summed(
        [[call("2026-03-10")], [call("2026-01-10"), call("2026-02-10")]], versions(promising(volume(CALL, per=kind)))
    )
    labels = sorted(label for promise, label, part in counts if (promise, part) == ("", FIRST))
    assert (
        labels
        == {
            "week": ["2026-W02", "2026-W11"],
            "month": ["2026-01", "2026-03"],
            "quarter": ["2026-Q1"],
        }[kind]
    )
