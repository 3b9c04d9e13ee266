"""What Prometheus is told of clocks, promises and goals: each verdict once, each partition once, ratios to targets."""

import pytest

from agents.engine.batch import Work
from agents.metrics.clocks import RECENT, ClockCounting
from agents.metrics.promises import Promises
from agents.metrics.state import State, oldest
from tests.agents.promises import RESPONSE, agreed, clock_fact, row_of
from tests.agents.scraped import samples, value
from tests.streams.builders import HOUR, agreement, deal, lead, time, touch, versions

VERSIONS = agreed()
DAY_S = 86_400
SALES = {"clause": "first-response", "owed_by": "sales"}


def said(*statements, by=VERSIONS, now=0) -> dict:
    """The metrics after transactions that held these facts, each with its revision and whether it holds."""
    counting = ClockCounting(by, DAY_S, lambda: now)
    for statement in statements:
        work = Work()
        work.clocks_said = [statement]
        counting.committed(0, work, 0.01)
    return samples(counting)


def test_verdicts_are_counted_when_first_said():
    """Each verdict counts once under its clause and who owes it; starts and warnings are none."""
    told = said(
        (clock_fact("started"), 1, True),
        (clock_fact("warned", place=0), 1, True),
        (clock_fact("met", answered=5, elapsed_s=5.0), 1, True),
        (clock_fact("met", answered=5, elapsed_s=5.0), 1, True),
        (clock_fact("breached"), 1, True),
    )
    verdicts = {labels: amount for (name, labels), amount in told.items() if name == "baton_clock_verdicts_total"}
    assert sum(verdicts.values()) == 3
    assert value(told, "baton_clock_verdicts_total", verdict="met", **SALES) == 2
    assert value(told, "baton_clock_verdicts_total", verdict="breached", **SALES) == 1
    assert value(told, "baton_clock_verdicts_total", verdict="cancelled", **SALES) == 0


def test_what_alerts_go_by_is_recent():
    """§5.9: a verdict counts for alerts if it is no older than a day when it is said, and so does a late answer."""
    breached, met = (clock_fact("breached"), 1, True), (clock_fact("met", answered=0, elapsed_s=0.0), 1, True)
    late = clock_fact("breached", answered=5, elapsed_s=20_000.0), 2, True
    facts = (breached, breached, met, late, (clock_fact("breached"), 2, False), (clock_fact("cancelled"), 1, True))
    for now, expected in ((24 * HOUR, (1, 2, 1)), (24 * HOUR + 1, (0, 0, 1)), (24 * HOUR + 6, (0, 0, 0))):
        told = said(*facts, now=now)
        found = [value(told, "baton_clock_recent_verdicts_total", verdict=name, **SALES) for name in RECENT]
        assert tuple(found) == expected
        assert value(told, "baton_clock_verdicts_total", verdict="breached", **SALES) == 2


def test_a_correction_counts_beside_the_verdicts():
    """A breach that turns out to have been met is withdrawn, not taken off; a late answer to one is a change of it."""
    told = said(
        (clock_fact("breached"), 1, True),
        (clock_fact("breached"), 2, False),
        (clock_fact("met", answered=5, elapsed_s=5.0), 1, True),
        (clock_fact("breached"), 1, True),
        (clock_fact("breached", answered=5, elapsed_s=20_000.0), 2, True),
    )
    assert value(told, "baton_clock_verdicts_total", verdict="breached", **SALES) == 2
    assert value(told, "baton_clock_verdicts_total", verdict="met", **SALES) == 1
    corrected = "baton_clock_corrections_total"
    assert value(told, corrected, verdict="breached", correction="withdrawn", **SALES) == 1
    assert value(told, corrected, verdict="breached", correction="changed", **SALES) == 1
    assert value(told, corrected, verdict="met", correction="changed", **SALES) == 0


def test_how_long_answers_took_is_counted_also_when_they_are_late():
    """An answer in time and a late one are in the histogram once each; an exit, and a breach unanswered, are not."""
    told = said(
        (clock_fact("met", answered=5, elapsed_s=10_800.0), 1, True),
        (clock_fact("met", answered=5, elapsed_s=10_700.0), 2, True),
        (clock_fact("breached"), 1, True),
        (clock_fact("breached", answered=5, elapsed_s=20_000.0), 2, True),
        (clock_fact("breached", answered=5, elapsed_s=20_001.0), 3, True),
        (clock_fact("cancelled", elapsed_s=60.0), 1, True),
    )
    assert value(told, "baton_clock_seconds_count", clause="first-response") == 2
    assert value(told, "baton_clock_seconds_sum", clause="first-response") == 30_800
    assert value(told, "baton_clock_seconds_bucket", clause="first-response", le="10800.0") == 1


