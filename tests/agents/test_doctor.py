"""The doctor: every hop has its line, and the one that holds events up is the one that fails."""

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import confluent_kafka as ck
import pytest
from typer.testing import CliRunner

from agents.administration import apply_topics
from agents.agreements import read_agreements
from agents.doctor import examine
from agents.settings import Settings
from agents.versions import publish_versions
from streams import topics
from tests.command_line import app
from tests.services import ROOT

INPUTS = ("TOUCHPOINTS", "LEADS", "DEALS", "SPEND", "ROUTED")
ACME = ROOT / "deploy" / "agreements" / "acme.yaml"


@pytest.fixture
def own(prefix, monkeypatch):
    """Topics that no other test has; gives what makes the settings for a broker."""
    named = tuple(replace(topic, name=prefix + topic.name) for topic in topics.ALL)
    for constant in (*INPUTS, "QUARANTINE", "AGREEMENTS"):
        monkeypatch.setattr(topics, constant, prefix + getattr(topics, constant))
    monkeypatch.setattr(topics, "ALL", named)
    monkeypatch.setattr(topics, "INPUTS", tuple(getattr(topics, constant) for constant in INPUTS))
    return lambda servers, **more: Settings(kafka_servers=servers, partitions=2, app=f"{prefix}app", **more)


@pytest.fixture
def nowhere(own, monkeypatch):
    """Settings for a broker that is not there, which is found out at once."""
    monkeypatch.setattr("agents.administration.CONNECT_MS", 300)
    return partial(own, "127.0.0.1:9")


@pytest.fixture
def small(own, tansu):
    """Settings for Tansu, with the topics made."""
    settings = own(tansu.servers)
    apply_topics(settings)
    return settings


@pytest.fixture
def large(own, kafka):
    """Settings for Apache Kafka, with the topics made."""
    settings = own(kafka.servers)
    apply_topics(settings)
    return settings


def hops(settings, patience_s=0.5):
    return {hop.name: hop for hop in examine(settings, patience_s)}


def states(settings):
    return {name: hop.state for name, hop in hops(settings).items()}


@contextmanager
def workers(settings, *wanted):
    """Members of the workers' group; when this is entered each has all that it wants (topics)."""
    config = {
        "bootstrap.servers": settings.kafka_servers,
        "group.id": settings.app,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6_000,
        "max.poll.interval.ms": 120_000,
    }
    members = [ck.Consumer(config) for _ in wanted]
    try:
        for member, chosen in zip(members, wanted, strict=True):
            member.subscribe(list(chosen))
        while any(held(member) != set(chosen) for member, chosen in zip(members, wanted, strict=True)):
            for member in members:
                member.poll(0.05)
        yield members[0]
    finally:
        for member in members:
            member.close()


def held(member):
    return {place.topic for place in member.assignment()}


def publish(settings, topic, partition=0, count=1):
    producer = ck.Producer({"bootstrap.servers": settings.kafka_servers})
    for _ in range(count):
        producer.produce(topic, b"{}", b"k", partition=partition)
    assert producer.flush(20) == 0


def commit(consumer, topic, offset, partition=0):
    consumer.commit(offsets=[ck.TopicPartition(topic, partition, offset)], asynchronous=False)


def test_without_a_broker_that_is_what_fails_and_the_rest_waits(nowhere):
    """The first line is the cause; what needs the broker is skipped, not failed for the same reason."""
    found = states(nowhere())
    assert next(iter(found.items())) == ("broker", "fail")
    assert {found[name] for name in ("topics", "engine", "inputs", "events", "quarantine")} == {"skip"}


def test_missing_topics_are_named_with_the_command_that_makes_them(own, tansu):
    """A broker without Baton's topics fails at the topics, and the engine is not blamed."""
    found = hops(own(tansu.servers))
    assert (found["broker"].state, found["topics"].state, found["engine"].state) == ("ok", "fail", "skip")
    assert topics.TOUCHPOINTS in found["topics"].word
    assert "baton topics apply" in found["topics"].word


def test_without_a_worker_the_engine_fails(small):
    """Where topics are right and nobody works, the doctor says how to start a worker."""
    found = hops(small)
    assert (found["topics"].state, found["engine"].state) == ("ok", "fail")
    assert "baton engine" in found["engine"].word


def test_no_event_at_all_is_a_warning(small):
    """A new installation is not broken for having no events."""
    assert hops(small)["events"].state == "warn"


def test_the_newest_events_age_is_told(small):
    """Of events on any input topic the newest counts."""
    publish(small, topics.LEADS, partition=1)
    event = hops(small)["events"]
    assert event.state == "ok"
    assert event.word.endswith(" s ago")


