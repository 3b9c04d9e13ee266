"""The funnel as a sum of what each lead contributes (DESIGN §4.5, §5 "Moving through the funnel", §6)."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import Deal, Spend, order_key
from streams.funnel import (
    add,
    contribution,
    difference,
    earned,
    is_open,
    money_text,
    revenue,
    ten_thousandths,
    total,
)
from streams.history import no_pages, take
from streams.journey import fold
from streams.rows import Journey, Standing
from tests.streams.builders import agreement, deal, folded, lead, requiring, spend, touch, versions
from tests.streams.generated import MANY_IDS, histories, made, sets_of_events

LATEST = versions().latest


def counted(*events, by=LATEST):
    return contribution(folded(*events), by)


def test_what_a_lead_contributes():
    """§6: a lead counts once, in the stage where it is now, in every one it ever was in, and for what it skipped."""
    events = [touch(1, channel="search"), lead(2, "accepted"), deal(3, "open", amount="10.5"), lead(4, None)]
    assert counted(*events) == {
        ("leads", "", "search"): 1,
        ("now", "opportunity", "search"): 1,
        ("ever", "visitor", "search"): 1,
        ("ever", "sal", "search"): 1,
        ("ever", "opportunity", "search"): 1,
        ("entries", "visitor", "search"): 1,
        ("entries", "sal", "search"): 1,
        ("entries", "opportunity", "search"): 1,
        ("skipped", "lead", "search"): 1,
        ("skipped", "mql", "search"): 1,
        ("skipped", "sql", "search"): 1,
        ("pipeline", "EUR", "open"): 105_000,
    }


def test_who_is_out_is_in_no_stage():
    """§6: `now` does not count leads that are out; `ever` counts a lead once and `entries` every time."""
    out = [lead(1, "mql"), lead(2, "rejected", reason="no_fit"), lead(3, "mql"), lead(4, "rejected")]
    counts = counted(*out)
    assert not [key for key in counts if key[0] == "now"]
    assert (counts["ever", "mql", "(none)"], counts["entries", "mql", "(none)"]) == (1, 2)
    assert (counts["exits", "rejected", "no_fit"], counts["exits", "rejected", "(none)"]) == (1, 1)


def test_a_reason_that_looks_like_none():
    """Funnel 5: an exit whose reason is the text "(none)" and one without a reason are both counted."""
    out = [lead(1, "mql"), lead(2, "rejected", reason="(none)"), lead(3, "mql"), lead(4, "rejected")]
    assert counted(*out)["exits", "rejected", "(none)"] == 2


def test_who_waits_is_counted():
    """Funnel 2: a lead that waits counts as waiting for that stage, where its channel is known under it."""
    by = requiring()
    counts = contribution(folded(touch(1, channel="social"), lead(2, "mql"), by=by), by.latest)
    assert (counts["waiting", "mql", "social"], counts["now", "visitor", "social"]) == (1, 1)


def test_spend_alone_contributes_nothing():
    """§6: who was only spent on is no lead; nor is who nothing was said of."""
    assert counted(spend(1)) == contribution(Journey(), LATEST) == {}
    assert counted(spend(1), touch(2))["leads", "", "(none)"] == 1
    assert counted(lead(1))["leads", "", "(none)"] == counted(deal(1, "open"))["leads", "", "(none)"] == 1


def test_pipeline_is_what_is_open():
    """§6: the pipeline is the amounts of new deals that have not ended, by currency and the deal's stage."""
    events = [
        deal(1, "demo", "a", amount="1"),
        deal(1, "demo", "b", ident="b", amount="2"),
        deal(2, "demo", "c", amount="4", currency="USD"),
        deal(3, "won", "d", amount="8"),
        deal(4, "lost", "e", amount="16"),
        deal(5, "demo", "f", kind="renewal", amount="32"),
        deal(6, "demo", "g"),
    ]
    pipeline = {key[1:]: amount for key, amount in counted(*events).items() if key[0] == "pipeline"}
    assert pipeline == {("EUR", "demo"): 30_000, ("USD", "demo"): 40_000}
    assert [is_open(Standing("x", stage)) for stage in ("open", "won", "lost")] == [True, False, False]
    assert not is_open(Standing("x", "open", "renewal"))


def test_revenue_is_of_the_channel():
    """§6: revenue counts by currency and channel, the refunds against it."""
    events = [touch(0, channel="search"), deal(1, "won", "a", amount="10"), deal(2, "won", "b", amount="1.5")]
    refund = deal(3, "won", "c", kind="refund", amount="4")
    assert counted(*events, refund)["revenue", "EUR", "search"] == 75_000
    assert revenue(folded(*events, refund, deal(4, "won", "d", amount="3", currency="BRL"))) == {
        "BRL": "3.00",
        "EUR": "7.50",
    }


