"""The engine on both brokers: what goes in comes out, once, and what cannot be read is told."""

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import confluent_kafka as ck
import msgspec
import pytest

from agents.agreements import read_agreements
from agents.engine.refolding import AGREEMENT, REFOLDING, read_versions
from agents.settings import Settings
from agents.versions import publish_versions
from streams import topics
from streams.partitioning import partition_of
from tests.chaos.check import Findings, check
from tests.chaos.files import differing_files
from tests.chaos.log import Line, make_log
from tests.engines import (
    PARTITIONS,
    StillWaitingError,
    caught_up,
    fresh_topics,
    headers_of,
    producer,
    publish,
    read,
    wait_until,
)
from tests.services import ON_KAFKA_ONLY, ROOT, Broker
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
NOW = datetime.now(UTC)
SLOW_REFOLDING = """
import time
import agents.engine.refolding as refolding
def slowly(*words, again=refolding._again):
    time.sleep(0.05)
    return again(*words)
refolding._again, refolding.AT_ONCE = slowly, 1
"""
"""A worker's prelude: it is long at folding leads again, and keeps each by itself."""


@pytest.fixture
def agreement(tmp_path: Path) -> Path:
    """The company's agreement, with nothing too late: a test's months pass in seconds."""
    path = tmp_path / "agreement.yaml"
    path.write_text(ACME.read_text().replace("lateness: 90d", "lateness: 3650d"))
    return path


@pytest.fixture
def workers(broker: Broker, agreement: Path, tmp_path: Path) -> Iterator[Workers]:
    """No worker yet, on empty topics."""
    fresh_topics(broker.servers)
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_OVERDUE_WAIT_S": "1",
        "BATON_APP": f"baton-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    yield workers
    workers.end_all()


def event(ident: str, subject: str, kind: str, data: dict[str, object], **attributes: object) -> dict[str, object]:
    """A structured event."""
    return {
        "specversion": "1.0",
        "id": ident,
        "source": "/test",
        "type": f"baton.{kind}.v1",
        "subject": subject,
        "time": (NOW - timedelta(days=1)).isoformat(),
        "data": data,
    } | attributes


def touch(ident: str, subject: str, **attributes: object) -> dict[str, object]:
    """A page view."""
    return event(ident, subject, "touchpoint", {"kind": "page_view", "party": "lead"}, **attributes)


def done(workers: Workers) -> bool:
    """Whether all is committed; a worker that ended is started again."""
    workers.tend()
    return caught_up(workers.settings["BATON_KAFKA_SERVERS"], workers.settings["BATON_APP"])


def send(servers: str, log: list[Line], partitioner: str = "murmur2_random") -> None:
    """Publish lines."""
    sender = producer(servers, partitioner)
    for line in log:
        sender.produce(line.topic, line.value, line.key)
    assert sender.flush(60) == 0


def assert_promise(broker: Broker, log: list[Line], *agreements: Path) -> None:
    """Nothing lost, nothing twice, once it was said of all that is overdue that it is."""
    by, found = read_agreements(agreements), [Findings()]

    def holds() -> bool:
        found.append(check(broker.servers, PARTITIONS, log, by))
        return not found[-1].lines

    with suppress(StillWaitingError):  # then the findings say more
        wait_until(holds, "all to be said", 30)
    assert found[-1].lines == []
    assert found[-1].facts > 0


