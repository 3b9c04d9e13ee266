"""Clocks in a running engine: time passes with no traffic, and an outage makes no false breach (DESIGN §5.9, §5.10)."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import confluent_kafka as ck
import pytest

from streams import topics
from streams.partitioning import partition_of
from tests.engines import PARTITIONS, caught_up, fresh_topics, publish, read, wait_until
from tests.receivers import web_server
from tests.services import Broker
from tests.workers import Workers

AGREEMENT = """
agreement: quick
version: 1
effective: 2020-01-01T00:00:00Z
parties: {marketing: {}, sales: {responsible: ana}}
funnel: {stages: [{id: mql, enters: {type: lead, status: mql}}]}
clauses:
- {id: answer, owed_by: sales, kind: response, starts: {stage: mql}, within: 8s,
   met_by: {type: touchpoint, party: sales, kind: call}}
"""
WITHIN = timedelta(seconds=8)
LONG_PAST = WITHIN + timedelta(seconds=4)
TOLD = """
notifications:
  group: 0s
  targets: {alerts: {secret: ALERTS}}
  routes: [{change: [warned, breached], to: alerts}]
"""


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    fresh_topics(broker.servers)
    agreement = tmp_path / "quick.yaml"
    agreement.write_text(AGREEMENT)
    made = Workers(
        tmp_path,
        {
            "BATON_KAFKA_SERVERS": broker.servers,
            "BATON_REDIS_URL": "",
            "BATON_AGREEMENT": str(agreement),
            "BATON_PARTITIONS": str(PARTITIONS),
            "BATON_METRICS_PORT": "0",
            "BATON_SESSION_TIMEOUT_S": "3",
            "BATON_REBALANCE_TIMEOUT_S": "3",
            "BATON_APP": f"baton-{tmp_path.name}",
        },
    )
    yield made
    made.end_all()


def event(kind: str, at: datetime, data: dict[str, object], lead: str = "ana") -> tuple[str, bytes, bytes]:
    """The topic, the value and the key of an event."""
    said = {
        "specversion": "1.0",
        "id": kind,
        "source": "/test",
        "type": f"baton.{kind}.v1",
        "subject": lead,
        "time": at.isoformat(),
        "data": data,
    }
    return topics.TOPIC_OF[f"baton.{kind}.v1"], json.dumps(said).encode(), lead.encode()


def send(broker: Broker, kind: str, at: datetime, data: dict[str, object], lead: str = "ana") -> None:
    """Publish an event."""
    topic, value, key = event(kind, at, data, lead)
    publish(broker.servers, [(topic, key, value)])


def mql(broker: Broker, at: datetime, lead: str = "ana") -> None:
    send(broker, "lead", at, {"status": "mql"}, lead)


def call(broker: Broker, at: datetime, lead: str = "ana") -> None:
    send(broker, "touchpoint", at, {"kind": "call", "party": "sales"}, lead)


def said(broker: Broker) -> list[tuple[str, int, bool]]:
    """What was said of clocks, in order: change, revision, whether it holds."""
    found = [json.loads(record.value())["data"] for record in read(broker.servers, topics.CLOCKS, PARTITIONS)]
    return [(data["change"], data["revision"], data["holds"]) for data in found]


def verdicts(broker: Broker) -> dict[str, str]:
    """What holds of each lead's clock, if that is over."""
    found = [json.loads(record.value())["data"] for record in read(broker.servers, topics.CLOCKS, PARTITIONS)]
    last = {(data["fact"]["lead"], data["change"]): data["holds"] for data in found}
    return {lead: change for (lead, change), holds in last.items() if holds and change != "started"}


def done(workers: Workers) -> bool:
    return caught_up(workers.settings["BATON_KAFKA_SERVERS"], workers.settings["BATON_APP"])


