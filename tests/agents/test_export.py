"""`baton export`: what the running engine has folded is, to the byte, what a replay of the same log gives."""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import confluent_kafka as ck
import msgspec
import pytest

from agents.cli import main
from agents.engine.ownership import POSITIONS
from agents.engine.refolding import AGREEMENT, REFOLDING
from agents.simulation import simulate
from streams import topics
from streams.partitioning import partition_of
from streams.rows import Head
from streams.topics import TOPIC_OF
from tests.engines import fresh_topics, read
from tests.services import ROOT, Broker
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
PARTITIONS = 2
START, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
OF_LINES = {"quarantine.jsonl", "summary.json"}
JUNK = b"no event at all"


@dataclass
class Company:
    """An engine that has been given a log, and the log as a file."""

    servers: str
    workers: Workers
    environment: dict[str, str]
    agreement: Path
    log: Path
    lines: list[bytes]

    def send(self, lines: list[bytes]) -> None:
        """Publish lines, each to the topic of its type and by its subject; some of them to the wrong partition."""
        producer = ck.Producer({"bootstrap.servers": self.servers, "partitioner": "murmur2_random"})
        for number, line in enumerate(lines):
            if line == JUNK:
                producer.produce(topics.LEADS, line, b"junk")
                continue
            event = msgspec.json.decode(line)
            strayed = {} if number % 50 else {"partition": number // 50 % PARTITIONS}
            producer.produce(TOPIC_OF[event["type"]], line, event["subject"].encode(), **strayed)
        assert producer.flush(60) == 0


def event(ident: str, subject: str, time: str, **data: object) -> bytes:
    attributes = {"specversion": "1.0", "id": ident, "source": "/test", "type": "baton.touchpoint.v1"}
    data = {"kind": "page_view", "party": "lead"} | data
    return msgspec.json.encode(attributes | {"subject": subject, "time": time, "data": data})


def a_log() -> list[bytes]:
    """A company's events in disorder, a tenth of them twice, with conflicts, a busy lead and what is no event."""
    rnd = random.Random(3)
    lines = [msgspec.json.encode(event) for event in simulate(3, 200, START, 60, UNTIL)]
    lines += rnd.sample(lines, len(lines) // 10)
    lines += [event("1", "torn", f"2026-02-0{day}T09:00:00Z", campaign=f"c{day}") for day in (3, 1, 2)]
    lines += [event(str(n), "busy", f"2026-02-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(1010)]
    rnd.shuffle(lines)
    return [*lines, JUNK]


@pytest.fixture(scope="module")
def company(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("export")
    agreement, log, lines = folder / "agreement.yaml", folder / "log.jsonl", a_log()
    agreement.write_text(ACME.read_text().replace("lateness: 90d", "lateness: 3650d"))
    log.write_bytes(b"".join(line + b"\n" for line in lines))
    environment = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"export-{folder.name}",
    }
    fresh_topics(broker.servers, PARTITIONS)
    workers = Workers(folder, environment)
    company = Company(broker.servers, workers, environment, agreement, log, lines)
    company.send(lines[:500])
    workers.start(0)
    company.send(lines[500:])
    yield company
    workers.end_all()


@pytest.fixture
def baton(company, monkeypatch):
    """Run the command line with the engine's settings; its exit code."""
    for name, value in company.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["baton", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0

    return run


def report(out, without=OF_LINES):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name not in without}


def summary(out):
    return json.loads((out / "summary.json").read_bytes())


def test_the_engine_and_a_replay_agree(company, baton, tmp_path):
    """Leads and funnel of the running engine are, to the byte, those of a replay; each lead's fold was compared."""
    assert baton("export", "--out", tmp_path / "live") == 0
    assert baton("replay", "--agreement", company.agreement, "--out", tmp_path / "file", company.log) == 0
    live, file = report(tmp_path / "live"), report(tmp_path / "file")
    assert live == file
    assert len(live["leads.jsonl"].splitlines()) == 202
    assert b'"lead":"busy"' in live["leads.jsonl"]


def test_they_agree_on_the_past(company, baton, tmp_path):
    """Also as of an earlier time, in the middle of everything, the two agree."""
    for time in ("2026-02-01T08:00:00Z", "2026-03-01T00:00:00Z"):
        assert baton("export", "--as-of", time, "--out", tmp_path / "live") == 0
        assert (
            baton("replay", "--as-of", time, "--agreement", company.agreement, "--out", tmp_path / "file", company.log)
            == 0
        )
        live, file = report(tmp_path / "live"), report(tmp_path / "file")
        assert live == file
        assert b'"lead":"busy"' in live["leads.jsonl"]
        assert summary(tmp_path / "live")["later"] > 0


def test_it_counts_and_tells_what_was_quarantined(company, baton, tmp_path):
    """The summary counts what is kept and quarantined, and each quarantined record is told with its place."""
    assert baton("export", "--out", tmp_path / "live") == 0
    assert baton("replay", "--agreement", company.agreement, "--out", tmp_path / "file", company.log) == 0
    live, file = summary(tmp_path / "live"), summary(tmp_path / "file")
    assert live.keys() == file.keys()
    assert {name: live[name] for name in ("folded", "conflict", "quarantined", "too_late", "later")} == {
        name: file[name] for name in ("folded", "conflict", "quarantined", "too_late", "later")
    }
    entries = [json.loads(line) for line in (tmp_path / "live" / "quarantine.jsonl").read_bytes().splitlines()]
    (junk,) = (entry for entry in entries if entry["content"] == JUNK.decode())
    assert (junk["reason"], junk["file"].split("/")[0]) == ("not_json", topics.LEADS)
    assert [entry["reason"] for entry in entries].count("conflict") == live["conflict"] == 2


def test_it_waits_for_what_was_just_published(company, baton, tmp_path):
    """What was on the topics when the export was called is in it, though the engine had not seen it yet."""
    company.send([event("just now", "newcomer", "2026-05-01T09:00:00Z")])
    assert baton("export", "--out", tmp_path / "live") == 0
    assert b'"lead":"newcomer"' in report(tmp_path / "live")["leads.jsonl"]
    with company.log.open("ab") as log:
        log.write(event("just now", "newcomer", "2026-05-01T09:00:00Z") + b"\n")


def test_it_goes_by_what_is_published_and_not_by_a_file(company, baton, monkeypatch, tmp_path):
    """Whatever BATON_AGREEMENT says here, the engine folds by the published versions; as files they make a replay."""
    monkeypatch.delenv("BATON_AGREEMENT")
    assert baton("export", "--out", tmp_path / "live") == 0
    assert baton("agreement", "versions", "--out", tmp_path / "versions") == 0
    assert baton("replay", "--agreement", tmp_path / "versions", "--out", tmp_path / "file", company.log) == 0
    assert report(tmp_path / "live") == report(tmp_path / "file")


def test_it_waits_while_leads_are_folded_again(company, baton, tmp_path, capsys):
    """Half of the leads by one version and half by another are nothing to report: it waits, and then says so."""
    half = msgspec.json.encode({"versions": [], "done": "a"})
    rewrite(company, b"torn", half, REFOLDING)
    try:
        assert baton("export", "--wait", "0", "--out", tmp_path / "live") == 3
        assert "are being folded again by a new version" in capsys.readouterr().err
    finally:
        rewrite(company, b"torn", b"", REFOLDING)


def test_it_says_when_a_version_came_in_between(company, baton, tmp_path, capsys):
    """Leads that are folded by more versions than were published at its start end it with a line, and exit code 2."""
    row = head_row(company, AGREEMENT, b"torn")
    more = json.loads(json.loads(row)[0]) | {"version": 2, "effective": "2089-01-01T00:00:00Z"}
    rewrite(company, b"torn", msgspec.json.encode([*json.loads(row), json.dumps(more)]), AGREEMENT)
    try:
        assert baton("export", "--out", tmp_path / "live") == 2
        assert "version 2 of the agreement was published meanwhile: run it again" in capsys.readouterr().err
        assert not (tmp_path / "live").exists()
    finally:
        rewrite(company, b"torn", row, AGREEMENT)


def rewrite(company: Company, lead: bytes, row: bytes, key: bytes | None = None) -> None:
    """Put a row into the lead's partition of the changelog, and the positions, as a transaction of an owner would."""
    partition = partition_of(lead, PARTITIONS)
    positions = [
        record.value()
        for record in read(company.servers, topics.CHANGELOG, PARTITIONS)
        if record.partition() == partition and record.key() == POSITIONS
    ]
    producer = ck.Producer({"bootstrap.servers": company.servers})
    producer.produce(topics.CHANGELOG, row, key or lead, partition)
    producer.produce(topics.CHANGELOG, positions[-1], POSITIONS, partition)
    assert producer.flush(60) == 0


def head_row(company: Company, key: bytes, lead: bytes | None = None) -> bytes:
    """The last row of a key, in the partition of a lead."""
    rows = (row for row in read(company.servers, topics.CHANGELOG, PARTITIONS) if row.key() == key)
    return [row.value() for row in rows if row.partition() == partition_of(lead or key, PARTITIONS)][-1]


def test_a_lead_that_was_folded_otherwise_is_named(company, baton, tmp_path, capsys):
    """A row whose fold is not that of its events makes exit code 4, with the lead; the files are the replay's."""
    assert baton("export", "--out", tmp_path / "before") == 0
    row = head_row(company, b"torn")
    head = msgspec.msgpack.decode(row, type=Head)
    head.journey.owner = "nobody"
    rewrite(company, b"torn", msgspec.msgpack.encode(head))
    try:
        capsys.readouterr()
        assert baton("export", "--out", tmp_path / "after") == 4
        assert "1 lead otherwise than a replay does; the first is torn" in capsys.readouterr().err
        assert report(tmp_path / "after") == report(tmp_path / "before")
    finally:
        rewrite(company, b"torn", row)


def test_it_gives_up_without_an_engine(company, baton, tmp_path, capsys):
    """With nobody to fold what comes in, the export ends with exit code 3 after its time, and writes nothing."""
    company.workers.leave(0)
    company.send([event("unseen", "late-comer", "2026-05-01T09:00:00Z")])
    try:
        assert baton("export", "--wait", "1", "--out", tmp_path / "live") == 3
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "within 1 s" in said
        assert f"{topics.TOUCHPOINTS} is committed up to" in said
        assert not (tmp_path / "live").exists()
    finally:
        company.workers.stopped.discard(0)
        company.workers.start(0)
    assert baton("export", "--out", tmp_path / "live") == 0
    assert b'"lead":"late-comer"' in report(tmp_path / "live")["leads.jsonl"]


def test_a_lead_is_told_event_by_event(baton, tmp_path, capsys):
    """`baton lead --json` gives the line of the report, and every event with the moves that it made."""
    assert baton("export", "--out", tmp_path / "live") == 0
    lines = report(tmp_path / "live")["leads.jsonl"].splitlines()
    line = max(map(json.loads, lines), key=lambda line: len(line["entries"]))
    capsys.readouterr()
    assert baton("lead", line["lead"], "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert line.items() <= told.items()
    moves = [move for event in told["events"] for move in event["moves"]]
    assert {move["stage"] for move in moves if move["fact"] == "entered"} == line["entered"].keys()
    assert sum(event["type"] == "baton.touchpoint.v1" for event in told["events"]) == line["touches"]


def test_a_lead_is_told_to_people(baton, capsys):
    """`baton lead` shows where a lead is and what each event said and did, a line each."""
    assert baton("lead", "torn") == 0
    shown = capsys.readouterr().out
    assert "stage     visitor" in shown
    assert "2026-02-01T09:00:00.000000Z" in shown
    assert "page_view by lead c1" in shown
    assert "into visitor" in shown


def test_a_lead_that_is_not_there_is_said(baton, capsys):
    """A lead that nobody knows is one line, with exit code 2."""
    assert baton("lead", "nobody") == 2
    assert capsys.readouterr().err.startswith("error: no lead nobody is in the engine's table")


def test_no_broker_is_one_clear_line(monkeypatch, tmp_path, capsys):
    """Without a broker the export says so in one line, with exit code 2, and writes nothing."""
    monkeypatch.setenv("BATON_KAFKA_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("BATON_AGREEMENT", str(ACME))
    monkeypatch.setattr(sys, "argv", ["baton", "export", "--out", str(tmp_path / "live")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "127.0.0.1:1" in capsys.readouterr().err
    assert not (tmp_path / "live").exists()