def test_a_worker_that_is_stopped_and_started_loses_and_repeats_nothing(
    broker: Broker, workers: Workers, agreement: Path
):
    """A disordered log with repeats, a worker stopped in the middle and started again: all is there, once."""
    log = make_log(5, 400)
    workers.start(0)
    send(broker.servers, log[: len(log) // 2])
    wait_until(lambda: any(read(broker.servers, topics.STAGES)), "the first facts")
    workers.end(0, signal.SIGTERM)
    send(broker.servers, log[len(log) // 2 :])
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    assert_promise(broker, log, agreement)


def test_a_record_on_a_partition_of_another_partitioner_is_passed_on(broker: Broker, workers: Workers, agreement: Path):
    """Records spread by librdkafka's own partitioner end on their key's partition, with nothing lost or doubled."""
    log = make_log(6, 150)
    send(broker.servers, log, partitioner="consistent_random")
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    assert any(read(broker.servers, topics.ROUTED))
    rows = [row for row in read(broker.servers, topics.CHANGELOG) if b"\x00" not in (row.key() or b"\x00")]
    assert {(partition_of(row.key() or b"", PARTITIONS), row.partition()) for row in rows} == {
        (partition, partition) for partition in range(PARTITIONS)
    }
    assert_promise(broker, log, agreement)


def poison() -> dict[str, tuple[str, bytes | None, bytes | None, str]]:
    """What must be quarantined, by name: topic, key, value and the reason."""

    def broken(change: dict[str, object]) -> bytes:
        return json.dumps(touch("p", "lead-1") | change).encode()

    ahead = (NOW + timedelta(days=3)).isoformat()
    data = {"kind": "page_view", "party": "lead"}
    at, key = topics.TOUCHPOINTS, b"lead-1"
    huge = json.dumps({"status": None, "profile": {"note": "x" * 900_000}})
    return {
        "not JSON": (at, key, b"{not json", "not_json"),
        "no value": (at, key, None, "no_value"),
        "an array": (at, key, b"[]", "not_an_event"),
        "unknown type": (at, key, broken({"type": "other.v1"}), "unknown_type"),
        "reserved type": (at, key, broken({"type": "baton.merge.v1"}), "reserved_type"),
        "wrong topic": (topics.DEALS, key, broken({}), "wrong_topic"),
        "missing field": (at, key, broken({"data": {"kind": "page_view"}}), "missing_field"),
        "near the broker's limit": (
            topics.LEADS,
            key,
            json.dumps(event("p", "lead-1", "lead", json.loads(huge))).encode(),
            "invalid_field",
        ),
        "no key": (at, None, broken({}), "no_key"),
        "another key": (at, b"lead-2", broken({}), "key_mismatch"),
        "no offset": (at, key, broken({"time": "2026-01-01T00:00:00"}), "invalid_field"),
        "year 9999": (at, key, broken({"time": "9999-01-01T00:00:00Z"}), "invalid_field"),
        "year 0001": (at, key, broken({"time": "0001-01-01T00:00:00Z"}), "invalid_field"),
        "invalid UTF-8": (at, key, b'{"id": "\xff\xfe"}', "not_utf8"),
        "deep nesting": (at, key, b"[" * 100_000, "too_deep"),
        "NaN": (at, key, broken({"data": data | {"duration_s": float("nan")}}), "not_json"),
        "a huge number": (at, key, broken({}).replace(b'"lead"}', b'"lead", "duration_s": 1e999}'), "not_json"),
        "the future": (at, key, broken({"time": ahead}), "from_the_future"),
    }


def test_poison_is_quarantined_with_its_reason_and_place_and_blocks_nothing(broker: Broker, workers: Workers):
    """Each bad record is found in the quarantine, as it came; the good ones around it are folded."""
    bad = poison()
    records = []
    for number, (topic, key, value, _) in enumerate(bad.values()):
        good = touch(f"good-{number}", f"lead-{number}")
        records += [(topics.TOUCHPOINTS, f"lead-{number}".encode(), json.dumps(good).encode()), (topic, key, value)]
    publish(broker.servers, records)
    publish(broker.servers, [(topics.TOUCHPOINTS, b"lead-1", b"{}")], ce_id=b"x", ce_specversion=b"1.0")
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    found = list(read(broker.servers, topics.QUARANTINE))
    reasons = Counter(headers_of(record)["baton_reason"].decode() for record in found)
    assert reasons == Counter([reason for *_, reason in bad.values()] + ["missing_header"])
    assert {record.value() for record in found} >= {value for _, _, value, _ in bad.values()}
    for record in found:
        headers = headers_of(record)
        assert headers["baton_topic"].decode() in topics.INPUTS
        assert headers["baton_partition"].isdigit()
        assert headers["baton_offset"].isdigit()
    leads = {row.key() for row in read(broker.servers, topics.CHANGELOG) if b"\x00" not in (row.key() or b"\x00")}
    assert leads == {f"lead-{number}".encode() for number in range(len(bad))}


def test_an_unknown_field_costs_nothing(broker: Broker, workers: Workers):
    """A CRM that adds a field loses no event by it."""
    extended = touch("e1", "lead-1")
    extended["data"] = {"kind": "page_view", "party": "lead", "new_field": {"of": ["the", "crm"]}}
    publish(broker.servers, [(topics.TOUCHPOINTS, b"lead-1", json.dumps(extended).encode())])
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    assert not any(read(broker.servers, topics.QUARANTINE))
    facts = [msgspec.json.decode(record.value() or b"") for record in read(broker.servers, topics.STAGES)]
    assert [fact["data"]["stage"] for fact in facts] == ["visitor"]


@ON_KAFKA_ONLY
@pytest.mark.parametrize("disk", ["kept", "deleted"])
def test_a_rocksdb_store_may_be_kept_or_lost(broker: Broker, workers: Workers, agreement: Path, disk: str):
    """A worker killed goes on from its disk, and from the changelog alone if the disk is gone."""
    workers.settings["BATON_STORE"] = "rocksdb"
    log = make_log(7, 200)
    workers.start(0)
    send(broker.servers, log[: len(log) // 2])
    wait_until(lambda: done(workers), "the first half to be committed")
    workers.end(0, signal.SIGKILL)
    if disk == "deleted":
        for path in sorted((workers.directory / "state-0").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    send(broker.servers, log[len(log) // 2 :])
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    assert_promise(broker, log, agreement)


def version(agreement: Path, number: int, effective: str) -> Path:
    """Another version, by which leads qualify otherwise and sales has less time, as a file beside the first one."""
    text = agreement.read_text().replace("score: {at_least: 50}", "score: {at_least: 70}")
    text = text.replace("version: 1", f"version: {number}").replace("within: 4h", "within: 2h")
    path = agreement.with_name(f"version-{number}.yaml")
    path.write_text(re.sub(r"(?m)^effective: .*$", f"effective: {effective}", text))
    return path


def publish_version(broker: Broker, path: Path) -> None:
    """As `baton agreement publish` does."""
    publish_versions(Settings(kafka_servers=broker.servers, partitions=PARTITIONS), read_agreements([path]))


def rows(broker: Broker, name: bytes) -> dict[int, bytes]:
    """The last row of that name in each partition."""
    found = [record for record in read(broker.servers, topics.CHANGELOG) if record.key() == name]
    return {record.partition() or 0: record.value() or b"" for record in found}


def settled(broker: Broker, numbers: list[int]) -> bool:
    """Whether every partition is folded by these versions, and no lead by others."""
    by = {number: [one.version for one in read_versions(row).all] for number, row in rows(broker, AGREEMENT).items()}
    return by == dict.fromkeys(range(PARTITIONS), numbers) and not any(rows(broker, REFOLDING).values())


def said(broker: Broker) -> int:
    """How many facts were said."""
    return sum(1 for topic in (topics.STAGES, topics.CLOCKS) for _ in read(broker.servers, topic))


@ON_KAFKA_ONLY
def test_a_new_version_at_the_next_start_folds_every_lead_again(broker: Broker, workers: Workers, agreement: Path):
    """A worker that starts with another version says what it changes, and its table is as if both had always been."""
    log = make_log(8, 150)
    send(broker.servers, log)
    workers.start(0)
    wait_until(lambda: done(workers), "all to be committed")
    workers.end(0)
    before = sum(1 for _ in read(broker.servers, topics.STAGES))
    later = version(agreement, 2, "2026-03-01T00:00:00-03:00")
    workers.settings["BATON_AGREEMENT"] = str(later)
    workers.start(0)
    wait_until(lambda: sum(1 for _ in read(broker.servers, topics.STAGES)) > before, "corrections")
    publish(broker.servers, [(topics.SPEND, b"social", json.dumps(spend()).encode())])
    wait_until(lambda: done(workers), "the next event to be committed")
    log.append(Line(topics.SPEND, "social", json.dumps(spend()).encode()))
    assert_promise(broker, log, agreement, later)


def test_a_published_version_cannot_be_changed_by_a_start(broker: Broker, workers: Workers, agreement: Path):
    """A worker whose file says otherwise under a published number ends with one line, which says how to mend it."""
    workers.start(0)
    wait_until(lambda: settled(broker, [1]), "the first version to be taken")
    workers.end(0)
    agreement.write_text(agreement.read_text().replace("score: {at_least: 50}", "score: {at_least: 70}"))
    log = workers.directory / "worker-0.log"
    before = len(log.read_text())
    workers.start(0)
    assert workers.processes[0].wait(60) == 2
    (line,) = log.read_text()[before:].splitlines()
    assert line.startswith(f"error: BATON_AGREEMENT ({agreement}): acme version 1 is published with another content")
    assert "raise `version` to 2, and `effective` past 2025-01-01" in line


def test_a_version_that_is_published_is_taken_by_a_running_engine(
    broker: Broker, workers: Workers, agreement: Path, tmp_path: Path
):
    """Leads are folded again from its `effective`; all is said once, and the export is what a replay gives by both."""
    log = make_log(9, 200)
    half = len(log) // 2
    workers.start(0)
    send(broker.servers, log[:half])
    wait_until(lambda: done(workers), "the first half to be committed")
    assert settled(broker, [1])
    later = version(agreement, 2, "2026-03-01T00:00:00-03:00")
    publish_version(broker, later)
    send(broker.servers, log[half:])
    wait_until(lambda: settled(broker, [1, 2]) and done(workers), "the version to be taken and all to be committed")
    assert_promise(broker, log, agreement, later)
    assert differing_files(tmp_path, workers.settings, log) == []
    lines = (tmp_path / "exported" / "clocks.jsonl").read_bytes().splitlines()
    assert {json.loads(line)["agreement_version"] for line in lines} == {1, 2}


def test_a_version_to_come_changes_nothing_yet(broker: Broker, workers: Workers, agreement: Path):
    """One with an `effective` after all events is taken, and nothing is said."""
    workers.settings["BATON_OVERDUE_WAIT_S"] = "0"
    log = make_log(10, 60)
    workers.start(0)
    send(broker.servers, log)
    wait_until(lambda: done(workers), "all to be committed")
    assert_promise(broker, log, agreement)
    before = said(broker)
    later = version(agreement, 2, "2090-01-01T00:00:00Z")
    publish_version(broker, later)
    wait_until(lambda: settled(broker, [1, 2]), "the version to be taken")
    assert said(broker) == before
    assert_promise(broker, log, agreement, later)


@ON_KAFKA_ONLY
def test_two_workers_take_a_version_each_for_its_partitions(broker: Broker, workers: Workers, agreement: Path):
    """Whoever has a partition folds it again; when one leaves, the other goes on with what was taken."""
    log = make_log(11, 300)
    half = len(log) // 2
    workers.start(0)
    workers.start(1)
    send(broker.servers, log[:half])
    wait_until(lambda: done(workers), "the first half to be committed")
    later = version(agreement, 2, "2026-02-01T00:00:00Z")
    publish_version(broker, later)
    wait_until(lambda: settled(broker, [1, 2]), "the version to be taken")
    workers.leave(1)
    last = version(agreement, 3, "2026-04-01T00:00:00Z")
    publish_version(broker, last)
    send(broker.servers, log[half:])
    wait_until(lambda: settled(broker, [1, 2, 3]) and done(workers), "all to be taken and committed")
    assert_promise(broker, log, agreement, later, last)


@ON_KAFKA_ONLY
def test_a_worker_killed_while_it_takes_a_version_leaves_nothing_half_done(
    broker: Broker, workers: Workers, agreement: Path
):
    """Leads that were folded again before the kill are not told of again; the next worker does the rest."""
    workers.prelude = SLOW_REFOLDING
    log = make_log(12, 400)
    workers.start(0)
    send(broker.servers, log)
    wait_until(lambda: done(workers), "all to be committed")
    with news(broker, topics.CHANGELOG) as come:
        later = version(agreement, 2, "2026-02-01T00:00:00Z")
        publish_version(broker, later)
        wait_until(lambda: any(record.key() == REFOLDING for record in come()), "the folding to begin")
        workers.end(0, signal.SIGKILL)
    assert any(rows(broker, REFOLDING).values())
    workers.prelude = ""
    last = version(agreement, 3, "2026-03-01T00:00:00Z")
    publish_version(broker, last)
    workers.start(0)
    wait_until(lambda: settled(broker, [1, 2, 3]), "the rest to be folded")
    assert_promise(broker, log, agreement, later, last)


@contextmanager
def news(broker: Broker, topic: str) -> Iterator[Callable[[], list[ck.Message]]]:
    """What tells, each time, the records of a topic that have come since."""
    reader = ck.Consumer(
        {
            "bootstrap.servers": broker.servers,
            "group.id": "test-news",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    places = [ck.TopicPartition(topic, number) for number in range(PARTITIONS)]
    reader.assign([ck.TopicPartition(topic, one.partition, reader.get_watermark_offsets(one)[1]) for one in places])
    try:
        yield lambda: [record for record in reader.consume(1_000, 0.02) if record.error() is None]
    finally:
        reader.close()


def spend() -> dict[str, object]:
    """Money spent on a channel."""
    data = {"channel": "social", "amount": "10.00", "currency": "BRL", "from": "2026-01-01", "to": "2026-02-01"}
    return event("s1", "social", "spend", data)
