"""Deals in the funnel: as they now stand, by kind, won, lost and refunded (DESIGN §5, rule 6; §3)."""

import pytest

from streams.funnel import earned, revenue
from tests.streams.builders import EXITS, NEEDS, STAGES, agreement, deal, folded, lead, moves, versions, where


def only(**stage):
    """An agreement of one stage and the exits."""
    return versions(agreement(stages=[{"id": "in", **stage}]))


def test_a_deal_is_what_was_last_said_of_it():
    """Funnel 6: a deal's stage, kind, amount and the rest are the last ones said of it, in the order of their times."""
    said = [
        deal(1, "proposal", kind="renewal", amount="10", currency="EUR", owner="ana", account="Acme"),
        deal(3, "won", amount="12.5", currency="USD"),
        deal(2, "lost", amount="11", currency="BRL", owner="bruno", reason="price"),
    ]
    (standing,) = folded(*said).deals.values()
    assert (standing.stage, standing.kind) == ("won", "renewal")
    assert (standing.amount, standing.currency) == ("12.5", "USD")
    assert (standing.owner, standing.account) == ("bruno", "Acme")


def test_what_is_not_said_again_stands():
    """Funnel 6: an event that says no kind and no amount leaves those that were said."""
    (standing,) = folded(deal(1, "open", kind="renewal", amount="10"), deal(2, "won")).deals.values()
    assert (standing.stage, standing.kind, standing.amount, standing.currency) == ("won", "renewal", "10", "EUR")


def test_a_currency_belongs_to_its_amount():
    """Funnel 6: a currency said without an amount does not reprice the amount that was said before."""
    (standing,) = folded(deal(1, "won", amount="10", currency="EUR"), deal(2, "won", currency="USD")).deals.values()
    assert (standing.amount, standing.currency) == ("10", "EUR")


def test_a_reason_belongs_to_its_stage():
    """Funnel 6: the reason of a deal is of the stage that it was said of, and goes with it."""
    (same,) = folded(deal(1, "lost", reason="price"), deal(2, "lost")).deals.values()
    (other,) = folded(deal(1, "lost", reason="price"), deal(2, "open")).deals.values()
    assert (same.reason, other.reason) == ("price", None)


def test_a_deal_is_new_unless_said():
    """Funnel 6: a deal's kind is `new` unless said."""
    assert folded(deal(1, "open")).deals["d1"].kind == "new"
    assert folded(deal(1, "open"), deal(2, "open", kind="renewal")).deals["d1"].kind == "renewal"


def test_revenue_counts_once_while_won():
    """Funnel 6: a deal is revenue once, while its stage is `won`, however often it is said."""
    won = [deal(1, "won", amount="100"), deal(2, "won"), deal(3, "won", amount="90")]
    assert revenue(folded(deal(0, "open", amount="100"))) == {}
    assert revenue(folded(*won[:2])) == {"EUR": "100.00"}
    assert revenue(folded(*won)) == {"EUR": "90.00"}
    assert revenue(folded(*won, deal(4, "lost"))) == {}
    assert revenue(folded(deal(1, "won", amount="0"))) == {"EUR": "0.00"}


@pytest.mark.parametrize(("kind", "counts"), [(None, 1), ("new", 1), ("renewal", 1), ("expansion", 1), ("upsell", 0)])
def test_known_kinds_earn(kind, counts):
    """§2: new, renewal and expansion deals count as revenue; any other kind is kept and counts for nothing."""
    journey = folded(deal(1, "won", amount="2.0001", kind=kind))
    assert earned(journey.deals["d1"]) == counts * 20_001


def test_a_refund_counts_against():
    """Funnel 6: a refund is a deal of its own whose amount counts against the revenue, once it is won."""
    sale, refund = deal(1, "won", "a", amount="100"), deal(2, "won", "b", kind="refund", amount="30")
    assert revenue(folded(sale, refund)) == {"EUR": "70.00"}
    assert revenue(folded(refund)) == {"EUR": "-30.00"}
    assert revenue(folded(sale, deal(2, "open", "b", kind="refund", amount="30"))) == {"EUR": "100.00"}


@pytest.mark.parametrize("kind", ["refund", "upsell"])
@pytest.mark.parametrize("stage", ["open", "won", "lost"])
def test_a_refund_moves_nobody(kind, stage):
    """Funnel 6: a refund, or a deal of an unknown kind, moves nobody, takes nobody out and brings nobody in."""
    event = deal(5, stage, "b", kind=kind)
    by = versions(agreement(stages=[{"id": "in", "enters": {"type": "deal", "kind": [kind, "new"]}}]))
    assert moves(event, by=by) == []
    assert moves(deal(1, "open", "a"), event, by=by) == ["+in"]
    assert moves(deal(1, "open", "a"), lead(2, "rejected"), event, by=by) == ["+in", "-in!rejected"]


def test_a_refund_is_not_among_the_deals_that_count():
    """Funnel 6: a refund moves nobody at the event of another deal either, though a stage's matcher names its kind."""
    refunded = {"id": "refunded", "enters": {"type": "deal", "kind": "refund"}}
    by = versions(agreement(stages=[STAGES[5], refunded]))
    assert moves(deal(1, "open", "b", kind="refund"), deal(2, "open", "a"), by=by) == ["+opportunity"]


def test_a_refund_of_a_won_deal_leaves_the_lead_where_it_is():
    """Funnel 6: a refund leaves a customer a customer; a status may move it back, for nothing new is open."""
    refunded = [deal(1, "won", "a"), deal(2, "open", "b", kind="refund")]
    assert moves(*refunded, lead(3, "mql")) == ["+customer", "-customer", "+mql"]