def test_the_quarantine_is_counted(small):
    """Quarantined records are a warning with their number; an empty quarantine is well."""
    assert hops(small)["quarantine"].state == "ok"
    publish(small, topics.QUARANTINE, count=3)
    found = hops(small)["quarantine"]
    assert (found.state, found.word.split()[0]) == ("warn", "3")


def test_a_worker_that_is_up_to_date_is_well(large):
    """With all partitions on a worker and everything committed, no hop fails."""
    with workers(large, topics.INPUTS) as member:
        publish(large, topics.DEALS)
        commit(member, topics.DEALS, 1)
        assert "fail" not in states(large).values()


def test_a_topic_on_which_nothing_is_committed_fails_and_no_other(large):
    """The topic that stands still is named, with its partition and how much is waiting."""
    with workers(large, topics.INPUTS):
        publish(large, topics.LEADS, partition=1, count=5)
        found = hops(large)
    assert found[topics.LEADS].state == "fail"
    assert found[topics.LEADS].word.startswith("5 behind, and nothing committed for 0.5 s on partition 1;")
    assert {found[topic].state for topic in topics.INPUTS if topic != topics.LEADS} == {"ok"}


def test_a_worker_that_catches_up_is_well(large, monkeypatch):
    """Behind is no fault as long as it gets on."""
    with workers(large, topics.INPUTS) as member:
        publish(large, topics.LEADS, count=5)
        clock = SimpleNamespace(
            time=time.time, monotonic=time.monotonic, sleep=lambda _: commit(member, topics.LEADS, 2)
        )
        monkeypatch.setattr("agents.doctor.time", clock)
        found = hops(large, patience_s=60)[topics.LEADS]
    assert (found.state, found.word) == ("ok", "3 behind, and getting on")


def test_a_partition_that_nobody_has_is_named(large):
    """A worker that reads only some of the inputs leaves the others to nobody."""
    with workers(large, [topics.LEADS]):
        found = hops(large)["engine"]
    assert found.state == "fail"
    assert "no worker has partition 0" in found.word
    assert topics.DEALS in found.word


def test_a_partition_that_is_split_between_workers_fails(large):
    """Two workers that each have a part of one partition's topics cannot fold its leads."""
    with workers(large, topics.INPUTS[:2], topics.INPUTS[2:]):
        found = hops(large)["engine"]
    assert (found.state, found.word.split(";")[0]) == ("fail", "partition 0 is split between workers")


def test_redis_is_asked_where_it_is_set(nowhere, redis_server):
    """A Redis that answers is well, one that doesn't fails, and none is skipped."""
    answers = hops(nowhere(redis_url=redis_server.url))["redis"]
    silent = hops(nowhere(redis_url="redis://127.0.0.1:9/0"))["redis"]
    unset = hops(nowhere(redis_url=""))["redis"]
    assert (answers.state, silent.state, unset.state) == ("ok", "fail", "skip")


def test_the_agreement_is_read_where_it_is_set(nowhere, tmp_path):
    """A good agreement is named with its version; a bad one fails with the place of its error."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("agreement: x\nversion: one\n")
    found = hops(nowhere(agreement=ACME))["agreement"]
    assert (found.state, found.word) == ("ok", f"{ACME}: acme version 1")
    refused = hops(nowhere(agreement=bad))["agreement"]
    assert refused.state == "fail"
    assert "version" in refused.word


def test_the_published_versions_are_named_and_held_against_the_file(small, tmp_path):
    """A file that a worker could not start with is a warning; what else is on the topic is named."""
    assert hops(small)["agreement"].state == "warn"
    publish_versions(small, read_agreements([ACME]))
    assert hops(small)["agreement"].word == "published: acme version 1"
    changed = tmp_path / "changed.yaml"
    changed.write_text(ACME.read_text().replace("score: {at_least: 50}", "score: {at_least: 51}"))
    found = hops(small.model_copy(update={"agreement": changed}))["agreement"]
    assert found.state == "warn"
    assert "BATON_AGREEMENT: acme version 1 is published with another content" in found.word
    publish(small, topics.AGREEMENTS)
    assert "at offset 1: cannot be read as a version" in hops(small)["agreement"].word


def test_the_exit_code_and_the_json_say_what_the_lines_say(small, monkeypatch):
    """For scripts: exit code 1 if any hop fails, and with `--json` an object a line."""
    monkeypatch.setenv("BATON_KAFKA_SERVERS", small.kafka_servers)
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    monkeypatch.setenv("BATON_APP", small.app)
    monkeypatch.setattr("agents.doctor.PATIENCE_S", 0.5)
    shown = CliRunner().invoke(app, ["doctor", "--json"])
    told = [json.loads(line) for line in shown.stdout.splitlines()]
    assert shown.exit_code == 1
    assert [hop["name"] for hop in told if hop["state"] == "fail"] == ["engine"]
