"""The promises' facts on both brokers: said once for each change, whoever says them, and only when all is in."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import confluent_kafka as ck
import msgspec
import pytest

from agents.agreements import read_agreements
from agents.own_topic import OwnTopic
from agents.promising.teller import Teller
from agents.settings import Settings
from schemas.compact import Event
from schemas.decode import decode
from schemas.derived import PromiseEvent, PromiseStatement, read_promise
from streams import topics
from streams.judging import SECOND_US
from streams.promise_facts import standings
from streams.terms import Versions
from streams.totals import totals_row
from tests.chaos.log import Line, make_log
from tests.engines import PARTITIONS, fresh_topics, publish, read, wait_until
from tests.services import ON_KAFKA_ONLY, ROOT, Broker
from tests.streams.builders import lead, versions
from tests.streams.promise_cases import at, on, promising, ratio, summed, volume
from tests.workers import Workers

MQL = {"stage": "mql"}
WRITTEN = promising(
    volume(MQL, id="volume", at_least=2), ratio({"stage": "sal"}, MQL, id="quality", at_least=0.5, settles="10d")
)
BY = versions(WRITTEN)
PATIENCE_S = 60
_number = count()


class Desk:
    """A broker with the topics, the sums that partitions say, a clock, and tellers that are started and stopped."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.settings = Settings(kafka_servers=servers, partitions=PARTITIONS, app=f"p{next(_number)}")
        self.tellers: list[Teller] = []
        self._began, self._now = time.monotonic(), at("2026-01-20T10:30:00Z")

    def clock(self) -> int:
        return self._now + round((time.monotonic() - self._began) * SECOND_US)

    def set_clock(self, text: str) -> None:
        self._began, self._now = time.monotonic(), at(text)

    def say_sums(self, partition: int, *days: str, sal: str | None = None) -> None:
        """What a partition with leads that became mql on those days says; `sal`: when each was accepted."""
        leads = [[lead(on(day), "mql"), *([] if sal is None else [lead(on(sal), "accepted")])] for day in days]
        row = totals_row(partition, {}, BY.latest, summed(leads, BY))
        publish(self.servers, [(topics.TOTALS, str(partition).encode(), row)])

    def start(self) -> Teller:
        teller = Teller(self.settings, BY, lambda: True, self.clock)
        self.tellers.append(teller)
        teller.start()
        return teller

    def stop(self) -> None:
        for teller in self.tellers:
            teller.stop()
        self.tellers.clear()

    def wait_until_judged(self, text: str) -> None:
        wait_until(lambda: (self.tellers[-1].judged_until or 0) >= at(text), f"a judgement by {text}", PATIENCE_S)

    def all(self) -> list[PromiseStatement]:
        """Every statement, as a read_committed reader has them."""
        return [read_promise(one.value()) for one in read(self.servers, topics.PROMISES, 1) if one.value()]

    def said(self, promise: str, period: str = "2026-01") -> list[tuple[str, bool, int]]:
        return [
            (one.standing, one.provisional, one.revision)
            for one in self.all()
            if (one.fact.promise, one.fact.period) == (promise, period)
        ]


@pytest.fixture
def desk(broker: Broker) -> Iterator[Desk]:
    fresh_topics(broker.servers)
    desk = Desk(broker.servers)
    yield desk
    desk.stop()


def test_each_change_is_said_once_whoever_says_it(desk: Desk):
    """From off pace to on pace to kept, over two tellers and a restart: a revision for each change, none twice."""
    desk.say_sums(0, "2026-01-05")
    desk.start()
    wait_until(lambda: desk.said("volume"), "the first pace", PATIENCE_S)
    assert desk.said("volume") == [("off_pace", False, 1)]

    desk.say_sums(1, "2026-01-06")
    desk.set_clock("2026-01-20T11:30:00Z")
    wait_until(lambda: len(desk.said("volume")) == 2, "the pace on the hour", PATIENCE_S)
    desk.stop()
    desk.set_clock("2026-02-02T10:00:00Z")
    desk.start()
    wait_until(lambda: len(desk.said("volume")) == 3, "the verdict", PATIENCE_S)
    assert desk.said("volume") == [("off_pace", False, 1), ("on_pace", False, 2), ("kept", False, 3)]
    assert desk.said("quality") == [("off_pace", True, 1), ("missed", True, 2)]

    desk.stop()
    before = desk.all()
    desk.start()
    desk.wait_until_judged("2026-02-02T10:00:00Z")
    assert desk.all() == before


def test_what_comes_late_corrects_a_verdict(desk: Desk):
    """A cohort that was missed is kept once enough of its leads came through, and final when it has settled."""
    desk.set_clock("2026-02-02T10:00:00Z")
    desk.say_sums(0, "2026-01-05")
    desk.start()
    wait_until(lambda: desk.said("quality"), "the first verdict", PATIENCE_S)
    desk.say_sums(0, "2026-01-05", sal="2026-02-03")
    wait_until(lambda: len(desk.said("quality")) == 2, "the other verdict", PATIENCE_S)
    desk.set_clock("2026-02-12T10:00:00Z")
    wait_until(lambda: len(desk.said("quality")) == 3, "the final one", PATIENCE_S)
    assert desk.said("quality") == [("missed", True, 1), ("kept", True, 2), ("kept", False, 3)]
    last = PromiseEvent.model_validate_json(
        {one.key(): one.value() for one in read(desk.servers, topics.PROMISES, 1)}[b"quality/2026-01"]
    )
    assert (last.subject, last.data.numerator, last.data.denominator) == ("quality/2026-01", "1", 1)


