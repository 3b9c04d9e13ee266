"""Publishing: every line to the topic of its type and the partition of its key, acknowledged or told."""

import json
from collections import Counter
from threading import Event as Flag
from threading import Thread

import confluent_kafka as ck
import pytest
import zstandard
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from agents.errors import BatonError
from agents.publishing import Line, Publisher, publish, read_lines, record_of
from agents.settings import Settings
from schemas.decode import Unreadable
from streams.partitioning import partition_of
from streams.topics import INPUT_BYTES, TOPIC_OF
from tests.command_line import app
from tests.engines import fresh_topics
from tests.services import create_topics

DATA = {
    "baton.touchpoint.v1": {"kind": "call", "party": "sales"},
    "baton.lead.v1": {"status": "mql"},
    "baton.deal.v1": {"deal_id": "d1", "stage": "won"},
    "baton.spend.v1": {
        "channel": "social",
        "amount": "10.5",
        "currency": "BRL",
        "from": "2026-01-01",
        "to": "2026-02-01",
    },
}


def event(number=1, kind="baton.lead.v1", **more):
    attributes = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/crm",
        "type": kind,
        "subject": f"lead-{number}",
        "time": "2026-01-31T09:30:00-03:00",
        "data": DATA.get(kind, {}),
    }
    return attributes | more


def text(*events):
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def lines(*contents):
    return [Line("events.jsonl", number, content) for number, content in enumerate(contents, 1)]


@pytest.fixture(scope="module")
def servers(broker):
    """The broker at hand, with every topic, empty at the first of these tests."""
    fresh_topics(broker.servers)
    return broker.servers


@pytest.fixture
def run(servers, monkeypatch):
    monkeypatch.setenv("BATON_KAFKA_SERVERS", servers)
    return lambda *words, text=None: CliRunner().invoke(app, ["publish", *words], input=text)


def records(servers, topic, since):
    """All records of a topic from these offsets on, as consumed by a plain client."""
    consumer = ck.Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.partition.eof": True})
    ends, found = set(), []
    try:
        consumer.assign([ck.TopicPartition(topic, partition, offset) for partition, offset in since.items()])
        while len(ends) < len(since):
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    found.append(message)
                else:
                    ends.add(message.partition())
    finally:
        consumer.close()
    return found


def ends(servers, topic):
    """Where a topic's partitions end, found by reading them: Tansu's own word is short of it."""
    partitions = AdminClient({"bootstrap.servers": servers}).list_topics(topic, timeout=10).topics[topic].partitions
    found = dict.fromkeys(partitions, 0)
    for record in records(servers, topic, found):
        found[record.partition()] = record.offset() + 1
    return found


@pytest.mark.parametrize("kind", DATA)
def test_an_event_goes_to_the_topic_of_its_type_under_its_subject(run, servers, kind, tmp_path):
    """Each type has its topic; the key is the subject, the partition Java's, the value the line as it was."""
    before = ends(servers, TOPIC_OF[kind])
    line = json.dumps(event(7, kind), indent=None, separators=(", ", " : ")).encode()
    (tmp_path / "one.jsonl").write_bytes(line + b"\n")
    shown = run(str(tmp_path / "one.jsonl"))
    assert (shown.exit_code, shown.stdout) == (0, "1 acknowledged\n")
    (record,) = records(servers, TOPIC_OF[kind], before)
    assert (record.key(), record.value()) == (b"lead-7", line)
    assert record.headers() == [("content-type", b"application/cloudevents+json")]
    assert record.partition() == partition_of(b"lead-7", len(before))


def test_a_leads_events_keep_their_order(servers):
    """Records of one key are in the topic in the order in which they were sent."""
    before = ends(servers, "baton.leads")
    sent = [json.dumps(event(1, id=f"e{number}")).encode() for number in range(5_000)]
    with Publisher(Settings(kafka_servers=servers)) as publisher:
        assert publish(publisher, lines(*sent)).acknowledged == 5_000
    assert [record.value() for record in records(servers, "baton.leads", before)] == sent


