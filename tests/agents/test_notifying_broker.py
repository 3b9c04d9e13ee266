"""The notifier on a real broker: nothing lost and nothing told twice, whatever stops, starts or goes away."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import confluent_kafka as ck
import msgspec
import pytest
from ruamel.yaml import YAML

from agents.notifying.deliveries import Backoff
from agents.notifying.lease import Lease
from agents.notifying.ledger import REACHED, Ledger
from agents.notifying.notifier import Notifier
from agents.offsets import Brokers
from agents.own_topic import OwnTopic
from agents.settings import Settings
from schemas.derived import PromiseRef, PromiseStatement, fact_id, promise_event
from streams import topics
from tests.engines import fresh_topics, publish, read, wait_until
from tests.receivers import web_server
from tests.services import ON_KAFKA_ONLY, ROOT
from tests.streams.builders import versions
from tests.streams.notified import section, written

QUICK = Backoff(first_s=0.05, most_s=0.1, give_up_s=60)
ROUTES = ({"change": "breached", "to": ["alerts", "pager"]},)
PATIENCE_S = 60
PARTITIONS = 4
_number = count()


def moment(hours=0.0) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def event(lead, change="breached", hours=0.0, revision=1, holds=True, **more) -> tuple[str, bytes, bytes]:
    """A record of `baton.clocks`, of what came true so many hours from now."""
    at = moment(hours)
    said = {
        "fact": {"lead": lead, "kind": f"{change}.answer", "number": 1},
        "revision": revision,
        "holds": holds,
        "change": change,
        "clause": "answer",
        "cycle": 1,
        "owed_by": "sales",
        "at": at,
        "started_at": moment(hours - 1),
        "due_at": at,
        "target_s": 3600.0,
        "agreement_version": 1,
        "owner": "carla",
        **more,
    }
    document = {
        "specversion": "1.0",
        "id": fact_id(lead, f"{change}.answer", 1, revision),
        "source": "baton",
        "subject": lead,
        "type": "baton.clock.v1",
        "time": at,
        "data": said,
    }
    return topics.CLOCKS, lead.encode(), msgspec.json.encode(document)


def standing(change="missed", hours=-1.0, revision=1, period="2026-03") -> tuple[str, bytes, bytes]:
    """A record of `baton.promises`: how the volume of a month stands that ended so many hours from now."""
    said = PromiseStatement(
        fact=PromiseRef("volume", period),
        revision=revision,
        holds=True,
        kind="volume",
        standing=change,
        provisional=False,
        begin=moment(hours - 744),
        end=moment(hours),
        at=moment(hours),
        target="120",
        agreement_version=1,
        owed_by="marketing",
        numerator="87" if change == "missed" else "121",
    )
    return topics.PROMISES, said.fact.key.encode(), promise_event(said)


class Office:
    """A broker with the topics, a web server, an agreement, and notifiers that are started and stopped."""

    def __init__(self, broker, web, monkeypatch, directory) -> None:
        self.servers, self.web = broker.servers, web
        for secret in ("ALERTS", "PAGER", "CARLA", "BRUNO", "MAIL"):
            monkeypatch.setenv(secret, web.url(secret.lower()))
        self.settings = Settings(
            kafka_servers=broker.servers, partitions=PARTITIONS, app=f"n{next(_number)}", session_timeout_s=6
        )
        self.terms = section(*ROUTES)
        self.directory = directory
        self.notifiers = []

    def start(self, backoff=QUICK, clock=time.time, **settings) -> Notifier:
        terms = versions(written(self.terms, effective=-100_000))
        notifier = Notifier(self.settings.model_copy(update=settings), terms, backoff, clock)
        self.notifiers.append(notifier)
        notifier.start()
        return notifier

    def say(self, *events) -> None:
        publish(self.servers, events)

    def told(self, path) -> list[str]:
        """The leads that were told of at a path, each as often as a message named it."""
        texts = [f"{post.said['title']} {post.said['message']}" for post in self.web.taken(path)]
        return sorted(lead for text in texts for lead in set(re.findall(r"lead ([a-z]+[0-9]+)", text)))

    def titles(self, path) -> list[str]:
        return [post.said["title"] for post in self.web.taken(path)]

    def keys(self) -> list[tuple[str, str]]:
        return sorted((post.path, post.key) for post in self.web.posts)

    def holders(self) -> list[Notifier]:
        return [notifier for notifier in self.notifiers if notifier.waiting is not None]

    def stop(self) -> None:
        for notifier in self.notifiers:
            notifier.stop()
        self.notifiers.clear()


@contextmanager
def office_on(broker, monkeypatch, directory):
    fresh_topics(broker.servers, PARTITIONS)
    with web_server() as web:
        office = Office(broker, web, monkeypatch, directory)
        try:
            yield office
        finally:
            office.stop()


@pytest.fixture
def office(broker, monkeypatch, tmp_path):
    with office_on(broker, monkeypatch, tmp_path) as office:
        yield office


@pytest.fixture
def lease(monkeypatch):
    """Leases that the group gave or refused are `known`; while `lost` is set none is held, which `noticed` tells."""
    told = SimpleNamespace(known=set(), lost=threading.Event(), noticed=threading.Event())

    class Told(Lease):
        def held(self, wait_s):
            is_held = super().held(wait_s)
            if told.lost.is_set():
                told.noticed.set()
                return False
            return is_held

        def _assigned(self, consumer, places):
            super()._assigned(consumer, places)
            told.known.add(self)

    monkeypatch.setattr("agents.notifying.notifier.Lease", Told)
    return told


def test_a_breach_is_told_to_every_target_once(office):
    """From a fact on baton.clocks to a webhook; what is read twice is told once."""
    notifier = office.start()
    office.say(event("l1"), event("l2"), event("l1"), event("l1", revision=2, answered_at=moment()))
    wait_until(lambda: office.told("alerts") == office.told("pager") == ["l1", "l2"], "both to be told", PATIENCE_S)
    office.say(event("l1"), event("l3"))
    wait_until(lambda: "l3" in office.told("alerts") and "l3" in office.told("pager"), "the third", PATIENCE_S)
    assert office.told("alerts") == ["l1", "l2", "l3"]
    assert office.told("pager") == ["l1", "l2", "l3"]
    wait_until(lambda: notifier.counts["alerts", "sent"] == 3, "the counts", PATIENCE_S)


def test_what_is_too_old_is_not_told(office):
    """After a long outage only the last day is told; what cannot be read is passed over and counted."""
    notifier = office.start()
    office.say(event("old1", hours=-30), (topics.CLOCKS, b"x", b"{not json"), event("new1", hours=-2))
    wait_until(lambda: office.told("alerts") == ["new1"], "the new one", PATIENCE_S)
    wait_until(lambda: notifier.counts["", "unreadable"] == 1, "the unreadable one", PATIENCE_S)
    assert office.told("alerts") == ["new1"]


def test_what_waits_is_told_by_the_next_notifier_and_what_was_told_is_not(office):
    """A restart in between loses nothing and tells nothing again, also if facts are read anew."""
    office.web.refusals["pager"] = 10**9
    office.start()
    office.say(event("l1"), event("l2"))
    wait_until(lambda: office.told("alerts") == ["l1", "l2"] and office.web.refused["pager"] > 1, "a try", PATIENCE_S)
    office.stop()
    office.web.refusals["pager"] = 0
    office.say(event("l1"), event("l3"))
    office.start()
    wait_until(lambda: office.told("alerts") == ["l1", "l2", "l3"], "the third at alerts", PATIENCE_S)
    wait_until(lambda: office.told("pager") == ["l1", "l2", "l3"], "the pager", PATIENCE_S)
    wait_until(lambda: office.notifiers[0].waiting == 0, "nothing to wait", PATIENCE_S)
    assert office.told("alerts") == office.told("pager") == ["l1", "l2", "l3"]
    keys = office.keys()
    assert len(keys) == len(set(keys))


def test_a_message_whose_fate_is_not_known_comes_again_with_the_same_key(office):
    """A notifier that is killed while it sends leaves a batch with a name: the next one sends that, whole."""
    office.terms = section({"change": "breached", "to": "pager"}, group="1s")
    released = office.web.hang("pager")
    environment = os.environ | {
        "BATON_KAFKA_SERVERS": office.servers,
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_APP": office.settings.app,
        "BATON_SESSION_TIMEOUT_S": "6",
        "BATON_AGREEMENT": str(office.directory / "acme.yaml"),
        "PYTHONPATH": str(ROOT),
    }
    document = written(office.terms)
    document["effective"] = moment(-100)
    with (office.directory / "acme.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(document, file)
    office.say(event("l1"), event("l2"), event("l3"))
    with (office.directory / "notify.log").open("wb") as log_file:
        killed = subprocess.Popen(
            [sys.executable, "-c", "from agents.cli import main; main()", "notify", "run"],
            env=environment,
            stdout=log_file,
            stderr=log_file,
        )
    try:
        assert office.web.asked["/pager"].wait(PATIENCE_S), (office.directory / "notify.log").read_text()
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
    office.say(event("l4"))
    released.set()
    wait_until(lambda: len(office.web.taken("pager")) == 1, "the request of the killed one", PATIENCE_S)
    office.start()
    wait_until(lambda: len(office.web.taken("pager")) == 3, "the repeat, and the fourth", PATIENCE_S)
    first, again, fourth = office.web.taken("pager")
    assert (again.key, again.said["message"]) == (first.key, first.said["message"])
    assert fourth.key != first.key
    assert all(f"lead l{number}" in first.said["message"] for number in (1, 2, 3))


def test_of_several_notifiers_one_sends(office, lease):
    """Every worker may run one: messages are not multiplied, and the next one takes over."""
    for _ in range(3):
        office.start()
    wait_until(lambda: len(lease.known) == 3 and len(office.holders()) == 1, "one of three to send", PATIENCE_S)
    office.say(event("l1"))
    wait_until(lambda: office.told("alerts") == office.told("pager") == ["l1"], "the first", PATIENCE_S)
    (holder,) = office.holders()
    holder.stop()
    office.say(event("l2"))
    wait_until(lambda: office.told("alerts") == office.told("pager") == ["l1", "l2"], "the second", PATIENCE_S)


def test_what_came_of_a_message_is_kept_when_the_lease_is_lost(office, lease):
    """A notifier that loses the lease while it sends waits for the answer and keeps it: nobody sends it again."""
    released = office.web.hang("pager")
    sent = office.start().counts
    office.say(event("l1"))
    assert office.web.asked["/pager"].wait(PATIENCE_S)
    lease.lost.set()
    assert lease.noticed.wait(PATIENCE_S)
    released.set()
    wait_until(lambda: sent["pager", "sent"] == 1, "the answer to be kept", PATIENCE_S)
    lease.lost.clear()
    office.say(event("l2"))
    wait_until(lambda: "l2" in office.told("alerts") and "l2" in office.told("pager"), "the second", PATIENCE_S)
    assert office.told("alerts") == office.told("pager") == ["l1", "l2"]


@ON_KAFKA_ONLY
def test_a_notifier_that_was_shut_out_stands_by(office, lease, caplog):
    """Where the next one opens the ledger before an answer is kept, the message comes again, and nobody complains."""
    released = office.web.hang("pager")
    notifier = office.start()
    office.say(event("l1"))
    assert office.web.asked["/pager"].wait(PATIENCE_S)
    wait_until(lambda: notifier.counts["alerts", "sent"] == 1, "the other message to be kept", PATIENCE_S)
    Ledger(office.settings).open()
    lease.lost.set()
    assert lease.noticed.wait(PATIENCE_S)
    released.set()
    wait_until(lambda: notifier.waiting is None, "the notifier to stand by", PATIENCE_S)
    lease.lost.clear()
    wait_until(lambda: office.told("pager") == ["l1", "l1"], "the message to come again", PATIENCE_S)
    assert len(set(office.keys())) == len(office.keys()) - 1, "under the same key"
    assert "notifications wait" not in caplog.text


def test_an_escalation_outlives_a_restart_and_stops_at_the_answer(office):
    """A step that is due tomorrow comes tomorrow, from whoever runs then; where it was answered, it does not."""
    office.terms = section(
        {"change": "breached", "to": "alerts", "escalate": [{"after": "30h", "to": "pager", "urgent": True}]}
    )
    office.start()
    office.say(event("l1"), event("l2"))
    wait_until(lambda: office.told("alerts") == ["l1", "l2"], "the breaches", PATIENCE_S)
    office.stop()
    office.say(event("l1", revision=2, answered_at=moment()))
    later = 24 * 3600 * 60
    notifier = office.start(clock=lambda: time.time() + later, notify_max_age_s=400 * 86_400)
    wait_until(lambda: len(office.web.taken("pager")) == 1, "the step", PATIENCE_S)
    wait_until(lambda: notifier.waiting == 0, "nothing to wait", PATIENCE_S)
    assert office.told("pager") == ["l2"]


def test_what_waits_for_an_address_that_is_gone_ends(office):
    """A target that was taken out of the agreement leaves nothing behind that is tried for ever."""
    office.web.refusals["pager"] = 10**9
    office.start()
    office.say(event("l1"))
    wait_until(lambda: office.told("alerts") == ["l1"] and office.web.refused["pager"] > 0, "a try", PATIENCE_S)
    office.stop()
    office.terms = section({"change": "breached", "to": "alerts"}, targets={"alerts": {"secret": "ALERTS"}})
    notifier = office.start()
    wait_until(lambda: notifier.counts["pager", "no_address"] == 1, "it to end", PATIENCE_S)
    assert notifier.waiting == 0
    assert office.told("alerts") == ["l1"]


def test_a_dead_target_holds_up_neither_the_others_nor_the_reading(office):
    """While the pager hangs, alerts are told of what comes meanwhile."""
    released = office.web.hang("pager")
    office.start()
    office.say(event("l1"))
    assert office.web.asked["/pager"].wait(PATIENCE_S)
    office.say(event("l2"), event("l3"))
    wait_until(lambda: office.told("alerts") == ["l1", "l2", "l3"], "the others", PATIENCE_S)
    assert office.web.taken("pager") == []
    released.set()
    wait_until(lambda: office.told("pager") == ["l1", "l2", "l3"], "the pager", PATIENCE_S)


MISSED, KEPT = "Target missed: Volume, March 2026", "Target reached: Volume, March 2026"


def test_a_month_that_was_missed_is_told_once_and_so_is_its_correction(office):
    """From a fact on baton.promises to a webhook, through a restart; what is long past is told to nobody."""
    office.terms = section({"change": ["kept", "missed"], "to": "alerts"}, {"change": "breached", "to": "pager"})
    office.start()
    book = OwnTopic(office.settings, topics.PROMISES, "promises")  # as the engine says it, with its marks
    book.open()
    book.write([standing(period="2025-03", hours=-8760)[1:], standing()[1:], standing()[1:]])
    book.close()
    wait_until(lambda: office.titles("alerts") == [MISSED], "the month", PATIENCE_S)
    office.stop()
    office.say(standing(), standing(revision=2))
    notifier = office.start()
    office.say(event("l1"))
    wait_until(lambda: office.told("pager") == ["l1"], "the clock", PATIENCE_S)
    office.say(standing("kept", revision=3), standing(period="2025-03", hours=-8760, revision=2))
    wait_until(lambda: KEPT in office.titles("alerts"), "the correction", PATIENCE_S)
    wait_until(lambda: notifier.waiting == 0, "nothing to wait", PATIENCE_S)
    assert office.titles("alerts") == [MISSED, KEPT]
    assert notifier.counts["", "unreadable"] == 0


def test_a_ledger_of_a_build_that_knew_clocks_only_is_gone_on_with(office):
    """After an upgrade nothing that was told is told again, and of promises only what is fresh."""
    office.terms = section({"change": "breached", "to": "alerts"}, {"change": "missed", "to": "pager"})
    office.start()
    office.say(event("l1"))
    wait_until(lambda: office.told("alerts") == ["l1"], "the breach", PATIENCE_S)
    wait_until(lambda: office.notifiers[0].waiting == 0, "it to be kept", PATIENCE_S)
    office.stop()
    topic_id = Brokers(office.settings).topic_ids([topics.CLOCKS])[topics.CLOCKS]
    ledger = OwnTopic(office.settings, topics.NOTIFIED, "notifier")
    rows = {key: value.replace(b'"subject":"clock",', b"") for key, value in ledger.open().items()}
    rows[REACHED] = msgspec.json.encode({"topic_id": topic_id, "offsets": {}})
    ledger.write(rows.items())
    ledger.close()
    assert b"subject" not in b"".join(rows.values())
    office.say(standing(), standing(period="2025-03", hours=-8760), event("l1"), event("l2"))
    office.start()
    wait_until(lambda: office.titles("pager") == [MISSED], "the month", PATIENCE_S)
    wait_until(lambda: "l2" in office.told("alerts"), "the second", PATIENCE_S)
    assert office.told("alerts") == ["l1", "l2"]
    assert office.titles("pager") == [MISSED]


@ON_KAFKA_ONLY
def test_an_earlier_holder_of_the_ledger_can_write_nothing_more(office):
    """A notifier that was declared dead, and wakes up, is refused before it sends."""
    first, second = Ledger(office.settings), Ledger(office.settings)
    office.start()
    wait_until(lambda: office.notifiers[0].waiting is not None, "the ledger's topic", PATIENCE_S)
    office.stop()
    kept = first.open()
    second.open()
    with pytest.raises(ck.KafkaException):
        first.write({}, kept.reached)
    second.write({}, kept.reached)
    second.close()


@pytest.mark.kafka
def test_a_broker_that_goes_away_costs_nothing(kafka, monkeypatch, tmp_path):
    """What was said before, and what is said after Kafka is back, is told once each."""
    with office_on(kafka, monkeypatch, tmp_path) as office:
        sent = office.start().counts
        office.say(event("l1"))
        wait_until(lambda: sent["alerts", "sent"] == sent["pager", "sent"] == 1, "the first to be kept", PATIENCE_S)
        kafka.kill()
        kafka.start()
        office.say(event("l1"), event("l2"))
        wait_until(lambda: office.told("alerts") == office.told("pager") == ["l1", "l2"], "the second", 2 * PATIENCE_S)


def test_the_ledger_forgets_and_keeps_only_rows(office):
    """Whoever reads the topic finds the last row of each notice, and how far clocks were read."""
    office.start()
    office.say(event("l1"))
    wait_until(lambda: office.notifiers[0].counts["pager", "sent"] == 1, "it to be kept", PATIENCE_S)
    wait_until(lambda: office.notifiers[0].counts["alerts", "sent"] == 1, "it to be kept", PATIENCE_S)
    office.stop()
    kept = Ledger(office.settings).open()
    assert sorted((row.notice.to, row.outcome) for row in kept.rows) == [("alerts", "sent"), ("pager", "sent")]
    assert sum(kept.reached.offsets.values()) >= 1
    assert all(
        record.value() for record in read(office.servers, topics.NOTIFIED, 1) if b"\x00" not in (record.key() or b"")
    )