def test_a_backlog_makes_no_promise_look_missed(desk: Desk):
    """While the engine has not folded what had come by then, nothing is judged; when it has, all is."""
    desk.set_clock("2026-02-02T10:00:00Z")
    publish(desk.servers, [(topics.LEADS, b"l1", b"{}")])
    desk.say_sums(0, "2026-01-05")
    desk.start()
    engine = ck.Consumer({"bootstrap.servers": desk.servers, "group.id": desk.settings.app})
    place = next(one for one in _places(engine) if one.offset > 0)
    with pytest.raises(AssertionError):
        wait_until(desk.all, "nothing", 8)
    desk.say_sums(1, "2026-01-06")
    engine.commit(offsets=[place], asynchronous=False)
    wait_until(lambda: desk.said("volume"), "the verdict", PATIENCE_S)
    engine.close()
    assert desk.said("volume") == [("kept", False, 1)]


def _places(reader: ck.Consumer) -> list[ck.TopicPartition]:
    """The partitions of leads, each with its end."""
    return [
        ck.TopicPartition(
            topics.LEADS, number, reader.get_watermark_offsets(ck.TopicPartition(topics.LEADS, number))[1]
        )
        for number in range(PARTITIONS)
    ]


def test_nothing_is_judged_while_partitions_go_by_other_versions(desk: Desk):
    """While a new version is being taken, sums of two versions are not added up."""
    desk.set_clock("2026-02-02T10:00:00Z")
    desk.say_sums(0, "2026-01-05")
    newer = versions(WRITTEN, promising(volume(MQL, id="volume", at_least=1), version=2, since="2026-03-01"))
    row = totals_row(1, {}, newer.latest, {})
    publish(desk.servers, [(topics.TOTALS, b"1", row)])
    teller = desk.start()
    desk.wait_until_judged("2026-02-02T10:00:00Z")
    assert desk.all() == []
    desk.say_sums(1, "2026-01-06")
    wait_until(lambda: desk.said("volume"), "the verdict", PATIENCE_S)
    assert desk.said("volume") == [("kept", False, 1)]
    assert teller.judged_until is not None


@ON_KAFKA_ONLY
def test_who_was_replaced_says_nothing_any_more(broker: Broker):
    """A worker that was taken for dead and wakes up is refused by the broker, and what it would say is not there."""
    fresh_topics(broker.servers)
    settings = Settings(kafka_servers=broker.servers, app=f"p{next(_number)}")
    older, newer = (OwnTopic(settings, topics.PROMISES, "promises") for _ in range(2))
    assert older.open() == {}
    older.write([(b"a/2026-01", b"first")])
    assert newer.open() == {b"a/2026-01": b"first"}
    with pytest.raises(ck.KafkaException):
        older.write([(b"a/2026-01", b"stale")])
    newer.write([(b"b/2026-01", b"second"), (b"a/2026-01", None)])
    newer.close()
    assert older.open() == {b"b/2026-01": b"second"}
    older.close()


def test_what_cannot_be_read_is_passed_over(desk: Desk):
    """A record that is no fact, and a row that are no sums, cost nothing but a line in the log."""
    publish(desk.servers, [(topics.PROMISES, b"x", b"{"), (topics.TOTALS, b"9", msgspec.json.encode([1]))])
    desk.say_sums(0, "2026-01-05")
    desk.start()
    wait_until(lambda: b"volume/2026-01" in {one.key() for one in read(desk.servers, topics.PROMISES, 1)}, "a fact", 60)


def test_a_running_engine_says_what_its_events_come_to(broker: Broker, tmp_path: Path):
    """The facts are those of a fold of all events, by way of the engine, its restart, and a late event."""
    fresh_topics(broker.servers)
    log = make_log(5, 60)
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_AGREEMENT": str(_agreement(tmp_path)),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"p{next(_number)}",
    }
    by = Versions(read_agreements([_agreement(tmp_path)]))
    workers = Workers(tmp_path, settings)
    try:
        workers.start(0)
        publish(broker.servers, [(line.topic, line.key, line.value) for line in log[:-1]])
        wait_until(lambda: _facts(broker) == _expected(log[:-1], by), "the facts of what has come", 120)
        workers.end(0)
        publish(broker.servers, [(line.topic, line.key, line.value) for line in log[-1:]])
        workers.start(0)
        wait_until(lambda: _facts(broker) == _expected(log, by), "the facts of all", 120)
        said = [one.key() for one in read(broker.servers, topics.PROMISES, 1) if one.value()]
        assert len(said) < 2 * len(set(said))
    finally:
        workers.end_all()


def _agreement(directory: Path) -> Path:
    path = directory / "agreement.yaml"
    acme = (ROOT / "deploy" / "agreements" / "acme.yaml").read_text(encoding="utf-8")
    path.write_text(acme.replace("lateness: 90d", "lateness: 3650d"), encoding="utf-8")
    return path


def _facts(broker: Broker) -> dict[tuple[str, str], tuple[str, str | None, int | None]]:
    """What was said last of every period that is over."""
    last = {one.key(): one.value() for one in read(broker.servers, topics.PROMISES, 1)}
    return _figures(read_promise(value) for value in last.values() if value)


def _figures(said: Iterable[PromiseStatement]) -> dict[tuple[str, str], tuple[str, str | None, int | None]]:
    return {
        (one.fact.promise, one.fact.period): (one.standing, one.numerator, one.denominator)
        for one in said
        if one.holds and one.standing in ("kept", "missed")
    }


def _expected(log: Sequence[Line], by: Versions) -> dict[tuple[str, str], tuple[str, str | None, int | None]]:
    """The same, from a fold of the log."""
    leads: dict[str, dict[tuple[str, str], Event]] = {}
    for line in log:
        subject, event, _ = decode(line.value)
        leads.setdefault(subject, {})[event.source, event.id] = event
    return _figures(standings(summed([list(one.values()) for one in leads.values()], by), by, time.time_ns() // 1000))
