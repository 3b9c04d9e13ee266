"""What Prometheus is told: each metric as its definition says, bounded, exact, and cheap to count."""

import subprocess
import sys
import time

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CollectorRegistry

from agents.engine.batch import Outgoing, Work, quarantined
from agents.engine.records import Record
from agents.metrics import definitions
from agents.metrics.clocks import ClockCounting
from agents.metrics.counting import Counting
from agents.metrics.definitions import ALL, DEAL_STAGES_KEPT, LABELS, UNKNOWN_FIELDS_KEPT
from agents.metrics.families import Histogram
from agents.metrics.promises import Promises
from agents.metrics.reference import reference
from agents.metrics.state import State
from agents.metrics.watch import STALLED_S, Progress
from streams import topics
from streams.funnel import contribution, total
from streams.journey import fold
from streams.rows import Fact
from tests.agents.promises import agreed, row_of
from tests.agents.scraped import samples, value
from tests.services import ROOT
from tests.streams.builders import deal, lead, touch

VERSIONS = agreed()
TERMS = VERSIONS.latest
DAY_US = 86_400_000_000


def entered(stage: str, revision=1, number=1) -> tuple:
    return Fact("entered", number, stage, 0, "/crm", "e"), revision, True


def left(stage: str, seconds: float, revision=1) -> tuple:
    return Fact("left", 1, stage, round(seconds * 1_000_000), "/crm", "e", since=0), revision, True


def refused(reason: str, key=b"k") -> Outgoing:
    """A record on its way to the quarantine."""
    return quarantined(Record(topics.LEADS, 0, 1, 0, 1, key, b"v", ()), reason, f"the key is {key!r}")


def work(**parts) -> Work:
    """Work of a batch with events."""
    made = Work()
    made.outcomes = {("baton.lead.v1", "folded"): 1}
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def counted(*works: Work) -> dict:
    counting = Counting(TERMS)
    for one in works:
        counting.committed(0, one, 0.01)
    return samples(counting)


def test_the_reference_is_made_from_the_definitions():
    """docs/reference/metrics.md says what the engine exports: run python -m agents.metrics.reference if it does not."""
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8") == reference()


