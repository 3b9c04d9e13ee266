"""The read model beside a running engine, on both brokers: Redis shows what Kafka says, whatever Redis goes through."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import msgspec
import pytest
import redis

from agents.agreements import read_agreements
from agents.projection import keys
from agents.projection.clocks import open_clocks
from agents.projection.documents import funnel_document, lead_document, read_head
from agents.settings import Settings
from agents.versions import publish_versions
from streams import topics
from streams.funnel import total
from streams.rows import Head, Journey
from streams.terms import Versions
from streams.totals import read_totals, totals_row
from tests.chaos.log import Line, make_log
from tests.engines import PARTITIONS, PATIENCE_S, fresh_topics, producer, wait_until
from tests.services import ROOT, Broker, Redis
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"


AGAIN_S = 3.0


@dataclass
class Baton:
    """A broker with empty topics, an empty Redis, and an engine between them that a test starts."""

    broker: Broker
    redis: Redis
    client: redis.Redis
    workers: Workers
    versions: Versions
    sent: set[bytes] = field(default_factory=set)
    last: list[Line] = field(default_factory=list)
    sent_at: float = 0.0

    @property
    def servers(self) -> str:
        """For clients of Kafka."""
        return self.broker.servers

    def send(self, log: list[Line]) -> None:
        """Publish lines."""
        sender = producer(self.servers)
        for line in log:
            sender.produce(line.topic, line.value, line.key)
        assert sender.flush(60) == 0
        self.sent |= {line.value for line in log}
        self.last, self.sent_at = log[-50:], time.monotonic()

    def rows(self) -> dict[bytes, tuple[int, int, bytes]]:
        """The last row of each lead, with its partition and offset, by the changelog."""
        return {
            row.key() or b"": (row.partition() or 0, row.offset() or 0, row.value() or b"")
            for row in records(self.servers, topics.CHANGELOG)
            if b"\x00" not in (row.key() or b"\x00")
        }

    def journeys(self) -> list[Journey]:
        """What has become of each lead, by the changelog."""
        return [msgspec.msgpack.decode(row, type=Head).journey for _, _, row in self.rows().values()]

    def is_committed(self) -> bool:
        """Whether the engine has folded every event that was published."""
        folded = sum(journey.touches + journey.others + journey.spends for journey in self.journeys())
        assert folded <= len(self.sent)
        return folded == len(self.sent)

    def in_kafka(self) -> dict[str, Any]:
        """The read model as it should be, the funnel by the sums of all leads and not by what partitions said."""
        leads: dict[str, object] = {}
        clocks: dict[str, object] = {}
        for key, (partition, offset, row) in self.rows().items():
            lead, head = key.decode(), read_head(row)
            if head.journey.is_lead:
                leads[lead] = json.loads(lead_document(lead, head, self.versions, partition, offset))
                clocks |= {one.member: json.loads(one.document) for one in open_clocks(lead, head, self.versions)}
        facts: dict[tuple[object, ...], dict] = {}
        for record in records(self.servers, topics.STAGES):
            event = json.loads(record.value() or b"")
            facts[tuple(event["data"]["fact"].values())] = event
        held = [event for event in facts.values() if event["data"]["holds"]]
        newest = sorted((event["data"]["at"] for event in held), reverse=True)[: keys.LATEST_KEPT]
        terms = self.versions.latest
        sums = read_totals(totals_row(0, total(self.journeys(), terms), terms))
        funnel = plain(funnel_document([sums], terms, 0))
        return {"leads": leads, "latest": newest, "funnel": funnel, "clocks": clocks, "breaches": self._breaches()}

    def _breaches(self) -> dict[str, set[str]]:
        """The facts that somebody had a lead when a clock was breached, by who that was."""
        last: dict[tuple[object, ...], dict[str, Any]] = {}
        for record in records(self.servers, topics.CLOCKS):
            data = json.loads(record.value() or b"")["data"]
            if data["change"] == "breached":
                last[tuple(data["fact"].values())] = data
        found: dict[str, set[str]] = {}
        for (lead, kind, number), data in last.items():
            if data["holds"]:
                by = keys.BREACHES_BY + data["owner"] if "owner" in data else keys.BREACHES_NOBODY
                found.setdefault(by, set()).add(f"{kind}#{number} {lead}")
        return found

    def in_redis(self) -> dict[str, Any]:
        """The read model as it is."""
        found = list(self.client.scan_iter(f"{keys.LEAD}*", count=1000))
        documents = self.client.mget(found) if found else []
        there = {key: text for key, text in zip(found, documents, strict=True) if text is not None}
        leads = {key.removeprefix(keys.LEAD): json.loads(text) for key, text in there.items()}
        at_once = self.client.pipeline()  # what is written together is read together
        at_once.zrevrange(keys.LATEST, 0, -1).hgetall(keys.MOVEMENTS)
        at_once.zrange(keys.CLOCKS_OPEN, 0, -1).hgetall(keys.CLOCKS)
        facts, movements, is_open, documents = at_once.execute()
        latest = [json.loads(movements[fact])["data"]["at"] for fact in facts]
        clocks = {member: json.loads(text) for member, text in documents.items()}
        assert set(is_open) == clocks.keys()
        owners = [*self.client.scan_iter(f"{keys.BREACHES_BY}*"), keys.BREACHES_NOBODY]
        breaches = {by: set(found) for by in owners if (found := self.client.zrange(by, 0, -1))}
        funnel = plain(self.client.get(keys.FUNNEL))
        return {"leads": leads, "latest": latest, "funnel": funnel, "clocks": clocks, "breaches": breaches}

    def wait_until_redis_is_right(self) -> None:
        """Return when all that was published is committed, and Redis shows it."""
        wait_until(self.is_committed, "the engine to commit all")
        wait_until(self._is_right, "Redis to show what Kafka says")

    def _is_right(self) -> bool:
        """Whether it does; where not, Tansu is helped to show what was committed (see `agents.up.company`)."""
        if self.in_redis() == self.in_kafka():
            return True
        if not self.broker.fences and time.monotonic() - self.sent_at > AGAIN_S:
            self.send(self.last)
        return False

    def rebuild(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `baton rebuild redis`."""
        return subprocess.run(
            [sys.executable, "-c", "from agents.cli import main; main()", "rebuild", "redis"],
            env={"PYTHONPATH": str(ROOT), **self.workers.settings, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def plain(funnel: str | None) -> dict[str, Any] | None:
    """A funnel, but for which partitions' rows it was made from."""
    return None if funnel is None else {**json.loads(funnel), "partitions": None, "offset": None}


def records(servers: str, topic: str, partitions: int = PARTITIONS) -> Iterator[ck.Message]:
    """Every committed record of a topic, in order within its partition."""
    config = {
        "bootstrap.servers": servers,
        "group.id": "test-reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    with closing(ck.Consumer(config)) as reader:
        reader.assign([ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING) for partition in range(partitions)])
        ended: set[int | None] = set()
        until = time.monotonic() + PATIENCE_S
        while len(ended) < partitions:
            assert time.monotonic() < until, f"the ends of {topic} do not come: {ended}"
            for record in reader.consume(1000, 0.05):
                error = record.error()
                if error is None:
                    yield record
                elif error.code() == ck.KafkaError._PARTITION_EOF:
                    ended.add(record.partition())
                else:
                    raise ck.KafkaException(error)


@pytest.fixture
def baton(broker: Broker, redis_server: Redis, tmp_path: Path) -> Iterator[Baton]:
    fresh_topics(broker.servers)
    redis_server.flush()
    agreement = tmp_path / "agreement.yaml"
    agreement.write_text(ACME.read_text().replace("lateness: 90d", "lateness: 3650d"))
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_REDIS_URL": redis_server.url,
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"baton-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield Baton(broker, redis_server, client, workers, Versions(read_agreements([agreement])))
    workers.end_all()


@pytest.mark.parametrize("away", ["stop", "kill", "pause"])
def test_a_redis_that_is_away_holds_up_nothing_and_catches_up(baton: Baton, away: str):
    """While Redis is stopped, was killed or hangs, the engine commits on; when it is back it soon shows everything."""
    log = make_log(11, 120)
    baton.workers.start(0)
    baton.send(log[: len(log) // 3])
    baton.wait_until_redis_is_right()
    getattr(baton.redis, away)()
    baton.send(log[len(log) // 3 :])
    wait_until(baton.is_committed, "the engine to commit all without Redis")
    baton.redis.mend()
    baton.wait_until_redis_is_right()


def test_a_wiped_redis_fills_itself_again(baton: Baton):
    """After FLUSHALL, with nobody doing anything and nothing new published, Redis shows everything again."""
    baton.workers.start(0)
    baton.send(make_log(12, 100))
    baton.wait_until_redis_is_right()
    baton.redis.flush()
    baton.wait_until_redis_is_right()


def test_leads_of_topics_that_were_made_anew_are_gone(baton: Baton):
    """Topics deleted and made again are another truth: Redis shows the new one, and no lead of the old one."""
    baton.workers.start(0)
    baton.send(make_log(13, 80))
    baton.wait_until_redis_is_right()
    baton.workers.leave(0)
    fresh_topics(baton.servers)
    baton.sent.clear()
    baton.workers.settings["BATON_APP"] += "-2"
    baton.workers.start(1)
    baton.send(make_log(14, 30))
    baton.wait_until_redis_is_right()


def test_a_rebuilt_redis_is_the_live_one(baton: Baton):
    """`baton rebuild redis` comes to the same and leaves nothing stale, with an engine, which goes on, or without."""
    log = make_log(15, 120)
    baton.workers.start(0)
    baton.send(log[: len(log) // 2])
    baton.wait_until_redis_is_right()
    live = baton.in_redis()
    baton.client.set(f"{keys.LEAD}ghost", "{}")
    baton.client.set("session:1", "of somebody else")
    done = baton.rebuild()
    assert (done.returncode, "was made from" in done.stderr) == (0, True), done.stderr
    assert baton.in_redis() == live
    baton.send(log[len(log) // 2 :])
    baton.wait_until_redis_is_right()
    baton.workers.leave(0)
    live = baton.in_redis()
    baton.client.delete(*baton.client.keys(f"{keys.PREFIX}*"))
    assert baton.rebuild().returncode == 0
    assert baton.in_redis() == live
    assert baton.client.get("session:1") == "of somebody else"


def test_a_rebuild_that_cannot_be_says_so_in_one_line(baton: Baton):
    """Without a URL, without Redis, and beside another rebuild, there is one clear line and exit code 2."""
    publish_versions(Settings(kafka_servers=baton.servers, partitions=PARTITIONS), read_agreements([ACME]))
    baton.client.set(keys.HELD, "somebody", px=600_000)
    for settings, word in (
        ({}, "somebody else is rebuilding"),
        ({"BATON_REDIS_URL": ""}, "BATON_REDIS_URL is not set"),
        ({"BATON_REDIS_URL": "redis://127.0.0.1:1"}, "check BATON_REDIS_URL"),
    ):
        done = baton.rebuild(**settings)
        assert (done.returncode, done.stdout) == (2, "")
        assert word in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert baton.client.keys("*") == [keys.HELD]
