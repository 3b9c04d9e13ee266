"""The metrics of a running engine, on both brokers: they equal what its changelog and its topics say."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.agreements import read_agreements
from agents.embedded import free_port
from agents.metrics.promises import Promises
from streams import topics
from streams.funnel import Counts, add, total
from streams.pledges import contribution
from streams.rows import Head
from streams.terms import Versions
from streams.totals import bounded, read_totals, totals_row
from streams.verdicts import clock_counts
from tests.chaos.log import Line, make_log
from tests.engines import PARTITIONS, fresh_topics, producer, read, wait_until
from tests.services import ON_KAFKA_ONLY, ROOT, Broker, Redis
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
AN_HOUR_S = 3600
STANDING = ("baton_promise_ratio", "baton_goal_ratio", "baton_promise_leads")
"""What is told of promises and does not change from one moment to the next."""


@dataclass
class Baton:
    """A broker with empty topics, and an engine with a port for its metrics, which a test starts."""

    servers: str
    port: int
    workers: Workers
    versions: Versions

    def get(self, page: str) -> tuple[int, str]:
        """Status and text of a page; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{page}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def sums(self, name: str, *by: str) -> Counter:
        """A metric's samples, added up by these labels; those that are 0 are left out."""
        found: Counter = Counter()
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and sample.value:
                    found[tuple(sample.labels[label] for label in by)] += sample.value
        return found

    def send(self, log: list[Line]) -> None:
        """Publish lines."""
        sender = producer(self.servers)
        for line in log:
            sender.produce(line.topic, line.value, line.key)
        assert sender.flush(60) == 0

    def wait_until_all_is_told(self) -> None:
        """Return when the metrics say that nothing is left to do."""
        wait_until(
            lambda: (
                "baton_backlog_events 0.0\n" in (told := self.get("/metrics")[1])
                and "baton_projection_backlog 0.0\n" in told
            ),
            "the metrics to say that nothing is left",
        )

    def heads(self) -> list[Head]:
        """The lead table, as the changelog has it."""
        rows = {row.key(): row.value() or b"" for row in read(self.servers, topics.CHANGELOG)}
        return [
            msgspec.msgpack.decode(row, type=Head)
            for key, row in rows.items()
            if key is not None and b"\x00" not in key
        ]

    def in_changelog(self) -> Counts:
        """The sums of the lead table."""
        terms = self.versions.latest
        return bounded(total((head.journey for head in self.heads()), terms), terms)

    def clocks(self) -> Counter:
        """The lead table's clocks, by clause and state."""
        counts: Counts = {}
        for head in self.heads():
            add(counts, clock_counts(head.clocks))
        return Counter({key[1:]: amount for key, amount in counts.items()})

    def promises(self) -> dict[str, dict[tuple[str, ...], float]]:
        """How the lead table's promises stand now, by metric and label."""
        promised: Counts = {}
        for head in self.heads():
            add(promised, contribution(head.pledges, head.journey, self.versions))
        row = read_totals(totals_row(0, {}, self.versions.latest, promised))
        return {
            family.name: {tuple(sample.labels.values()): round(sample.value, 9) for sample in family.samples}
            for family in Promises(self.versions, lambda: [row]).collect()
            if family.name in STANDING
        }


@pytest.fixture
def baton(broker: Broker, redis_server: Redis, tmp_path: Path) -> Iterator[Baton]:
    fresh_topics(broker.servers)
    redis_server.flush()
    agreement = tmp_path / "agreement.yaml"
    agreement.write_text(ACME.read_text().replace("lateness: 90d", "lateness: 3650d"))
    port = free_port()
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_REDIS_URL": redis_server.url,
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": str(port),
        "BATON_OVERDUE_WAIT_S": "1",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"baton-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    yield Baton(broker.servers, port, workers, Versions(read_agreements([agreement])))
    workers.end_all()


def gauges(baton: Baton) -> dict[str, Counter]:
    return {
        "now": baton.sums("baton_leads", "stage", "channel"),
        "revenue": baton.sums("baton_revenue_total", "currency", "channel"),
        "pipeline": baton.sums("baton_pipeline_amount", "currency", "stage"),
    }


def assert_gauges_are_those_of_the_changelog(baton: Baton) -> None:
    counts, told = baton.in_changelog(), gauges(baton)
    assert told["now"]
    assert told["revenue"]
    for measure, unit in (("now", 1), ("revenue", 10_000), ("pipeline", 10_000)):
        expected = {(what, by): amount for (name, what, by), amount in counts.items() if name == measure}
        assert {key: round(amount * unit) for key, amount in told[measure].items()} == expected