def test_skipped_is_by_the_latest_version():
    """Funnel 3: a highest stage that the version no longer has leaves nothing skipped."""
    journey = folded(lead(1, "sql"))
    other = versions(agreement(stages=[{"id": "won", "enters": {"type": "deal", "stage": "won"}}])).latest
    assert ("skipped", "won", "(none)") not in contribution(journey, other)


DECIMALS = st.from_regex(r"\A[0-9]{1,15}(\.[0-9]{1,4})?\Z")


@given(DECIMALS)
def test_money_is_exact(amount):
    """§2: an amount of up to 15 digits before the point and 4 after is kept exactly, and written with two or more."""
    worth = ten_thousandths(amount)
    assert worth == Decimal(amount) * 10_000
    text = money_text(worth)
    assert Decimal(text) == Decimal(amount)
    assert len(text.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    ("worth", "text"),
    [(0, "0.00"), (1, "0.0001"), (10, "0.001"), (100, "0.01"), (1000, "0.10"), (10_000, "1.00"), (-15_000, "-1.50"),
     (12_340, "1.234"), (10_010, "1.001"), (10**23, "10000000000000000000.00")],
)  # fmt: skip
def test_money_as_text(worth, text):
    """§6: money is written with two places, or as many as it needs."""
    assert money_text(worth) == text


@given(st.lists(st.tuples(DECIMALS, st.sampled_from(["EUR", "BRL"]), st.sampled_from(["new", "refund", "odd"]))))
def test_revenue_is_the_sum_of_what_is_won(deals):
    """Funnel 6: a lead's revenue by currency is the exact sum of its won deals, less its refunds."""
    events = [deal(n, "won", f"d{n}", amount=a, currency=c, kind=k) for n, (a, c, k) in enumerate(deals)]
    sums = Counter()
    for amount, currency, kind in deals:
        sums[currency] += Decimal(amount) * {"new": 1, "refund": -1, "odd": 0}[kind]
    told = {currency: Decimal(text) for currency, text in revenue(folded(*events)).items()}
    assert {currency: told.get(currency, 0) for currency in sums} == sums
    assert all(earned(Standing("x", "open", kind, amount, currency)) == 0 for amount, currency, kind in deals)


KEYS = st.tuples(st.sampled_from(["now", "ever"]), st.sampled_from("ab"), st.sampled_from("xy"))
COUNTS = st.dictionaries(KEYS, st.integers(-3, 3).filter(bool))


@given(COUNTS, COUNTS, COUNTS)
def test_a_difference_makes_the_new_of_the_old(old, new, rest):
    """§4.5: a change adds (new - old), and what comes out has no zeros."""
    sums = {}
    add(sums, rest)
    add(sums, old)
    add(sums, difference(new, old))
    right = Counter(rest)
    right.update(new)
    assert sums == {key: amount for key, amount in right.items() if amount}
    assert difference(new, new) == {}


@settings(max_examples=100)
@given(
    histories(), st.lists(st.tuples(st.integers(0, 3), st.lists(st.sampled_from(MANY_IDS), max_size=8)), max_size=12)
)
def test_the_aggregate_is_the_sum_of_its_leads(written, batches):
    """§4.5: after any events in any batches, the sums kept by differences are those made anew from the lead table."""
    by, heads, pages, kept = made(written), {}, {}, {}
    for who, batch in batches:
        before = heads[who].journey if who in heads else Journey()
        old = contribution(before, by.latest)
        rows = pages.setdefault(who, {})
        taken = take(heads.get(who), rows.__getitem__, batch, by)
        heads[who] = taken.head
        rows.update(taken.pages)
        add(kept, difference(contribution(taken.head.journey, by.latest), old))
    assert kept == total((head.journey for head in heads.values()), by.latest)
    assert all(amount for amount in kept.values())


@settings(max_examples=100)
@given(histories(1), sets_of_events())
def test_counts_hang_together(written, events):
    """§6: a lead is in one stage at most, ever in each that it entered, and skipped none of them."""
    by = made(written)
    counts = contribution(fold(sorted(events, key=order_key), by)[0], by.latest)
    stages = {measure: [key[1] for key in counts if key[0] == measure] for measure in ("now", "ever", "skipped")}
    assert len(stages["now"]) <= 1
    assert set(stages["now"]) <= set(stages["ever"])
    assert not set(stages["skipped"]) & set(stages["ever"])
    assert set(stages["ever"] + stages["skipped"]) <= set(by.latest.stages)
    assert sum(key[0] == "leads" for key in counts) == any(not isinstance(event, Spend) for event in events)


def test_a_lead_that_was_never_taken_contributes_nothing():
    """§4.5: a lead of which nothing was taken is not in the sums."""
    assert total([take(None, no_pages, [], versions()).head.journey], LATEST) == {}
    assert total([folded(Deal(0, "/c", "1", None, "d", "won"))] * 2, LATEST)["leads", "", "(none)"] == 2