def test_the_targets_are_among_the_buckets():
    """The share that was answered within the target, or a tier's, can be read off; business days have no bucket."""
    assert value(said(), "baton_clock_seconds_bucket", clause="first-response", le="10800.0") == 0
    assert value(said(), "baton_clock_seconds_bucket", clause="first-response", le="2700.0") == 0
    office = said(by=agreed(within="2bd", tiers=[]))
    assert value(office, "baton_clock_seconds_bucket", clause="first-response", le="86400.0") == 0
    assert value(office, "baton_clock_seconds_bucket", clause="first-response", le="2700.0") is None


def test_a_version_that_comes_later_has_its_series_at_once_and_what_was_counted_stays():
    """A new clause is told from the beginning; where a target changes, the histogram begins anew with it."""
    first, counting = agreed(), ClockCounting(agreed(), DAY_S)
    work = Work()
    work.clocks_said = [(clock_fact("met", answered=5), 1, True)]
    counting.committed(0, work, 0.01)
    clauses = [{**RESPONSE, "within": "77m"}, {**RESPONSE, "id": "another"}]
    counting.adopt(versions(written_of(first), agreement(2, 5, clauses=clauses)))
    told = samples(counting)
    assert value(told, "baton_clock_verdicts_total", verdict="met", **SALES) == 1
    assert value(told, "baton_clock_verdicts_total", clause="another", owed_by="sales", verdict="met") == 0
    assert value(told, "baton_clock_seconds_bucket", clause="first-response", le="4620.0") == 0


def test_gauges_go_by_the_versions_that_there_are():
    """When a version is published, its stages and clauses are told without a new start."""
    state = State(VERSIONS, list)
    stages = [{"id": "newcomer", "enters": {"type": "touchpoint"}}]
    state.adopt(versions(written_of(VERSIONS), agreement(2, 5, stages=stages)))
    told = samples(state)
    assert value(told, "baton_leads", stage="newcomer", channel="search") == 0
    assert value(told, "baton_leads", stage="visitor", channel="search") is None


def written_of(by) -> dict:
    """The first version, as it is written."""
    return by.all[0].agreement.model_dump(mode="json", by_alias=True)


def test_a_clause_of_an_earlier_version_is_counted_too():
    """A clock may run under a version that has long been followed by one without its clause."""
    told = said((clock_fact("breached", clause="gone"), 1, True), (clock_fact("met", "gone", answered=1), 1, True))
    assert value(told, "baton_clock_verdicts_total", clause="gone", owed_by="sales", verdict="breached") == 1
    assert value(told, "baton_clock_seconds_count", clause="gone") == 1


def test_clocks_are_the_sums_of_the_open_partitions():
    """Each clock is in one state, whichever partition it is in; a clause without any clock has its series."""
    running, overdue = ("clocks", "first-response", "running"), ("clocks", "first-response", "overdue")
    told = samples(State(VERSIONS, lambda: [{running: 2, overdue: 1}, {running: 3}]))
    assert value(told, "baton_clocks", state="running", **SALES) == 5
    assert value(told, "baton_clocks", state="overdue", **SALES) == 1
    assert value(told, "baton_clocks", state="at_risk", **SALES) == 0
    assert value(samples(State(VERSIONS, list)), "baton_clocks", state="overdue", **SALES) == 0
    assert value(samples(State(versions(), list)), "baton_clocks", state="overdue", **SALES) is None


def test_now_is_that_of_the_partition_furthest_behind():
    """One partition whose time stands still is seen; while one has no now yet, or none is open, nobody knows."""
    assert oldest([5_000_000, 3_500_000, 9_000_000]) == 3.5
    assert oldest([5_000_000, 0]) is None
    assert oldest([]) is None


LEADS = [
    [lead(1, "mql"), lead(2, "accepted"), deal(3, "won", amount="250")],
    [lead(1, "mql")],
    [touch(1), lead(2, "mql")],
    [lead(1, "mql"), deal(5, "won", amount="500.50")],
]


def standing(rows, now, by=VERSIONS) -> dict:
    return samples(Promises(by, lambda: rows, lambda: now))


