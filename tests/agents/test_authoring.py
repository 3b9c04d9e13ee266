"""`baton simulate` and `baton import`: events to a file or to Kafka, by the rules of each."""

import json
import re
from datetime import UTC, datetime

import confluent_kafka as ck
import pytest
import zstandard
from typer.testing import CliRunner

from schemas.decode import decode
from streams.topics import TOPIC_OF
from tests.command_line import app
from tests.engines import fresh_topics

MAPPING = """
mapping: contacts
timezone: UTC
files:
  - file: contacts.csv
    events:
      - type: lead
        id: [contact-, {column: id}]
        source: /contacts
        subject: {column: id}
        time: {column: since, date_only: true}
        data: {status: mql}
"""


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def ready(broker):
    """The broker at hand, with every topic, empty at the first of these tests."""
    fresh_topics(broker.servers)
    return broker.servers


@pytest.fixture
def servers(ready, monkeypatch):
    monkeypatch.setenv("BATON_KAFKA_SERVERS", ready)
    return ready


@pytest.fixture
def contacts(tmp_path):
    """A mapping and a CSV file of which one row cannot be mapped."""
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "contacts.csv").write_text("id,since\nc1,2026-01-05\nc2,someday\nc3,2026-01-06\n")
    return str(tmp_path / "mapping.yaml"), str(tmp_path)


def published(servers, prefix):
    """The events on the input topics whose ids begin so."""
    reader = ck.Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.partition.eof": True})
    try:
        partitions = {
            topic: reader.list_topics(topic, timeout=10).topics[topic].partitions for topic in TOPIC_OF.values()
        }
        places = [ck.TopicPartition(topic, number, 0) for topic, found in partitions.items() for number in found]
        reader.assign(places)
        values, ends = [], 0
        while ends < len(places):
            for record in reader.consume(1_000, 0.2):
                if record.error() is None:
                    values.append(record.value())
                else:
                    ends += 1
    finally:
        reader.close()
    events = [json.loads(value) for value in values]
    return [event for event in events if event["id"].startswith(prefix)]


def test_the_same_seed_tells_the_same_events(tmp_path):
    """Two runs write the same bytes, each line an event of the contract; another seed tells others."""
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert run("simulate", "--seed", seed, "--leads", "5", "--out", str(tmp_path / name)).exit_code == 0
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other
    assert all(decode(line) for line in first.splitlines())


def test_a_simulation_can_be_written_compressed(tmp_path):
    """By its name a file is compressed, with the same lines in it."""
    run("simulate", "--leads", "5", "--out", str(tmp_path / "a.jsonl"))
    run("simulate", "--leads", "5", "--out", str(tmp_path / "a.jsonl.zst"))
    packed = zstandard.ZstdDecompressor().decompressobj().decompress((tmp_path / "a.jsonl.zst").read_bytes())
    assert packed == (tmp_path / "a.jsonl").read_bytes()


def test_nothing_is_told_after_until(tmp_path):
    """`--until` ends the story; a time without an offset is UTC."""
    run("simulate", "--leads", "50", "--days", "10", "--until", "2026-01-04", "--out", str(tmp_path / "a"))
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in (tmp_path / "a").read_bytes().splitlines()]
    assert max(times) <= datetime(2026, 1, 4, tzinfo=UTC)


def test_a_company_that_is_published_tells_nothing_of_the_future(servers):
    """What goes to Kafka ends now, since the engine takes no event of the future."""
    today = datetime.now(UTC).date().isoformat()
    shown = run("simulate", "--seed", "77", "--leads", "4000", "--days", "10", "--start", today, "--kafka")
    events = published(servers, "s77-")
    assert shown.stdout == f"{len(events)} acknowledged\n"
    assert all(datetime.fromisoformat(event["time"]) <= datetime.now(UTC) for event in events)


def test_a_live_company_publishes_what_is_due(servers):
    """For a second, events with the time at which they are published, all of them acknowledged."""
    before = datetime.now(UTC)
    shown = run("simulate", "--live", "--kafka", "--seed", "78", "--rate", "200", "--seconds", "1")
    events = [event for event in published(servers, "live-") if re.match(r"live-\w+-78\b", event["id"])]
    assert (shown.exit_code, shown.stdout) == (0, f"{len(events)} acknowledged\n")
    assert events
    assert all(before <= datetime.fromisoformat(event["time"]) <= datetime.now(UTC) for event in events)


@pytest.mark.parametrize("words", [("--live",), ("--seconds", "3"), ("--start", "soon")])
def test_what_makes_no_sense_is_refused(words):
    """Options that need each other, and times that are none, are told before anything is written."""
    shown = run("simulate", *words)
    assert type(shown.exception).__name__ == "BatonError"
    assert shown.stdout == ""


@pytest.mark.parametrize(
    ("start", "days"),
    [
        ("1990-01-01", "1"),
        ("1999-12-31T23:59:59", "1"),
        ("2000-01-01T00:00:00+01:00", "1"),
        ("0001-01-01T00:00:00+14:00", "1"),
        ("2099-12-31", "2"),
        ("2026-01-01", "100000"),
        ("9999-12-01", "90"),
        ("9999-12-31T23:59:59-14:00", "1"),
    ],
)
def test_years_that_events_cannot_have_are_refused(start, days, tmp_path):
    """A company whose leads would appear before 2000 or after 2099 is told in one line, and nothing is written."""
    shown = run("simulate", "--start", start, "--days", days, "--out", str(tmp_path / "a.jsonl"))
    assert type(shown.exception).__name__ == "BatonError"
    assert str(shown.exception) == (
        f"{days} days from {start} are not within the years 2000 to 2099, which events are of: "
        "choose another --start, or fewer --days"
    )
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize(("start", "days"), [("2000-01-01", "1"), ("2099-11-01", "61")])
def test_every_event_of_the_first_and_the_last_years_is_one(start, days, tmp_path):
    """At both ends of the contract's years each event is readable; lives that last longer are told to its end."""
    shown = run("simulate", "--leads", "40", "--start", start, "--days", days, "--out", str(tmp_path / "a.jsonl"))
    assert shown.exit_code == 0
    assert [decode(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]


def test_rows_that_cannot_be_mapped_are_told_and_the_others_written(contacts, tmp_path):
    """Exit code 1, each row at fault with its file and line, and all the others in the file."""
    shown = run("import", *contacts, "--out", str(tmp_path / "out.jsonl"))
    assert shown.exit_code == 1
    assert "contacts.csv:3: " in shown.stderr
    assert "3 rows: 2 events, 0 rows skipped, 1 refused" in shown.stderr
    events = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert [event["subject"] for event in events] == ["c1", "c3"]


def test_rows_can_go_straight_to_kafka(contacts, servers):
    """With `--kafka` the events are on the topic of their type, acknowledged."""
    shown = run("import", *contacts, "--kafka")
    assert shown.exit_code == 1
    assert "2 acknowledged" in shown.stdout
    assert {event["subject"] for event in published(servers, "contact-")} == {"c1", "c3"}
