"""What the transport changes in Faust and aiokafka, each change on Apache Kafka: without it, the test fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient

from streams import topics
from tests.agents.test_engine import touch
from tests.engines import PARTITIONS, caught_up, fresh_topics, publish, read, wait_until
from tests.services import ROOT, Kafka
from tests.workers import Workers

pytestmark = pytest.mark.kafka


@pytest.fixture
def workers(kafka: Kafka, tmp_path: Path) -> Iterator[Workers]:
    fresh_topics(kafka.servers)
    settings = {
        "BATON_KAFKA_SERVERS": kafka.servers,
        "BATON_AGREEMENT": str(ROOT / "deploy" / "agreements" / "acme.yaml"),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"transport-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    yield workers
    workers.end_all()


def assignments(servers: str, group: str) -> list[set[tuple[str, int]]]:
    """What each member of the group was given; nothing while the broker does not know."""
    admin = AdminClient({"bootstrap.servers": servers})
    try:
        described = admin.describe_consumer_groups([group])[group].result(10)
    except ck.KafkaException:  # its coordinator is being loaded
        return []
    return [{(tp.topic, tp.partition) for tp in member.assignment.topic_partitions} for member in described.members]


def test_a_partition_of_every_input_is_on_one_worker(kafka: Kafka, workers: Workers):
    """Partitions are assigned by range, so a lead's topics meet (§8.7)."""
    workers.start(0)
    workers.start(1)
    group = workers.settings["BATON_APP"]
    everything = {(topic, partition) for topic in topics.INPUTS for partition in range(PARTITIONS)}

    def settled() -> bool:
        given = [each & everything for each in assignments(kafka.servers, group)]
        return len(given) == 2 and all(given) and set.union(*given) == everything

    wait_until(settled, "two workers with all partitions")
    for given in assignments(kafka.servers, group):
        partitions = {partition for topic, partition in given if topic in topics.INPUTS}
        assert given & everything == {(topic, partition) for topic in topics.INPUTS for partition in partitions}


def test_what_a_publisher_took_back_is_not_read(kafka: Kafka, workers: Workers):
    """Records of a transaction that was aborted are no events, and their markers leave no lag (§8.3, §8.7)."""
    sender = ck.Producer({"bootstrap.servers": kafka.servers, "transactional.id": "publisher"})
    sender.init_transactions(30)
    for ident, lead, keep in (("1", "taken-back", False), ("2", "kept", True), ("3", "taken-back", False)):
        sender.begin_transaction()
        sender.produce(topics.TOUCHPOINTS, json.dumps(touch(ident, lead)).encode(), lead.encode(), 0)
        sender.flush(30)
        sender.commit_transaction(30) if keep else sender.abort_transaction(30)
    workers.start(0)
    wait_until(lambda: caught_up(kafka.servers, workers.settings["BATON_APP"]), "no lag, past the last marker")
    rows = {row.key() for row in read(kafka.servers, topics.CHANGELOG)}
    assert b"kept" in rows
    assert b"taken-back" not in rows


def test_events_flow_again_after_a_rebalance(kafka: Kafka, workers: Workers):
    """What was being fetched when a second worker came and went is there once."""
    leads = [f"lead-{number}" for number in range(300)]
    workers.start(0)
    publish(kafka.servers, [_page_view(lead, "before") for lead in leads])
    workers.start(1)
    publish(kafka.servers, [_page_view(lead, "during") for lead in leads])
    wait_until(lambda: len(assignments(kafka.servers, workers.settings["BATON_APP"])) == 2, "two members")
    workers.leave(1)
    publish(kafka.servers, [_page_view(lead, "after") for lead in leads])
    wait_until(lambda: caught_up(kafka.servers, workers.settings["BATON_APP"]), "all to be committed")
    assert not any(read(kafka.servers, topics.QUARANTINE))
    said = [json.loads(record.value() or b"") for record in read(kafka.servers, topics.STAGES)]
    assert {fact["subject"] for fact in said} == set(leads)
    assert len({fact["id"] for fact in said}) == len(said)


WAITING = """
import pathlib, time
from agents.cli import running

def run_when_told(worker, run=running.run):
    pathlib.Path("checked").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
    run(worker)

running.run = run_when_told
"""
"""A worker that has found its broker and topics, and waits for a file before it goes on."""


@pytest.fixture
def found_its_broker(workers: Workers, kafka: Kafka) -> Iterator[Workers]:
    """A worker whose broker was killed between its checks and its first connection to the group."""
    workers.prelude = WAITING
    workers.start(0)
    wait_until((workers.directory / "checked").exists, "the worker to have checked")
    kafka.kill()
    (workers.directory / "go").touch()
    wait_until(lambda: "no broker answers; " in told(workers), "the worker to say that it waits")
    yield workers
    workers.end_all()
    kafka.mend()


def told(workers: Workers) -> str:
    return (workers.directory / "worker-0.log").read_text()


def test_a_broker_that_goes_away_while_a_worker_starts_is_waited_for(kafka: Kafka, found_its_broker: Workers):
    """As one that goes away later: nothing ends, and what is published when it is back is folded. Faust would crash."""
    kafka.start()
    publish(kafka.servers, [_page_view("lead", "after")])
    wait_until(lambda: any(read(kafka.servers, topics.STAGES)), "the first fact")
    assert "Traceback" not in told(found_its_broker)
    assert found_its_broker.end(0) == 0


def test_a_worker_that_waits_for_its_broker_ends_when_told(found_its_broker: Workers):
    """SIGTERM ends the wait at once, in order."""
    assert found_its_broker.end(0) == 0
    assert "Traceback" not in told(found_its_broker)


def _page_view(lead: str, when: str) -> tuple[str, bytes, bytes]:
    return topics.TOUCHPOINTS, lead.encode(), json.dumps(touch(f"{lead}-{when}", lead)).encode()
