"""From a lead that nobody calls to a webhook's call: engine, Prometheus and Alertmanager, all of them real."""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from agents.embedded import LOOPBACK, Process, free_port
from agents.up.observing import alertmanager_command, configure, prometheus_command
from streams import topics
from tests.engines import PARTITIONS, fresh_topics, publish, wait_until
from tests.observing.programs import need
from tests.receivers import Web, web_server
from tests.services import Broker
from tests.workers import Workers

AGREEMENT = """
agreement: quick
version: 1
effective: 2020-01-01T00:00:00Z
parties: {marketing: {}, sales: {responsible: ana}}
funnel: {stages: [{id: mql, enters: {type: lead, status: mql}}]}
clauses:
- {id: first-response, owed_by: sales, kind: response, starts: {stage: mql}, within: 5s,
   met_by: {type: touchpoint, party: sales, kind: call}}
"""
WITHIN = timedelta(seconds=5)
VERDICT = 'baton_clock_verdicts_total{clause="first-response",verdict="%s"}'
QUICK = {
    "prometheus/prometheus.yml": {
        "scrape_interval: 15s": "scrape_interval: 1s",
        "scrape_timeout: 10s": "scrape_timeout: 1s",
        "evaluation_interval: 15s": "evaluation_interval: 1s",
    },
    "alertmanager/alertmanager.yml": {"group_wait: 10s": "group_wait: 1s"},
}
"""What the test changes of the shipped configuration, beside addresses; the rules and the routes are the same."""


@dataclass
class Stack:
    """All that runs."""

    servers: str
    prometheus: str
    web: Web

    def send(self, lead: str, what: str, at: datetime, /, **data: str) -> None:
        """Publish an event."""
        event = {
            "specversion": "1.0",
            "id": f"{what}-{lead}",
            "source": "/test",
            "type": f"baton.{what}.v1",
            "subject": lead,
            "time": at.isoformat(),
            "data": data,
        }
        topic = topics.LEADS if what == "lead" else topics.TOUCHPOINTS
        publish(self.servers, [(topic, lead.encode(), json.dumps(event).encode())])

    def ask(self, path: str) -> dict:
        """What Prometheus answers."""
        with urllib.request.urlopen(f"http://{self.prometheus}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        """A query's only value; None where there is none."""
        found = self.ask(f"query?query={quote(query)}")["result"]
        return float(found[0]["value"][1]) if found else None

    def judged_after(self, instant: datetime) -> bool:
        """Whether the rules have been evaluated after the instant, all but those that are so seldom."""
        groups = [group for group in self.ask("rules")["groups"] if group["interval"] == 1]
        return all(datetime.fromisoformat(group["lastEvaluation"]) > instant for group in groups)

    def is_scraped_after(self, instant: datetime) -> bool:
        """Whether Prometheus has a sample of the engine's from after the instant."""
        return (self.value(f"min(timestamp({VERDICT % 'met'}))") or 0) > instant.timestamp()


@pytest.fixture
def stack(broker: Broker, tmp_path: Path) -> Iterator[Stack]:
    programs = need("prometheus"), need("prometheus-alertmanager", "alertmanager")
    fresh_topics(broker.servers)
    (tmp_path / "quick.yaml").write_text(AGREEMENT)
    port = free_port()
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_REDIS_URL": "",
        "BATON_AGREEMENT": str(tmp_path / "quick.yaml"),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": str(port),
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"baton-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    with web_server() as web:
        watching, telling = f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{free_port()}"
        configure(tmp_path, [f"{LOOPBACK}:{port}"], telling)
        make_quick(tmp_path, web)
        processes = [
            Process(
                "Alertmanager", alertmanager_command(programs[1], tmp_path, telling), tmp_path / "alertmanager.log"
            ),
            Process("Prometheus", prometheus_command(programs[0], tmp_path, watching), tmp_path / "prometheus.log"),
        ]
        try:
            workers.start(0)
            for process in processes:
                process.start()
            made = Stack(broker.servers, watching, web)
            wait_until(lambda: answers(made), "Prometheus to scrape an engine that has every partition")
            yield made
        finally:
            for process in processes:
                process.stop()
            workers.end_all()


def make_quick(directory: Path, web: Web) -> None:
    """Change the configuration in the directory so that it is quick, and tells this test's web server."""
    here = f"http://{LOOPBACK}:{web.port}"
    for name, changes in QUICK.items():
        text = (directory / name).read_text()
        for before, after in {**changes, "http://hooks.example": here}.items():
            assert (before in text) or before.startswith("http"), f"{name} has no {before!r} any more"
            text = text.replace(before, after)
        (directory / name).write_text(text)
    secrets = directory / "alertmanager" / "secrets"
    (secrets / "webhook-token").write_text("hush")
    for team in ("operations", "sales", "marketing", "teams"):
        (secrets / f"slack-{team}").write_text(f"{here}/slack/{team}")


def answers(stack: Stack) -> bool:
    try:
        return stack.value("sum(baton_partitions_open)") == PARTITIONS and stack.value(VERDICT % "breached") == 0
    except OSError:
        return False


def test_a_lead_that_nobody_calls_is_told_and_one_that_was_called_is_not(stack: Stack, capsys):
    """A clock's breach reaches the party's webhook and channel, and nobody else's; an answer in time reaches nobody."""
    called_at = datetime.now(UTC)
    stack.send("called", "lead", called_at, status="mql")
    stack.send("called", "touchpoint", called_at + timedelta(seconds=1), kind="call", party="sales")
    wait_until(lambda: stack.value(VERDICT % "met") == 1, "the answer to be counted")
    well_after = called_at + WITHIN + timedelta(seconds=3)
    wait_until(lambda: stack.is_scraped_after(well_after), "a sample from after the clock would have been due")
    scraped = datetime.now(UTC)
    wait_until(lambda: stack.judged_after(scraped), "the rules to be evaluated on it")
    wait_until(lambda: stack.value(VERDICT % "breached") == 0, "a scrape in time, without a breach")
    assert stack.web.posts == []

    due = datetime.now(UTC) + WITHIN
    stack.send("ignored", "lead", due - WITHIN, status="mql")
    wait_until(lambda: stack.web.taken("sales"), "the webhook to be called")
    with capsys.disabled():
        sys.stdout.write(f"\nfrom the clock's due time to the webhook's call: {time.time() - due.timestamp():.1f} s\n")
    wait_until(lambda: stack.web.taken("slack/sales"), "the channel to be told")

    [post] = stack.web.taken("sales")
    assert post.headers["Authorization"] == "Bearer hush"
    [alert] = post.said["alerts"]
    assert alert["status"] == "firing"
    assert alert["labels"] == {
        "alertname": "BatonClockBreached",
        "clause": "first-response",
        "owed_by": "sales",
        "severity": "warning",
        "component": "agreement",
    }
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/BatonClockBreached.md"
    [message] = stack.web.taken("slack/sales")
    [attachment] = message.said["attachments"]
    assert attachment["title"] == "sales did not keep first-response"
    assert "1 of its clocks were breached" in attachment["text"]
    assert {post.path for post in stack.web.posts} == {"/sales", "/slack/sales"}
