"""The quarantine: counted, looked at, and sent again as it came, without a copy of a copy."""

import json
import time
from dataclasses import replace

import confluent_kafka as ck
import pytest
from typer.testing import CliRunner

from agents.administration import apply_topics
from agents.errors import BatonError
from agents.publishing import Publisher
from agents.quarantine import Place, Selection, find, read_quarantine, replay
from agents.settings import Settings
from schemas.compact import time_text
from streams import topics
from tests.command_line import app

STRUCTURED = ("content-type", b"application/cloudevents+json")
NOW_US = time.time_ns() // 1_000


def lead_event(subject, **more):
    attributes = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/crm",
        "type": "baton.lead.v1",
        "subject": subject,
        "time": "2026-01-31T09:30:00-03:00",
        "data": {"status": "mql"},
    }
    return json.dumps(attributes | more).encode()


@pytest.fixture
def own(broker, prefix, monkeypatch):
    """Settings for a quarantine and a leads topic that no other test has."""
    named = tuple(replace(topic, name=prefix + topic.name) for topic in topics.ALL)
    for constant in ("QUARANTINE", "LEADS"):
        monkeypatch.setattr(topics, constant, prefix + getattr(topics, constant))
    monkeypatch.setattr(topics, "ALL", named)
    monkeypatch.setattr(topics, "INPUTS", (topics.LEADS,))
    monkeypatch.setattr(topics, "ACCEPTS", {topics.LEADS: topics.ACCEPTS["baton.leads"]})
    monkeypatch.setenv("BATON_KAFKA_SERVERS", broker.servers)
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    apply_topics(Settings())
    return Settings()