def test_names_follow_prometheus_customs():
    """Names begin with baton_, units are base units, and no two metrics share one."""
    assert len({metric.name for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert metric.name.startswith("baton_")
        assert metric.kind != "counter" or metric.name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert set(metric.labels) <= set(LABELS)


def test_what_is_exported_is_what_is_defined():
    """Every family has the type and the labels of its definition, and every definition is exported."""
    counting = Counting(TERMS)
    bad = refused("not_json")
    counting.committed(
        0, work(said=[left("mql", 5)], outgoing=[bad, bad], unknown={("baton.lead.v1", "x"): 1}, times=[1]), 0.1
    )
    journey, _ = fold(
        [touch(1, channel="search"), deal(2, "won", amount="5"), deal(3, "open", "d2", amount="1")], VERSIONS
    )
    state = State(VERSIONS, lambda: [contribution(journey, TERMS)])
    for metric in (
        definitions.BACKLOG,
        definitions.PROJECTION_BACKLOG,
        definitions.PARTITIONS_ASSIGNED,
        definitions.LAST_COMMIT,
        definitions.NOW,
    ):
        state.also(metric, lambda: 1.0)
    collectors = (
        counting,
        ClockCounting(VERSIONS, 86_400),
        state,
        Promises(VERSIONS, lambda: [row_of(0, [touch(1)])]),
    )
    told = {family.name: family for collector in collectors for family in collector.collect()}
    assert set(told) == {
        metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name for metric in ALL
    }
    for metric in ALL:
        family = told[metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name]
        assert family.type == metric.kind
        assert family.samples, metric.name
        for sample in family.samples:
            assert tuple(sorted(sample.labels.keys() - {"le"})) == tuple(sorted(metric.labels)), metric.name


@given(st.lists(st.integers(-DAY_US, 30 * DAY_US), max_size=200), st.lists(st.integers(0, 10 * DAY_US), max_size=20))
def test_the_histogram_counts_as_prometheus_own_does(first, second):
    """Counting many spans at once comes to what observing them one by one does."""
    bounds = (0.5, 60.0, 3600.0, 86_400.0)
    ours = Histogram(bounds)
    ours.observe(first)
    ours.observe(second)
    registry = CollectorRegistry()
    theirs = prometheus_client.Histogram("x", "x", buckets=bounds, registry=registry)
    for span in first + second:
        theirs.observe(max(0, span) / 1_000_000)
    buckets, seconds = ours.told()
    expected = {
        sample.labels["le"]: sample.value for sample in registry.collect().__next__().samples if "le" in sample.labels
    }
    assert dict(buckets) == expected
    assert seconds == pytest.approx(registry.get_sample_value("x_sum"))


def test_outcomes_are_counted_by_type():
    """Two batches add up, each record by its type and what became of it."""
    told = counted(
        work(outcomes={("baton.lead.v1", "folded"): 3, ("unknown", "quarantined"): 1}),
        work(outcomes={("baton.lead.v1", "folded"): 2, ("baton.lead.v1", "duplicate"): 1}),
    )
    assert value(told, "baton_events_total", type="baton.lead.v1", outcome="folded") == 5
    assert value(told, "baton_events_total", type="baton.lead.v1", outcome="duplicate") == 1
    assert value(told, "baton_events_total", type="unknown", outcome="quarantined") == 1


def test_outcomes_are_there_before_anything_happens():
    """The first event that is refused is seen as an increase, for its series was there with 0."""
    told = counted()
    assert value(told, "baton_events_total", type="unknown", outcome="quarantined") == 0
    assert value(told, "baton_events_total", type="baton.deal.v1", outcome="conflict") == 0


def test_delay_is_from_an_events_time_to_now():
    """An hour-old event lies above half an hour and within two; one of tomorrow has no delay."""
    now = time.time_ns() // 1000
    told = counted(work(times=[now - 3_600_000_000, now + DAY_US]))
    assert value(told, "baton_event_delay_seconds_count") == 2
    assert value(told, "baton_event_delay_seconds_bucket", le="0.05") == 1
    assert value(told, "baton_event_delay_seconds_bucket", le="900.0") == 1
    assert value(told, "baton_event_delay_seconds_bucket", le="86400.0") == 2
    assert value(told, "baton_event_delay_seconds_sum") == pytest.approx(3600, abs=60)


def test_stages_are_counted_when_first_said():
    """An entry counts under its channel, a stay by its length; corrections of either are not counted again."""
    told = counted(
        work(entries={("mql", "search"): 2, ("mql", "fax"): 1}, said=[left("mql", 90), left("mql", 5000, revision=2)])
    )
    assert value(told, "baton_stage_entries_total", stage="mql", channel="search") == 2
    assert value(told, "baton_stage_entries_total", stage="mql", channel="other") == 1
    assert value(told, "baton_stage_entries_total", stage="mql", channel="social") == 0
    assert value(told, "baton_stage_seconds_count", stage="mql") == 1
    assert value(told, "baton_stage_seconds_bucket", stage="mql", le="60.0") == 0
    assert value(told, "baton_stage_seconds_bucket", stage="mql", le="300.0") == 1


def test_folding_history_again_is_not_counted():
    """When a partition is opened under a new agreement, what is said of the past counts nowhere."""
    refolded = Work()
    refolded.said = [entered("mql"), left("mql", 90)]
    refolded.outgoing = [Outgoing(topics.STAGES, b"k", b"{}", [], 0)] * 2
    told = counted(refolded)
    assert {amount for (name, _), amount in told.items() if name.startswith("baton_stage_")} == {0}
    assert value(told, "baton_events_total") is None


def test_quarantined_records_are_counted_by_reason():
    """The reason in the record's header is the label; other outgoing records are not counted."""
    outgoing = [
        refused("not_json"),
        refused("not_json"),
        refused("too_late"),
        Outgoing(topics.ROUTED, b"k", b"v", [], 1),
    ]
    told = counted(work(outgoing=outgoing))
    assert value(told, "baton_quarantined_total", reason="not_json") == 2
    assert value(told, "baton_quarantined_total", reason="too_late") == 1
    assert len([name for name, _ in told if name == "baton_quarantined_total"]) == 2


def test_unknown_fields_get_a_bounded_number_of_series():
    """A publisher that makes up a field name for each event fills `other`, not Prometheus; no name is lost in sum."""
    many = {("baton.lead.v1", f"field-{number}"): 1 for number in range(5 * UNKNOWN_FIELDS_KEPT)}
    told = counted(work(unknown={("baton.deal.v1", "x" * 65): 7}), work(unknown=many), work(unknown=many))
    series = {labels: amount for (name, labels), amount in told.items() if name == "baton_unknown_fields_total"}
    assert len(series) <= UNKNOWN_FIELDS_KEPT + 2
    assert sum(series.values()) == 7 + 2 * 5 * UNKNOWN_FIELDS_KEPT
    assert value(told, "baton_unknown_fields_total", type="baton.lead.v1", field="field-0") == 2
    assert value(told, "baton_unknown_fields_total", type="baton.deal.v1", field="other") == 7


def journeys() -> list:
    return [
        fold(events, VERSIONS)[0]
        for events in (
            [touch(1, channel="search"), lead(2, "mql")],
            [touch(1, channel="search"), lead(2, "mql"), lead(3, "rejected", reason="no_fit")],
            [touch(1, channel="fax"), deal(2, "proposal", amount="7.5")],
            [touch(1), deal(2, "won", amount="100"), deal(3, "won", "d2", amount="30.25", kind="refund")],
            [touch(1, channel="search"), deal(2, "won", amount="10", currency="BRL")],
        )
    ]


def test_gauges_are_the_sums_of_the_open_partitions():
    """Each lead in a stage is counted once, under its channel; those that went out are not; money is in units."""
    found = journeys()
    told = samples(State(VERSIONS, lambda: [total(found[:2], TERMS), total(found[2:], TERMS)]))
    assert value(told, "baton_partitions_open") == 2
    assert value(told, "baton_leads", stage="mql", channel="search") == 1
    assert value(told, "baton_leads", stage="opportunity", channel="other") == 1
    assert value(told, "baton_leads", stage="visitor", channel="social") == 0
    assert sum(amount for (name, _), amount in told.items() if name == "baton_leads") == 4
    assert value(told, "baton_revenue_total", currency="EUR", channel="(none)") == 69.75
    assert value(told, "baton_revenue_total", currency="BRL", channel="search") == 10
    assert value(told, "baton_pipeline_amount", currency="EUR", stage="proposal") == 7.5


def test_each_version_of_the_agreement_is_told_with_when_it_takes_effect():
    """A board marks the moment at which a new version begins to judge events, without having seen it come."""
    told = samples(State(VERSIONS, list))
    found = {labels: amount for (name, labels), amount in told.items() if name.startswith("baton_agreement_")}
    assert found == {
        frozenset({"agreement": terms.agreement.agreement, "version": str(terms.version)}.items()): (
            terms.agreement.effective.timestamp()
        )
        for terms in VERSIONS.all
    }


def test_each_stage_is_told_with_its_place_and_the_one_before():
    """A board shows stages in the funnel's order, and entries over those of the stage before."""
    told = samples(State(VERSIONS, list))
    before = ""
    for place, stage in enumerate(TERMS.stages, start=1):
        assert value(told, "baton_stage_position", stage=stage, previous=before) == place
        before = stage
    assert len([name for name, _ in told if name == "baton_stage_position"]) == len(TERMS.stages)


def test_stages_of_deals_get_a_bounded_number_of_series():
    """A CRM may call its stages whatever it likes: past a hundred they are `other`, and the sum stays."""
    counts = {("pipeline", "EUR", f"stage-{number:04}"): 10_000 for number in range(3 * DEAL_STAGES_KEPT)}
    told = samples(State(VERSIONS, lambda: [counts]))
    series = {labels: amount for (name, labels), amount in told.items() if name == "baton_pipeline_amount"}
    assert len(series) == DEAL_STAGES_KEPT + 1
    assert sum(series.values()) == 3 * DEAL_STAGES_KEPT


def test_a_reading_that_nobody_knows_is_left_out():
    """A backlog that cannot be known is absent, for an alert on absence to see, and not 0."""
    state = State(VERSIONS, list)
    state.also(definitions.BACKLOG, lambda: None)
    state.also(definitions.LAST_COMMIT, lambda: 5.0)
    told = samples(state)
    assert value(told, "baton_backlog_events") is None
    assert value(told, "baton_last_commit_timestamp_seconds") == 5


def test_a_partition_with_records_to_read_that_goes_on_with_none_has_stalled():
    """Two minutes without going on while there is something to read; neither an idle nor a slow one has stalled."""
    progress = Progress()
    ends = {("t", 0): 10, ("t", 1): 10, ("t", 2): 10}
    for second in range(0, int(STALLED_S) + 20, 10):
        behind = progress.look(second, {0: {"t": 4}, 1: {"t": 10}, 2: {"t": second // 60}}, ends)
        assert behind == 6 + (10 - second // 60)
    assert progress.stalled(STALLED_S + 10) == [0]
    progress.look(STALLED_S + 20, {0: {"t": 5}, 1: {"t": 10}, 2: {"t": 2}}, ends)
    assert progress.stalled(STALLED_S + 20) == []


def test_a_partition_that_is_folded_again_has_not_stalled():
    """To take a version of the agreement may take minutes, in which nothing is read; the wait begins after that."""
    progress = Progress()
    for second in range(0, int(STALLED_S) + 20, 10):
        assert progress.look(second, {0: {"t": 4}}, {("t", 0): 10}, excused=[0]) == 6
        assert progress.stalled(second) == []
    progress.look(2 * STALLED_S + 20, {0: {"t": 4}}, {("t", 0): 10})
    assert progress.stalled(2 * STALLED_S + 20) == [0]


def test_a_partition_that_is_opened_again_begins_a_new_wait():
    """What a partition did before it was closed is not held against it."""
    progress = Progress()
    progress.look(0, {0: {"t": 4}}, {("t", 0): 10})
    progress.look(STALLED_S, {}, {})
    progress.look(STALLED_S + 5, {0: {"t": 4}}, {("t", 0): 10})
    assert progress.stalled(STALLED_S + 10) == []


def engine(**settings) -> subprocess.CompletedProcess[str]:
    """Run `baton engine` until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-c", "from agents.cli import main; main()", "engine"],
        env={"PYTHONPATH": str(ROOT), "BATON_AGREEMENT": str(ROOT / "deploy/agreements/acme.yaml"), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_told_before_anything_starts(redis_server, tmp_path):
    """One line that names the port and the setting, and exit code 2: not a worker that crashes again and again."""
    ended = engine(BATON_METRICS_PORT=str(redis_server.port), BATON_STATE_DIR=str(tmp_path / "state"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert str(redis_server.port) in ended.stderr
    assert "BATON_METRICS_PORT" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_an_address_that_is_not_this_machines_is_told(tmp_path):
    """The same for a host that cannot be listened on."""
    ended = engine(BATON_METRICS_HOST="192.0.2.1", BATON_METRICS_PORT="19464", BATON_STATE_DIR=str(tmp_path / "state"))
    assert ended.returncode == 2
    assert "192.0.2.1" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_no_label_holds_a_leads_id():
    """Prometheus neither learns who the leads are nor gets a series for each."""
    counting, state = Counting(TERMS), State(VERSIONS, lambda: [total(journeys(), TERMS)])
    fact, revision, holds = left("mql", 5)
    bad = refused("not_json", key=b"ann@example.org")
    counting.committed(0, work(said=[(fact, revision, holds)], outgoing=[bad, bad]), 0.1)
    registry = CollectorRegistry()
    registry.register(counting)
    registry.register(state)
    assert b"ann@example.org" not in prometheus_client.generate_latest(registry)