def test_promises_and_goals_are_told_over_all_partitions():
    """What all leads have come to in the running period, over what is promised: 1 or more is kept."""
    told = standing([row_of(0, *LEADS[:2]), row_of(3, *LEADS[2:])], time(24))
    assert value(told, "baton_promise_ratio", clause="volume") == 1
    assert value(told, "baton_promise_ratio", clause="quality") == pytest.approx(0.25 / 0.5)
    assert value(told, "baton_goal_ratio", goal="wins") == 1
    assert value(told, "baton_goal_ratio", goal="revenue") == pytest.approx(0.7505)


def test_a_pace_says_how_far_a_promise_is_from_where_it_should_be_by_now():
    """Four leads by the 31st: with two on the 2nd it is far ahead, and off pace when most of the month is gone."""
    rows = [row_of(0, LEADS[1], LEADS[1])]
    early = value(standing(rows, time(24)), "baton_promise_pace_ratio", clause="volume")
    late = value(standing(rows, time(24 * 25)), "baton_promise_pace_ratio", clause="volume")
    assert early > 1 > late > 0.5
    goal = value(standing([row_of(0, *LEADS)], time(24 * 25)), "baton_goal_pace_ratio", goal="wins")
    assert goal > value(standing([row_of(0, *LEADS)], time(24 * 25)), "baton_goal_ratio", goal="wins")
    level = standing([row_of(0, *LEADS)], time(24 * 25))
    assert value(level, "baton_promise_pace_ratio", clause="quality") == pytest.approx(
        value(level, "baton_promise_ratio", clause="quality")
    )


def test_where_a_promise_should_be_by_now_is_told_also_while_nothing_is_reached():
    """A volume that nothing is done for can be told from a period that has only begun; a share is due at any time."""
    begun = standing([row_of(0, *LEADS)], time(24) + 31 * 24 * HOUR)
    over = standing([row_of(0, *LEADS)], time(24) + 50 * 24 * HOUR)
    assert value(over, "baton_promise_ratio", clause="volume") == 0
    assert 0 < value(begun, "baton_promise_expected_ratio", clause="volume") < 0.2
    assert value(over, "baton_promise_expected_ratio", clause="volume") > 0.5
    assert value(over, "baton_goal_expected_ratio", goal="wins") > 0.5
    assert value(begun, "baton_promise_expected_ratio", clause="quality") == 1


def test_a_share_says_of_how_many_leads_it_is():
    """A share of a single lead can be told from one of a thousand; what is no share says nothing of the kind."""
    told = standing([row_of(0, *LEADS[:2]), row_of(3, *LEADS[2:])], time(24))
    assert value(told, "baton_promise_leads", clause="quality") == 4
    assert value(told, "baton_promise_leads", clause="volume") is None
    assert value(standing([row_of(0, *LEADS)], time(24) + 31 * 24 * HOUR), "baton_promise_leads", clause="quality") == 0


def test_every_clause_says_who_owes_it():
    """What is told by clause alone can be joined with the party that owes it."""
    told = samples(State(VERSIONS, list))
    assert value(told, "baton_clause_info", clause="quality", owed_by="marketing", kind="ratio") == 1
    assert len([name for name, _ in told if name == "baton_clause_info"]) == len(VERSIONS.latest.agreement.clauses)


def test_a_new_period_begins_at_nothing():
    """When the month turns, volumes and goals begin at 0, and of a share of no leads there is nothing to tell."""
    told = standing([row_of(0, *LEADS)], time(24) + 31 * 24 * HOUR)
    assert value(told, "baton_promise_ratio", clause="volume") == 0
    assert value(told, "baton_goal_ratio", goal="revenue") == 0
    assert value(told, "baton_promise_ratio", clause="quality") is None


def test_a_promise_that_nobody_makes_any_more_is_not_told():
    """When the version in force has dropped a clause, its last period is not taken for one that runs."""
    dropped = agreed(then=agreement(version=2, effective=30 * 24))
    told = standing([row_of(0, *LEADS, by=dropped)], time(24) + 31 * 24 * HOUR, dropped)
    assert value(told, "baton_promise_ratio", clause="volume") == 0
    told = standing([row_of(0, *LEADS, by=dropped)], time(24) + 62 * 24 * HOUR, dropped)
    assert told == {}


def test_only_the_worker_that_reads_the_sums_tells_of_promises():
    """Another worker, which has not partition 0 open, tells nothing, so that sums over workers count once."""
    assert standing(None, time(24)) == {}