def test_lines_that_are_no_event_are_refused_with_their_place_and_the_rest_is_sent(run, servers, tmp_path):
    """Exit code 1, a line for each refusal with file and number, and the counts; blank lines are nothing."""
    before = ends(servers, "baton.leads")
    file = tmp_path / "some.jsonl.zst"
    file.write_bytes(zstandard.compress(text(event(1)) + b"\n  \n{nonsense\n" + text(event(2, time="yesterday"))))
    shown = run(str(file))
    assert (shown.exit_code, shown.stdout) == (1, "1 acknowledged, 2 refused\n")
    first, second = shown.stderr.splitlines()
    assert first.startswith(f"error: {file}:4: not_json: ")
    assert second.startswith(f"error: {file}:5: invalid_field: time: ")
    assert len(records(servers, "baton.leads", before)) == 1


def test_validate_checks_every_line_and_sends_nothing(monkeypatch):
    """Without any broker, `--validate` says how many lines are events, and refuses the others."""
    monkeypatch.setenv("BATON_KAFKA_SERVERS", "127.0.0.1:9")
    shown = CliRunner().invoke(app, ["publish", "--validate", "-"], input=text(event(1), event(2), {"type": "x"}))
    assert (shown.exit_code, shown.stdout) == (1, "2 valid, 1 refused\n")


def test_as_is_sends_what_the_contract_refuses(run, servers, tmp_path):
    """`--as-is` sends a broken event to its type's topic, as bytes; what has no topic is still refused."""
    before = ends(servers, "baton.deals")
    broken = text(event(3, "baton.deal.v1", data={"stage": 5}))
    (tmp_path / "broken.jsonl").write_bytes(broken + b"\xff\xfe\n")
    shown = run("--as-is", str(tmp_path / "broken.jsonl"))
    assert (shown.exit_code, shown.stdout) == (1, "1 acknowledged, 1 refused\n")
    (record,) = records(servers, "baton.deals", before)
    assert (record.key(), record.value()) == (b"lead-3", broken.rstrip())


def test_as_is_sends_any_bytes_to_a_topic_that_is_named(run, servers, tmp_path):
    """With `--topic`, every line goes there, also one that is no JSON and so has no key."""
    before = ends(servers, "baton.touchpoints")
    (tmp_path / "any.bin").write_bytes(b"\xff\xfe\x00\n" + text(event(4)))
    assert run("--as-is", "--topic", "baton.touchpoints", str(tmp_path / "any.bin")).exit_code == 0
    found = Counter((record.key(), record.value()) for record in records(servers, "baton.touchpoints", before))
    assert found == Counter({(None, b"\xff\xfe\x00"): 1, (b"lead-4", text(event(4)).rstrip()): 1})


def test_a_line_that_no_topic_can_hold_is_refused(run):
    """A line beyond Kafka's limit is told, and not left to fail on the way; a second one is sent."""
    large = event(5, data={"status": "mql", "account": "x" * 200, "unknown": "y" * INPUT_BYTES})
    shown = run("-", text=text(large, event(6)))
    assert (shown.exit_code, shown.stdout) == (1, "1 acknowledged, 1 refused\n")
    assert "-:1: too_large: " in shown.stderr


def test_a_large_line_that_a_topic_can_hold_is_acknowledged(run):
    """A line just below the limit arrives."""
    room = INPUT_BYTES - 2_048
    shown = run("-", text=text(event(5, data={"status": "mql", "unknown": "y" * room})))
    assert (shown.exit_code, shown.stdout) == (0, "1 acknowledged\n")


def test_a_broker_that_is_not_there_is_named():
    """Without a broker the error says where it was looked for, within seconds."""
    with Publisher(Settings(kafka_servers="127.0.0.1:9")) as publisher, pytest.raises(BatonError) as raised:
        publisher.need(["baton.leads"])
    assert "127.0.0.1:9" in str(raised.value)