@ON_KAFKA_ONLY
def test_metrics_equal_the_changelogs_sums_and_count_history_once(baton: Baton):
    """State is the lead table's sums, counts are what was said and read, and a new worker has counted nothing yet."""
    log = make_log(21, 150)
    broken = [Line(topics.LEADS, f"broken-{number}", b"{") for number in range(3)]
    baton.workers.start(0)
    wait_until(lambda: baton.get("/livez") == (200, "ok\n"), "the worker to live")
    wait_until(lambda: baton.get("/readyz") == (200, "ok\n"), "the worker to be ready")
    baton.send(log + broken)
    wait_until(lambda: baton.sums("baton_events_total").total() >= len(log) + len(broken), "all to be committed")
    baton.wait_until_all_is_told()

    assert_gauges_are_those_of_the_changelog(baton)
    wait_until(lambda: _verdicts_said(baton, "breached") and clocks_are_right(baton), "clocks to be told as they are")
    wait_until(lambda: promises_told(baton) == baton.promises(), "promises to be told as they stand")
    assert promises_told(baton)["baton_promise_ratio"].keys() >= {("volume",), ("calls",)}
    assert abs(baton.sums("baton_now_timestamp_seconds").total() - time.time()) < AN_HOUR_S
    assert baton.sums("baton_events_total").total() == len(log) + len(broken)
    assert baton.sums("baton_quarantined_total", "reason") == {
        (reason,): times for reason, times in Counter(_reasons(baton)).items()
    }
    assert baton.sums("baton_stage_entries_total", "stage") == _entries_said(baton)
    assert baton.sums("baton_stage_seconds_count", "stage") == _stays_said(baton)
    assert baton.sums("baton_partitions_open").total() == PARTITIONS
    assert baton.sums("baton_event_delay_seconds_count").total() == len(log)
    assert baton.sums("baton_last_commit_timestamp_seconds").total() > 1_700_000_000

    before = gauges(baton)
    baton.workers.leave(0)
    baton.workers.start(1)
    wait_until(lambda: baton.get("/readyz") == (200, "ok\n"), "the next worker to be ready")
    baton.wait_until_all_is_told()
    assert gauges(baton) == before
    assert "folded" not in {outcome for (outcome,) in baton.sums("baton_events_total", "outcome")}
    assert baton.sums("baton_stage_entries_total").total() == 0
    assert baton.sums("baton_stage_seconds_count").total() == 0
    assert baton.sums("baton_clock_verdicts_total").total() == 0
    wait_until(lambda: baton.sums("baton_clocks", "clause", "state") == baton.clocks(), "clocks to be as they were")
    wait_until(lambda: promises_told(baton) == baton.promises(), "promises to stand as they did")


def clocks_are_right(baton: Baton) -> bool:
    """Whether what is told of clocks is what the changelog has, and what was said for the first time."""
    told = baton.sums("baton_clock_verdicts_total", "clause", "verdict")
    said = sum((_verdicts_said(baton, verdict) for verdict in ("met", "breached", "cancelled")), Counter())
    answered = baton.sums("baton_clock_seconds_count").total() >= _verdicts_said(baton, "met").total() > 0
    return told == said and answered and baton.sums("baton_clocks", "clause", "state") == baton.clocks()


def _verdicts_said(baton: Baton, verdict: str) -> Counter:
    """Verdicts that were said for the first time, by clause and verdict."""
    said = (json.loads(record.value() or b"")["data"] for record in read(baton.servers, topics.CLOCKS))
    return Counter((data["clause"], verdict) for data in said if (data["change"], data["revision"]) == (verdict, 1))


def promises_told(baton: Baton) -> dict[str, dict[tuple[str, ...], float]]:
    """The same as `Baton.promises`, as Prometheus is told."""
    return {
        family.name: {tuple(sample.labels.values()): round(sample.value, 9) for sample in family.samples}
        for family in text_string_to_metric_families(baton.get("/metrics")[1])
        if family.name in STANDING
    }


def _reasons(baton: Baton) -> Iterator[str]:
    for record in read(baton.servers, topics.QUARANTINE):
        yield dict(record.headers() or [])["baton_reason"].decode()


def _said(baton: Baton) -> Iterator[dict]:
    """What was said for the first time."""
    for record in read(baton.servers, topics.STAGES):
        data = json.loads(record.value() or b"")["data"]
        if data["revision"] == 1:
            yield data


def _entries_said(baton: Baton) -> Counter:
    return Counter((data["stage"],) for data in _said(baton) if data["change"] == "entered")


def _stays_said(baton: Baton) -> Counter:
    return Counter((data["stage"],) for data in _said(baton) if data["change"] == "left" and "since" in data)


def test_a_worker_is_ready_when_it_has_opened_what_it_was_given(baton: Baton):
    """Before it is in the group, and while a partition is not open, a worker says so; it lives all the while."""
    baton.workers.start(0)
    answers: list[tuple[int, str]] = []
    wait_until(
        lambda: answers.append(baton.get("/readyz")) or answers[-1][0] == 503, "the worker to say what it awaits"
    )
    assert "not" in answers[-1][1]
    assert baton.get("/livez") == (200, "ok\n")
    wait_until(lambda: baton.get("/readyz") == (200, "ok\n"), "the worker to be ready")