def test_a_lost_deal_exits():
    """Funnel 6: a lost deal exits a lead, with its reason."""
    journey = folded(deal(1, "open"), deal(2, "lost", reason="price"))
    assert where(journey) == ("opportunity", "lost", None)
    assert journey.exits == {"lost": {"price": 1}}


@pytest.mark.parametrize("other", ["open", "won"])
def test_a_lost_deal_exits_nobody_who_has_another(other):
    """Funnel 6: a lost deal exits a lead only when no other deal of its is open or won."""
    events = [deal(1, other, "b"), deal(2, "open", "a"), deal(3, "lost", "a")]
    assert folded(*events).exit is None
    assert folded(*events, deal(4, "lost", "b")).exit == "lost"


def test_a_renewal_keeps_a_lead_in():
    """Funnel 6: the other deal may be a renewal or an expansion; a refund or an unknown kind keeps nobody in."""
    for kind, kept in (("renewal", True), ("expansion", True), ("refund", False), ("upsell", False)):
        journey = folded(deal(1, "open", "b", kind=kind), deal(2, "lost", "a"))
        assert (journey.exit is None) is kept, kind


def test_a_lost_deal_that_exits_nobody_puts_the_lead_where_the_others_are():
    """Funnel 1 and 6: a lead whose further deal is lost goes back to where its other deal stands."""
    stages = [{"id": stage, "enters": {"type": "deal", "stage": stage}} for stage in ("demo", "proposal")]
    events = [deal(1, "demo", "a"), deal(2, "proposal", "b"), deal(3, "lost", "b")]
    assert moves(*events, by=versions(agreement(stages=stages)))[-1] == "+demo"


def test_an_exit_by_another_stage_of_a_deal_asks_nothing_of_the_others():
    """Funnel 6: only a lost deal looks at the others: an exit at another stage of a deal is taken."""
    exits = [{"id": "junk", "on": {"type": "deal", "stage": "disqualified"}}]
    events = [deal(1, "open", "a"), deal(2, "disqualified", "b")]
    assert folded(*events, by=versions(agreement(exits=exits))).exit == "junk"


def test_a_lost_deal_looks_for_others_than_itself():
    """Funnel 6: a deal that was won, and then is lost, does not keep its own lead in."""
    assert folded(deal(1, "won"), deal(2, "lost")).exit == "lost"


def test_a_matcher_sees_new_deals_unless_it_names_kind():
    """§3: deal matchers see deals of kind `new` unless they name `kind`, in stages and in exits."""
    unnamed, named = only(enters={"type": "deal"}), only(enters={"type": "deal", "kind": ["renewal", "expansion"]})
    for kind, by_unnamed, by_named in (("new", 1, 0), (None, 1, 0), ("renewal", 0, 1), ("expansion", 0, 1)):
        event = deal(1, "open", kind=kind)
        assert (len(moves(event, by=unnamed)), len(moves(event, by=named))) == (by_unnamed, by_named), kind
    lost = [lead(1, "mql"), deal(2, "lost", kind="renewal")]
    exits = [{"id": "churned", "on": {"type": "deal", "stage": "lost", "kind": "renewal"}}]
    assert folded(*lost).exit is None
    assert folded(*lost, by=versions(agreement(exits=exits))).exit == "churned"


def test_the_kind_that_counts_is_the_one_that_stands():
    """§3 and funnel 6: a matcher sees the kind that was last said of a deal, also where the event says none."""
    by = only(enters={"type": "deal", "stage": "won", "kind": "renewal"})
    assert moves(deal(1, "open", kind="renewal"), deal(2, "won"), by=by) == ["+in"]


def test_a_stage_of_a_deal_may_ask_for_an_amount():
    """§3 and funnel 6: a matcher sees the amount that was last said of a deal, and compares it as a number."""
    by = only(enters={"type": "deal", "amount": {"at_least": 1000}})
    assert moves(deal(1, "open", amount="1000.0"), by=by) == ["+in"]
    assert moves(deal(1, "open", amount="999.9999"), by=by) == []
    assert moves(deal(1, "open", amount="5000"), deal(2, "proposal"), by=by) == ["+in"]


def test_any_deal_event_puts_a_lead_where_its_new_deals_stand():
    """Funnel 1: the event of a renewal puts a lead back to where its deals of kind `new` stand."""
    events = [deal(1, "won", "a"), lead(2, "mql"), deal(3, "open", "b", kind="renewal")]
    assert moves(*events)[-2:] == ["-mql", "+customer"]


def test_deals_are_told_apart_by_their_id():
    """Funnel 6: two deals of a lead are two, and each earns its own amount."""
    journey = folded(deal(1, "won", "a", amount="1"), deal(2, "won", "b", amount="2"), deal(3, "won", "c", amount="0"))
    assert revenue(journey) == {"EUR": "3.00"}
    assert list(journey.deals) == ["a", "b", "c"]


def test_the_owner_of_a_deal_is_the_deals():
    """Funnel 6: an owner in a deal is the deal's, not the lead's, and no person has taken the lead."""
    by = only(enters={"owner": "person"})
    journey = folded(lead(1, owner=None), deal(2, "open", owner="bruno", account="Acme"), by=by)
    assert (journey.owner, journey.account, journey.stage) == (None, None, None)
    assert journey.deals["d1"].owner == "bruno"


def test_a_deal_waits_for_what_its_stage_requires():
    """Funnel 2 and 6: a won deal makes a lead wait where the stage requires a profile that it lacks."""
    by = versions(agreement(stages=[STAGES[5], {**STAGES[6], "requires": NEEDS}], exits=EXITS))
    assert where(folded(deal(1, "open"), deal(2, "won"), by=by)) == ("opportunity", None, "customer")