def opened(broker: Broker, workers: Workers) -> datetime:
    """Start a worker; when it has its partitions open, what time it is."""
    somebody = {partition_of(name.encode(), PARTITIONS): name for name in map("somebody-{}".format, range(30))}
    assert len(somebody) == PARTITIONS, "a lead for each partition"
    for name in somebody.values():
        send(broker, "lead", datetime.now(UTC), {"status": None}, lead=name)
    workers.start(0)
    wait_until(lambda: done(workers), "the worker to have its partitions open")
    return datetime.now(UTC)


def test_a_breach_is_said_with_no_traffic_and_corrected_by_late_evidence(broker: Broker, workers: Workers):
    """Nothing comes in, and the breach is said; an answer that turns out to have been in time takes it back."""
    began = opened(broker, workers)
    mql(broker, began)
    wait_until(lambda: ("breached", 1, True) in said(broker), "the breach")
    call(broker, began + WITHIN / 2)
    wait_until(lambda: ("met", 1, True) in said(broker), "the correction")
    assert said(broker) == [("started", 1, True), ("breached", 1, True), ("met", 1, True), ("breached", 2, False)]


def test_an_outage_makes_no_false_breach(broker: Broker, workers: Workers):
    """The answer waited on its topic while no worker ran, until long after it was due: it is met, and was always."""
    began = opened(broker, workers)
    mql(broker, began)
    wait_until(lambda: said(broker) == [("started", 1, True)], "the start")
    workers.end(0, signal.SIGKILL)
    call(broker, began + WITHIN / 2)
    wait_until(lambda: datetime.now(UTC) > began + LONG_PAST, "the due time to be long past")
    workers.start(0)
    wait_until(lambda: done(workers) and len(said(broker)) > 1, "the answer")
    assert said(broker) == [("started", 1, True), ("met", 1, True)]


def test_an_answer_in_an_open_transaction_makes_no_false_breach(broker: Broker, workers: Workers):
    """A publisher's transaction holds the answer until long after it was due: nothing is said before it is known."""
    settings = {"bootstrap.servers": broker.servers, "partitioner": "murmur2_random"}
    publisher = ck.Producer(settings | {"transactional.id": f"publisher-{datetime.now(UTC)}"})
    publisher.init_transactions(30)
    began = opened(broker, workers)
    mql(broker, began)
    wait_until(lambda: said(broker) == [("started", 1, True)], "the start")
    publisher.begin_transaction()
    publisher.produce(*event("touchpoint", began + WITHIN / 2, {"kind": "call", "party": "sales"}))
    assert publisher.flush(30) == 0
    wait_until(lambda: datetime.now(UTC) > began + LONG_PAST, "the due time to be long past")
    publisher.commit_transaction(30)
    wait_until(lambda: done(workers) and len(said(broker)) > 1, "the answer")
    assert said(broker) == [("started", 1, True), ("met", 1, True)]


def test_a_backfill_gives_the_verdicts_of_then_and_tells_nobody(broker: Broker, workers: Workers):
    """Last year's answers and silences are judged as of last year; only what is overdue today reaches people."""
    with web_server() as web:
        (workers.directory / "quick.yaml").write_text(AGREEMENT + TOLD)
        workers.settings |= {"ALERTS": web.url("alerts"), "BATON_OVERDUE_WAIT_S": "1"}
        then = opened(broker, workers) - timedelta(days=365)
        for lead in ("prompt", "late"):  # the answers are there before what they answer
            call(broker, then + (WITHIN / 2 if lead == "prompt" else WITHIN * 2), lead)
        for lead in ("prompt", "late", "never"):
            mql(broker, then, lead)
        expected = {"prompt": "met", "late": "breached", "never": "breached"}
        wait_until(lambda: verdicts(broker) == expected, "the verdicts of last year")
        mql(broker, datetime.now(UTC), "today")
        wait_until(lambda: web.taken("alerts"), "the breach of today to be told")
        assert verdicts(broker) == expected | {"today": "breached"}
        assert ["today" in f"{post.said['title']} {post.said['message']}" for post in web.taken("alerts")] == [True]