def test_a_missing_topic_is_named_before_anything_is_sent(servers, prefix):
    """Who has not run `baton topics apply` is told so at once."""
    with Publisher(Settings(kafka_servers=servers)) as publisher, pytest.raises(BatonError, match=f"{prefix}x.*apply"):
        publisher.need(["baton.leads", f"{prefix}x"])


def test_a_broker_that_crashes_loses_nothing_and_doubles_nothing(kafka, prefix):
    """Killed in the middle and started again, the broker has every line once."""
    topic = f"{prefix}events"
    create_topics(kafka.servers, [topic], 3)
    half = Flag()
    sent = [f"{number}".encode() for number in range(20_000)]

    def contents():
        for number, content in enumerate(sent):
            if number == 10_000:
                half.set()
            yield Line("events.jsonl", number, json.dumps(event(number, id=content.decode())).encode())

    def crash():
        half.wait(60)
        kafka.kill()
        kafka.start()

    crashing = Thread(target=crash)
    crashing.start()
    with Publisher(Settings(kafka_servers=kafka.servers)) as publisher:
        done = publish(publisher, contents(), lambda content: record_of(content, as_is=True, topic=topic))
    crashing.join(120)
    found = Counter(
        json.loads(record.value())["id"].encode()
        for record in records(kafka.servers, topic, dict.fromkeys(range(3), 0))
    )
    assert done.acknowledged == 20_000
    assert found == Counter(sent)


def test_a_broker_that_stays_away_is_an_error_with_the_counts(kafka, prefix):
    """After the time-out the error says how much was acknowledged, and nothing is claimed that was not."""
    topic = f"{prefix}events"
    create_topics(kafka.servers, [topic])
    told = []
    with Publisher(Settings(kafka_servers=kafka.servers), timeout_s=8, outage=told.append) as publisher:
        publisher.send(topic, b"k", b"1")
        assert publisher.finish() == 1
        kafka.kill()
        publisher.send(topic, b"k", b"2")
        with pytest.raises(BatonError, match="acknowledged: 1 of 2 sent"):
            publisher.finish()
    assert len(told) == 1


class Clock:
    """Time that passes only while somebody waits, and a publisher that notes when it was given something."""

    def __init__(self):
        self.now, self.sent, self.acknowledged = 100.0, [], 0

    def monotonic(self):
        return self.now

    def wait(self, seconds):
        self.now += max(0.0, seconds)

    def send(self, *_):
        self.sent.append(self.now)
        self.now += 0.001

    def finish(self):
        return len(self.sent)


def test_the_rate_is_kept_however_long_sending_takes(monkeypatch):
    """At 50 events a second the n-th is sent n fiftieths of a second after the start, not later and not earlier."""
    clock = Clock()
    monkeypatch.setattr("agents.publishing.time", clock)
    publish(clock, lines(*(json.dumps(event(n)).encode() for n in range(100))), rate=50)
    assert clock.sent == pytest.approx([100 + n / 50 for n in range(1, 101)])


def test_lines_are_numbered_as_an_editor_does(tmp_path):
    """Blank lines are passed over and still counted, so a place is where an editor shows it."""
    (tmp_path / "a.jsonl").write_bytes(b"1\n\n \t\r\n2\r\n3")
    found = [(line.number, line.content) for line in read_lines([str(tmp_path / "a.jsonl")])]
    assert found == [(1, b"1"), (4, b"2"), (5, b"3")]


@given(st.binary(), st.booleans(), st.none() | st.just("baton.leads"))
def test_no_line_makes_publishing_fail(content, as_is, topic):
    """Whatever a line holds, it is a record or it is refused."""
    try:
        value = record_of(content, as_is, topic).value
    except Unreadable:
        assert not (as_is and topic)  # then nothing may be refused but for its size
    else:
        assert value == content
