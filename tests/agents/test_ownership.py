"""Ownership of a partition on Apache Kafka: who has opened it last may write, and bad data blocks nobody."""

import json
import time
from collections.abc import Callable, Iterator
from threading import Lock

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from agents.administration import apply_topics
from agents.engine.batch import Folder, Work
from agents.engine.losing import Lost, NotWanted
from agents.engine.opening import topic_ids
from agents.engine.ownership import Ownership
from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.table import MemoryStore, Store
from agents.kafka import client_config, producer_config, reader_config
from agents.settings import Settings
from schemas.loader import load_agreement
from streams import topics
from streams.terms import Versions
from tests.engines import fresh_topics, headers_of, read, wait_until
from tests.services import Kafka

pytestmark = pytest.mark.kafka

AGREEMENT = """
agreement: small
version: 1
effective: 2026-01-01T00:00:00Z
parties: {marketing: {}, sales: {}}
funnel: {stages: [{id: visitor, enters: {type: touchpoint}}]}
"""
PARTITIONS = 1
MakeOwnership = Callable[..., Ownership]


class Books:
    """Notes what was committed."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    def committed(self, _partition: int, work: Work, _seconds: float) -> None:
        self.works.append(work)


@pytest.fixture
def servers(kafka: Kafka) -> str:
    fresh_topics(kafka.servers, PARTITIONS)
    return kafka.servers


@pytest.fixture
def ownership(servers: str) -> Iterator[MakeOwnership]:
    settings = Settings(kafka_servers=servers)
    versions = Versions([load_agreement(AGREEMENT, "small.yaml")])
    made: list[Ownership] = []

    def make(store: Store | None = None, lock: "Lock | None" = None) -> Ownership:
        kept = store or MemoryStore()
        made.append(
            Ownership(
                0,
                f"owners-{servers}-0",
                producer_config(settings),
                reader_config(settings, "owners-reader"),
                versions,
                Folder(0, PARTITIONS, versions),
                lambda: kept,
                topic_ids(client_config(settings)),
                Books(),
                15.0,
                lock or Lock(),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.let_go()


def record(offset: int, lead: str, ident: str, url: str = "/") -> Record:
    """A page view of a lead, as fetched."""
    event = {
        "specversion": "1.0",
        "id": ident,
        "source": "/test",
        "type": "baton.touchpoint.v1",
        "subject": lead,
        "time": "2026-03-01T10:00:00Z",
        "data": {"kind": "page_view", "party": "lead", "url": url},
    }
    now_ms = time.time_ns() // 1_000_000
    return Record(topics.TOUCHPOINTS, 0, offset, now_ms, LOG_APPEND_TIME, lead.encode(), json.dumps(event).encode())


def positions(offset: int) -> dict[str, int]:
    return dict.fromkeys(topics.INPUTS, 0) | {topics.TOUCHPOINTS: offset}


def leads(servers: str) -> set[bytes]:
    return {row.key() or b"" for row in read(servers, topics.CHANGELOG, 1) if b"\x00" not in (row.key() or b"\x00")}


def always() -> bool:
    return True


def test_a_zombie_writes_nothing(servers: str, ownership: MakeOwnership):
    """Who was overtaken cannot commit: its transaction fails as fenced, and no reader sees anything of it."""
    zombie, heir = ownership(), ownership()
    zombie.open(always)
    zombie.commit_all([record(0, "a", "1")], positions(1))
    heir.open(always)
    with pytest.raises(Lost) as lost:
        zombie.commit_all([record(1, "b", "2")], positions(2))
    assert lost.value.fenced
    heir.commit_all([record(1, "c", "3")], positions(2))
    assert leads(servers) == {b"a", b"c"}


def test_an_heir_continues_where_the_last_commit_was(ownership: MakeOwnership):
    """Opening reads everything that was committed, and the positions with it."""
    first, heir = ownership(), ownership()
    first.open(always)
    first.commit_all([record(offset, f"lead-{offset}", str(offset)) for offset in range(50)], positions(50))
    heir.open(always)
    assert heir.positions == positions(50)
    assert heir.counts == first.counts
    assert heir.counts["leads", "", "(none)"] == 50


def test_a_topic_made_anew_is_read_from_its_start(servers: str, ownership: MakeOwnership):
    """An input topic deleted and made again under its name is another one; the rest goes on where it was."""
    first = ownership()
    first.open(always)
    first.commit_all([record(0, "a", "1")], positions(1) | {topics.LEADS: 5})
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_topics([topics.TOUCHPOINTS])[topics.TOUCHPOINTS].result(30)
    wait_until(lambda: topics.TOUCHPOINTS not in admin.list_topics(timeout=10).topics, "the topic to be gone")
    apply_topics(Settings(kafka_servers=servers, partitions=PARTITIONS))
    heir = ownership()
    heir.open(always)
    assert heir.positions == positions(0) | {topics.LEADS: 5}


def test_opening_stops_when_the_partition_is_no_longer_wanted(ownership: MakeOwnership):
    """A rebalance during a long opening ends it."""
    with pytest.raises(NotWanted):
        ownership().open(lambda: False)


def test_a_store_of_another_changelog_is_wiped(servers: str, ownership: MakeOwnership):
    """A changelog that was deleted and made again under its name leaves nothing of the old one behind."""
    store = MemoryStore()
    first = ownership(store)
    first.open(always)
    first.commit_all([record(0, "old", "1")], positions(1))
    first.let_go()
    fresh_topics(servers, PARTITIONS)
    again = ownership(store)
    again.open(always)
    assert store.get(b"old") is None
    assert again.counts == {}


def test_what_the_broker_refuses_is_quarantined_alone(servers: str, ownership: MakeOwnership):
    """One record too large for the changelog is told as `cannot_fold`; those around it are folded."""
    resource = ConfigResource(ResourceType.TOPIC, topics.CHANGELOG, set_config={"max.message.bytes": "3000"})
    admin = AdminClient({"bootstrap.servers": servers})
    for changed in admin.alter_configs([resource]).values():
        changed.result(10)
    owner = ownership()
    records = [record(offset, f"lead-{offset}", str(offset)) for offset in range(7)]
    records[4] = record(4, "lead-4", "4", url="/" + "x" * 4000)
    owner.open(always)
    while (at := owner.positions[topics.TOUCHPOINTS]) < len(records):
        try:
            owner.commit_all(records[at:], positions(7))
        except Lost:  # the run of a partition does the same
            owner.open(always)
    assert leads(servers) == {f"lead-{number}".encode() for number in range(7)} - {b"lead-4"}
    [refused] = read(servers, topics.QUARANTINE, 1)
    assert headers_of(refused)["baton_reason"] == b"cannot_fold"
    assert headers_of(refused)["baton_offset"] == b"4"
    assert refused.value() == records[4].value
    [row] = [row for row in read(servers, topics.CHANGELOG, 1) if row.key() == b"\x00positions"][-1:]
    assert msgspec.json.decode(row.value() or b"")[topics.TOUCHPOINTS] == 7


def test_nobody_waits_to_say_sums(servers: str, ownership: MakeOwnership):
    """While another partition's sums are on their way, this one commits without its own, and says them later."""
    busy = Lock()
    mine = ownership(lock=busy)
    with busy:
        mine.open(always)
        mine.commit_all([record(0, "a", "1")], positions(1))
        assert leads(servers) == {b"a"}
        assert not list(read(servers, topics.TOTALS, 1))
        assert mine.is_time_to_say()
    mine.commit_all([], positions(1))
    assert len(list(read(servers, topics.TOTALS, 1))) == 1
    assert not mine.is_time_to_say()
