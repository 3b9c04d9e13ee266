"""Two workers that come, crash and come back: what they tell together is what a replay says, and is counted once."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.embedded import LOOPBACK, free_port
from streams import topics
from tests.chaos.log import Line, make_log
from tests.engines import PARTITIONS, caught_up, fresh_topics, producer, read, wait_until
from tests.services import ROOT, Kafka
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
BATON = [sys.executable, "-c", "from agents.cli import main; main()"]
MONEY = 10_000
VERDICTS = {"met", "breached", "cancelled"}
GAUGES = {
    "baton_leads": ("stage", "channel"),
    "baton_clocks": ("clause", "state"),
    "baton_revenue_total": ("currency", "channel"),
    "baton_pipeline_amount": ("currency", "stage"),
}


@dataclass
class Told:
    """What one process said when it was last asked: a counter that begins again at 0 is another process's."""

    port: int
    samples: list = field(default_factory=list)

    def ask(self) -> None:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        self.samples = [sample for family in families for sample in family.samples]


@dataclass
class Company:
    """The engine's workers, what was published, and what they tell."""

    servers: str
    folder: Path
    agreement: Path
    app: str
    workers: Workers
    published: list[Line] = field(default_factory=list)
    alive: dict[int, Told] = field(default_factory=dict)
    ended: list[Told] = field(default_factory=list)

    def start(self, number: int) -> None:
        port = free_port()
        self.workers.settings["BATON_METRICS_PORT"] = str(port)
        self.workers.start(number)
        self.alive[number] = Told(port)

    def kill(self, number: int) -> None:
        """SIGKILL; what it had told by then stays counted."""
        self.workers.end(number, signal.SIGKILL)
        self.ended.append(self.alive.pop(number))

    def send(self, log: list[Line]) -> None:
        sender = producer(self.servers)
        for line in log:
            sender.produce(line.topic, line.value, line.key)
        assert sender.flush(60) == 0
        self.published += log

    def ask(self) -> bool:
        """Ask every worker that lives; whether all answered, and all partitions are open."""
        try:
            for told in self.alive.values():
                told.ask()
        except OSError:
            return False
        return self.now("baton_partitions_open") == {(): PARTITIONS} and caught_up(self.servers, self.app)

    def now(self, name: str, *by: str) -> Counter:
        """A gauge, summed over the workers that live, by these labels; without what is 0."""
        return _sums(self.alive.values(), name, by)

    def increase(self, name: str, *by: str) -> Counter:
        """By how much a counter grew since the beginning, in all processes that there were."""
        return _sums([*self.ended, *self.alive.values()], name, by)

    def replayed(self) -> Path:
        """The report of a replay of all that was published, as of now."""
        log, report = self.folder / "published.jsonl", self.folder / "replayed"
        log.write_bytes(b"".join(line.value + b"\n" for line in self.published))
        command = [*BATON, "replay", "--agreement", self.agreement, "--out", report, "--as-of", _now(), log]
        subprocess.run(
            list(map(str, command)),
            check=True,
            capture_output=True,
            timeout=120,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        return report


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _sums(processes: Iterable[Told], name: str, by: tuple[str, ...]) -> Counter:
    found: Counter = Counter()
    for told in processes:
        for sample in told.samples:
            if sample.name == name and sample.value:
                found[tuple(sample.labels[label] for label in by)] += sample.value
    return +found


@pytest.fixture
def company(kafka: Kafka, tmp_path: Path) -> Iterator[Company]:
    fresh_topics(kafka.servers)
    agreement = tmp_path / "agreement.yaml"
    agreement.write_text(ACME.read_text().replace("lateness: 90d", "lateness: 3650d"))
    app = f"baton-{tmp_path.name}"
    settings = {
        "BATON_KAFKA_SERVERS": kafka.servers,
        "BATON_REDIS_URL": "",
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_OVERDUE_WAIT_S": "1",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": app,
    }
    made = Company(kafka.servers, tmp_path, agreement, app, Workers(tmp_path, settings))
    yield made
    made.workers.end_all()


def leads_of(report: Path) -> dict[tuple[str, str], int]:
    """Leads by stage and channel, as a replay counts them; channels that nobody named together."""
    channels = json.loads((report / "funnel.json").read_text())["channels"]
    return {
        (stage, channel): counts["now"]
        for channel, stages in channels.items()
        for stage, counts in stages.items()
        if counts["now"]
    }


def clocks_of(report: Path) -> Counter:
    """Clocks that run, by clause, as a replay has them."""
    rows = map(json.loads, (report / "clocks.jsonl").read_text().splitlines())
    return Counter((row["clause"],) for row in rows if row["state"] == "running")


def revenue_of(report: Path) -> Counter:
    """Revenue by currency, in ten-thousandths, as a replay has it."""
    found: Counter = Counter()
    for line in (report / "leads.jsonl").read_text().splitlines():
        for currency, amount in json.loads(line)["revenue"].items():
            found[(currency,)] += round(float(amount) * MONEY)
    return found


def is_a_replays(company: Company) -> bool:
    """Whether the workers' gauges add up to what a replay says."""
    report = company.replayed()
    running: Counter = Counter()
    for (clause, state), amount in company.now("baton_clocks", "clause", "state").items():
        running[(clause,)] += amount if state != "overdue" else 0
    revenue = {key: round(amount * MONEY) for key, amount in company.now("baton_revenue_total", "currency").items()}
    return (
        company.now("baton_leads", "stage", "channel") == leads_of(report)
        and +running == clocks_of(report)
        and revenue == revenue_of(report)
    )


def said(company: Company, topic: str, *by: str) -> Counter:
    """What a derived topic says for the first time, by these fields."""
    data = (json.loads(record.value() or b"")["data"] for record in read(company.servers, topic))
    return Counter(tuple(one[name] for name in by) for one in data if one["revision"] == 1)


def _are_counted(company: Company) -> bool:
    """Whether as many events are counted as were published: one is counted after it is committed."""
    counters = ("baton_events_total", "baton_event_delay_seconds_count")
    return all(company.increase(name).total() >= len(company.published) for name in counters)


def assert_all_is_told_once(company: Company) -> None:
    """Gauges are a replay's, and every counter grew by what was committed, neither less nor more."""
    wait_until(lambda: company.ask() and _are_counted(company) and is_a_replays(company), "the gauges to be a replay's")
    changes = said(company, topics.CLOCKS, "clause", "change")
    verdicts = {key: times for key, times in changes.items() if key[1] in VERDICTS}
    assert company.increase("baton_events_total") == {(): len(company.published)}
    assert company.increase("baton_stage_entries_total", "stage") == _entered(company)
    assert company.increase("baton_clock_verdicts_total", "clause", "verdict") == verdicts
    assert company.increase("baton_event_delay_seconds_count") == {(): len(company.published)}


def test_metrics_stay_true_through_a_crash_a_rebalance_and_a_recovery(company: Company):
    """However partitions move, each is counted by one worker, and what was counted is never counted again."""
    log = make_log(31, 150)
    first, second, third, fourth = log[::4], log[1::4], log[2::4], log[3::4]
    company.start(0)
    company.start(1)
    wait_until(lambda: company.ask() and all(map(_has_partitions, company.alive.values())), "both to have partitions")
    company.send(first)
    assert_all_is_told_once(company)
    assert all(_sums([told], "baton_leads", ()) for told in company.alive.values()), "both have partitions"

    company.kill(0)
    company.send(second)
    assert_all_is_told_once(company)

    company.start(0)
    company.send(third)
    wait_until(lambda: company.ask() and _has_partitions(company.alive[0]), "the worker to have partitions again")
    assert_all_is_told_once(company)
    before = {name: company.now(name, *by) for name, by in GAUGES.items()}

    company.kill(0)
    company.kill(1)
    company.start(1)
    assert_all_is_told_once(company)
    assert {name: company.now(name, *by) for name, by in GAUGES.items()} == before
    [alone] = company.alive.values()
    assert not _sums([alone], "baton_events_total", ())

    company.start(0)
    wait_until(lambda: company.ask() and _has_partitions(company.alive[0]), "both to have partitions again")
    company.send(fourth)
    wait_until(lambda: _is_counting(company.alive[0]), "the worker to be in the middle of it")
    company.kill(0)
    wait_until(lambda: company.ask() and is_a_replays(company), "the gauges to be a replay's after a crash under load")
    assert company.increase("baton_events_total").total() <= len(company.published)
    assert company.increase("baton_stage_entries_total").total() <= _entered(company).total()


def _is_counting(told: Told) -> bool:
    told.ask()
    return bool(_sums([told], "baton_events_total", ()))


def _entered(company: Company) -> Counter:
    """Entries into stages that were said for the first time, by stage."""
    movements = said(company, topics.STAGES, "stage", "change")
    return Counter({(stage,): times for (stage, change), times in movements.items() if change == "entered"})


def _has_partitions(told: Told) -> bool:
    return bool(_sums([told], "baton_partitions_open", ()))