@pytest.fixture
def put(own):
    """Put a record into the quarantine as the engine does, and return when the broker has it."""

    def put(value, reason, key=b"l1", offset=0, headers=(STRUCTURED,), topic=None, stamp_us=None):
        about = {"reason": reason, "detail": "because", "topic": topic or topics.LEADS, "partition": "1"}
        ours = [(f"baton_{name}", text.encode()) for name, text in (about | {"offset": str(offset)}).items()]
        stamp = {} if stamp_us is None else {"timestamp": stamp_us // 1_000}
        producer = ck.Producer({"bootstrap.servers": own.kafka_servers})
        producer.produce(topics.QUARANTINE, value, key, partition=1, headers=[*headers, *ours], **stamp)
        assert producer.flush(20) == 0

    return put


EVERYTHING = Selection()


def replayed(own, selection=EVERYTHING, force=False):
    with Publisher(own) as publisher:
        return replay(own, publisher, selection, force)


def arrived(own):
    """What is on the leads topic: value, key and headers."""
    reader = ck.Consumer({"bootstrap.servers": own.kafka_servers, "group.id": "test", "enable.partition.eof": True})
    try:
        reader.assign([ck.TopicPartition(topics.LEADS, number, 0) for number in range(2)])
        found, ends = [], 0
        while ends < 2:
            for record in reader.consume(100, 0.2):
                if record.error() is None:
                    found.append((record.value(), record.key(), record.headers() or []))
                else:
                    ends += 1
    finally:
        reader.close()
    return found


def test_an_empty_quarantine_is_empty(own):
    """Where nothing was refused there is nothing to read."""
    assert list(read_quarantine(own)) == []


def test_a_record_says_where_it_came_from_and_why(own, put):
    """Reason, detail, origin, key, value and the publisher's own headers are all there."""
    put(b"\xff", "not_utf8", key=None, offset=7, headers=[("trace", b"1")])
    (record,) = read_quarantine(own)
    assert record.place == Place(topics.QUARANTINE, 1, 0)
    assert record.origin == Place(topics.LEADS, 1, 7)
    assert (record.reason, record.detail, record.key, record.value) == ("not_utf8", "because", None, b"\xff")
    assert record.headers == [("trace", b"1")]


@pytest.mark.parametrize("place", ["{quarantine}/1/1", "{leads}/1/42"])
def test_a_record_is_found_by_its_place_and_by_where_it_came_from(own, put, place):
    """Both names of one record lead to it."""
    put(b"{", "not_json")
    put(b"[", "not_json", offset=42)
    found = find(own, Place.parse(place.format(quarantine=topics.QUARANTINE, leads=topics.LEADS)))
    assert found.value == b"["


def test_a_place_where_nothing_is_is_an_error(own):
    """Who asks for a record that is not there is told so."""
    with pytest.raises(BatonError, match="nowhere/0/1: there is no such record"):
        find(own, Place.parse("nowhere/0/1"))


@pytest.mark.parametrize("text", ["", "x", "x/1", "x/y/1", "x/1/-2", "/1/2", "x/²/1"])
def test_a_place_that_is_none_is_told_how_to_be_written(text):
    """A mistyped place is refused with an example."""
    with pytest.raises(BatonError, match="TOPIC/PARTITION/OFFSET"):
        Place.parse(text)


def test_what_the_contract_accepts_now_is_sent_as_it_came(own, put):
    """Bytes, key and own headers are the original's; Baton's headers are gone, but for whose copy it is."""
    value = lead_event("l1")
    put(value, "cannot_fold", headers=[STRUCTURED, ("trace", b"1")])
    put(b"{", "not_json")
    done = replayed(own)
    assert (done.sent, done.kept) == (1, {"not_json": 1})
    assert arrived(own) == [(value, b"l1", [STRUCTURED, ("trace", b"1"), ("baton_replay_of", b"1/0")])]


@pytest.mark.parametrize(
    ("value", "key", "why"),
    [
        (lead_event("l1"), b"other", "key_mismatch"),
        (lead_event("l1"), None, "key_mismatch"),
        (lead_event("l1", time=time_text(NOW_US + 30 * 86_400_000_000)), b"l1", "from_the_future"),
        (lead_event("l1", type="baton.deal.v1", data={"deal_id": "d", "stage": "won"}), b"l1", "wrong_topic"),
        (lead_event("l1", data={}), b"l1", "missing_field"),
        (None, b"l1", "no_value"),
    ],
)
def test_what_would_be_refused_again_is_not_sent(own, put, value, key, why):
    """A record that the engine would quarantine again stays where it is, and is counted by why."""
    put(value, "x", key=key)
    done = replayed(own)
    assert (done.sent, done.kept, arrived(own)) == (0, {why: 1}, [])


@pytest.mark.parametrize("reason", ["conflict", "too_late"])
def test_what_the_leads_other_events_refuse_is_sent_only_when_named(own, put, reason):
    """A conflict and a late event are valid events and would come back each time: they wait to be named."""
    put(lead_event("l1"), reason)
    assert replayed(own).kept == {reason: 1}
    assert replayed(own, Selection(frozenset({reason}))).sent == 1


def test_by_force_everything_is_sent_but_copies(own, put):
    """`--all` sends what the contract refuses; a copy that was refused again is left to its original."""
    put(b"{", "not_json")
    put(b"{", "not_json", headers=[("baton_replay_of", b"1/0")])
    done = replayed(own, force=True)
    assert (done.sent, done.kept) == (1, {"copy": 1})


def test_a_record_that_came_from_elsewhere_is_never_sent_there(own, put):
    """Whatever a header says, a replay writes to the input topics only."""
    put(lead_event("l1"), "x", topic="elsewhere")
    assert replayed(own, force=True).kept == {"unknown_origin": 1}


def test_records_are_chosen_by_reason_and_time(own, put):
    """From an instant on, before another, of these reasons."""
    for second in (1, 2, 3):
        put(b"%d" % second, f"r{second % 2}", stamp_us=NOW_US // 1_000 * 1_000 + second * 1_000_000)
    base = NOW_US // 1_000 * 1_000

    def values(**chosen):
        return [record.value for record in read_quarantine(own, Selection(**chosen))]

    assert values(reasons=frozenset({"r1"})) == [b"1", b"3"]
    assert values(since_us=base + 2_000_000) == [b"2", b"3"]
    assert values(until_us=base + 2_000_000) == [b"1"]


def test_a_dry_run_counts_and_sends_nothing(own, put):
    """`--dry-run` says what a replay would do."""
    put(lead_event("l1"), "cannot_fold")
    shown = CliRunner().invoke(app, ["quarantine", "replay", "--dry-run"])
    assert (shown.exit_code, shown.stdout) == (0, "1 would be sent\n")
    assert arrived(own) == []


def test_the_list_counts_all_and_shows_the_newest(put):
    """Counts are by reason and topic; of the records the newest are shown, in order of time."""
    for second in range(5):
        put(b"x", "not_json", offset=second, stamp_us=NOW_US - second * 1_000_000)
    shown = CliRunner().invoke(app, ["quarantine", "list", "--last", "2", "--json"])
    told = json.loads(shown.stdout)
    assert told["counts"] == [{"reason": "not_json", "topic": topics.LEADS, "records": 5}]
    assert [one["from"] for one in told["newest"]] == [f"{topics.LEADS}/1/1", f"{topics.LEADS}/1/0"]


def test_show_gives_the_original_bytes(put):
    """`show --raw` writes the value as it came, to be mended and published."""
    put(b"\xff\x00\n", "not_utf8")
    shown = CliRunner().invoke(app, ["quarantine", "show", f"{topics.QUARANTINE}/1/0", "--raw"])
    assert shown.stdout_bytes == b"\xff\x00\n"


def test_show_says_whether_the_record_would_be_taken_now(put):
    """Beside what was wrong then, what the contract says now."""
    put(lead_event("l1"), "unknown_type")
    shown = CliRunner().invoke(app, ["quarantine", "show", f"{topics.QUARANTINE}/1/0"])
    assert "would be taken" in shown.stdout
    assert "unknown_type" in shown.stdout
