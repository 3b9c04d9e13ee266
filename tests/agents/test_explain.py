"""`baton explain`: one lead's clocks, and why they stand as they do, for people and for programs."""

import json
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from agents import cli
from agents.agreements import read_agreements
from agents.cli import console
from agents.explaining import evidence
from agents.language import LANGUAGES
from streams import topics
from streams.published import Version
from streams.topics import TOPIC_OF
from tests.command_line import app
from tests.engines import fresh_topics, publish, read, wait_until
from tests.workers import Workers


def event(ident, moment, type_, subject="l1", **data):
    return {
        "specversion": "1.0",
        "id": ident,
        "source": "/test",
        "type": f"baton.{type_}.v1",
        "subject": subject,
        "time": moment,
        "data": data,
    }


EVENTS = [
    event("early", "2026-03-02T11:00:00Z", "touchpoint", kind="call", party="sales", rep="carla"),
    event("start", "2026-03-02T15:00:00Z", "lead", status="mql", owner="carla", profile={"segment": "enterprise"}),
    event("robot", "2026-03-02T15:30:00Z", "touchpoint", kind="call", party="sales", rep="carla", automated=True),
    event("other", "2026-03-02T16:30:00Z", "touchpoint", kind="call", party="sales", rep="bruno"),
    event("answer", "2026-03-03T14:00:00Z", "touchpoint", kind="call", party="sales", rep="carla"),
    event("elsewhere", "2026-03-04T12:00:00Z", "lead", subject="l2", status="mql"),
]
NEEDS = {"email": {"known": True}}
AGREEMENT = {
    "agreement": "acme",
    "version": 2,
    "effective": "2026-01-01T00:00:00Z",
    "timezone": "America/Sao_Paulo",
    "calendar": "office",
    "parties": {"marketing": {}, "sales": {"responsible": "bruno"}},
    "people": [{"id": "bruno"}, {"id": "carla"}],
    "channels": ["email"],
    "calendars": {"office": {"week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]}}},
    "funnel": {
        "stages": [
            {"id": "lead", "enters": {"type": "touchpoint"}},
            {"id": "mql", "enters": {"type": "lead", "status": "mql"}},
        ]
    },
    "clauses": [
        {
            "id": "first-response",
            "owed_by": "sales",
            "kind": "response",
            "starts": {"stage": "mql"},
            "by": "owner",
            "met_by": {"type": "touchpoint", "party": "sales", "kind": "call"},
            "within": "4h",
            "warn_at": [0.5],
            "tiers": [{"when": {"profile": {"segment": "enterprise"}}, "within": "2h"}],
        },
        {
            "id": "persistence",
            "owed_by": "sales",
            "kind": "attempts",
            "starts": {"stage": "mql"},
            "counts": {"type": "touchpoint", "party": "sales"},
            "at_least": 3,
            "within": "20h",
        },
    ],
}


@pytest.fixture
def files(tmp_path):
    """A file of events, and an agreement."""
    events, agreement = tmp_path / "events.jsonl", tmp_path / "acme.yaml"
    events.write_text("".join(json.dumps(one) + "\n" for one in [*EVENTS, *EVENTS[:1]]) + "nonsense\n")
    with agreement.open("w") as file:
        YAML().dump(AGREEMENT, file)
    return str(events), "--agreement", str(agreement)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """The consoles are made once, for whatever terminal there then was."""
    monkeypatch.setattr(console.out, "width", 160)
    monkeypatch.setattr(console.err, "width", 160)


def run(*words):
    return CliRunner().invoke(app, ["explain", *map(str, words)], catch_exceptions=False)


def told(*words):
    ended = run(*words, "--json")
    assert ended.exit_code == 0
    return json.loads(ended.stdout)


def fails(monkeypatch, capsys, *words):
    """What the command says on standard error, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["baton", "explain", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capsys.readouterr().err.replace("\n", " ")


def test_a_breach_is_explained_to_a_program(files):
    """The line of clocks.jsonl, with each stretch of time and each event that answered, or did not and why."""
    document = told("l1", *files, "--clause", "first-response")
    (clock,) = document["clocks"]
    assert (clock["state"], clock["elapsed_s"], clock["tier"], clock["within"]) == ("breached", 7 * 3_600, 0, "2h")
    assert [(one["event"]["id"], one["role"], one["late"]) for one in clock["events"]] == [
        ("early", "before_start", False),
        ("robot", "automated", False),
        ("other", "not_by_owner", False),
        ("answer", "answered", True),
    ]
    assert [one["why"] for one in clock["stretches"]] == ["closed", "open", "closed", "open"]
    assert sum(one["seconds"] for one in clock["stretches"] if one["counts"]) == clock["elapsed_s"]
    assert clock["stretches"][0]["from"] == "2026-03-02T15:00:00.000000Z"
    assert clock["tier_fields"] == {"segment": "enterprise"}
    assert (clock["warnings"][0]["at"], clock["warnings"][0]["given"]) == ("2026-03-02T17:00:00.000000Z", True)
    assert clock["corrections"] is None


def test_as_of_is_the_last_event_of_all_leads_or_what_is_asked(files):
    """As in a replay, the last event's time is the now, unless another is given."""
    assert told("l1", *files)["as_of"] == "2026-03-04T12:00:00.000000Z"
    early = told("l1", *files, "--as-of", "2026-03-02T16:30:00Z", "--clause", "first-response")
    assert [(one["state"], one["elapsed_s"]) for one in early["clocks"]] == [("running", 1_800)]


def test_a_breach_is_explained_to_a_person(files):
    """The verdict in one sentence, times in the agreement's zone, what counted, and what each event was."""
    ended = run("l1", *files)
    shown = ended.stdout
    assert "Times: Sao Paulo time." in shown
    assert "First response, cycle 1: breached" in shown
    assert "Breached: Sales had 2 hours, and answered after 7 hours." in shown
    assert "Mar 2, 2026, 12:00 PM: status MQL, owner Carla, segment enterprise (/test start)" in shown
    assert "2 hours for leads with segment" in shown
    assert "did not count: not by the lead's owner" in shown
    assert "Counted: 7 hours. Not counted: out of hours 16 hours." in shown
    assert "attempt 2 of 3" in shown
    assert "lines that are no event, and were left out: 1" in ended.stderr


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cancels_a_clock_is_called_an_exit_only_where_exits_do(lang, tmp_path):
    """With `cancel_on` any event may cancel, in time or after it, also before a clock began."""
    clause = AGREEMENT["clauses"][0] | {"cancel_on": {"type": "lead", "status": "paused"}}
    owned = clause | {"id": "owned", "from": "owner"}
    agreement, events = tmp_path / "acme.yaml", tmp_path / "events.jsonl"
    with agreement.open("w") as file:
        YAML().dump(AGREEMENT | {"clauses": [clause, owned]}, file)
    lines = [
        event("start", "2026-03-02T15:00:00Z", "lead", status="mql"),
        event("in-time", "2026-03-02T16:30:00Z", "lead", status="paused"),
        event("start", "2026-03-02T15:00:00Z", "lead", subject="l2", status="mql"),
        event("late", "2026-03-04T16:30:00Z", "lead", subject="l2", status="paused"),
    ]
    events.write_text("".join(json.dumps(one) + "\n" for one in lines))
    shown = "".join(run(lead, events, agreement, "--lang", lang).stdout for lead in ("l1", "l2"))
    no_exit = {"en": "exit", "pt": "saída", "es": "salida"}
    assert no_exit[lang] not in shown
    for sentence in {
        "en": ["an event that cancels it came before", "would have cancelled it", "cancelled Mar 2"],
        "pt": ["um evento que o cancela veio", "teria cancelado", "cancelado em 2 de mar"],
        "es": ["un evento que lo cancela llegó", "lo habría cancelado", "cancelado el 2 mar"],
    }[lang]:
        assert sentence in shown


def test_no_stretch_of_a_long_clock_is_left_out(files):
    """Three weeks of office hours are shown whole, each stretch that counted and each that did not."""
    asked = ("l1", *files, "--as-of", "2026-03-23T12:00:00Z", "--clause", "persistence")
    (clock,) = told(*asked)["clocks"]
    shown = run(*asked).stdout
    spans = [line for line in shown.splitlines() if "\N{EN DASH}" in line]
    assert len(spans) == len(clock["stretches"]) > 50
    assert sum(line.startswith("+") for line in spans) == sum(one["counts"] for one in clock["stretches"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_tells_the_same_clocks(files, lang):
    """Each language has its own words for the same facts."""
    shown = run("l1", *files, "--lang", lang).stdout
    sentence = {
        "en": "Breached: Sales had 2 hours",
        "pt": "Descumprido: o prazo de Vendas",
        "es": "Incumplido: el plazo",
    }
    assert sentence[lang] in shown
    assert shown.count("/test answer") == 2


def test_a_file_of_an_agreement_among_the_events_is_one_more_version(files):
    """As with replay, a .yaml among the files is a version."""
    events, _, agreement = files
    assert told("l1", events, agreement)["clocks"] == told("l1", *files)["clocks"]


def test_the_engines_side_knows_what_was_corrected(files, monkeypatch):
    """Without files the engine's table is read, which knows how often late events corrected a fact."""
    events, _, agreement = files
    versions = [Version.of(one) for one in read_agreements([Path(agreement)])]
    monkeypatch.setattr("agents.cli.explaining.live_versions", lambda *_: tuple(versions))
    kept = evidence.from_files([events], "l1").events
    found = evidence.Evidence(kept, None, {"breached.first-response#1": 3})
    monkeypatch.setattr("agents.cli.explaining.from_engine", lambda *_: found)
    clock = next(one for one in told("l1")["clocks"] if one["clause"] == "first-response")
    assert clock["corrections"] == {"breached": 3}
    assert "the breach (revision 3)" in run("l1").stdout


def test_evidence_that_was_written_down_late_is_named(files):
    """A call in time that the telephony reported after the due time is shown as such: a breach was told until then."""
    with Path(files[0]).open("a") as file:
        for ident, moment, recorded in (
            ("slow", "2026-03-02T16:10:00Z", "2026-03-03T11:00:00Z"),
            ("prompt", "2026-03-02T16:05:00Z", "2026-03-02T16:06:00Z"),
        ):
            call = event(ident, moment, "touchpoint", kind="call", party="sales", rep="bruno", recorded_at=recorded)
            file.write(json.dumps(call) + "\n")
    asked = ("l1", *files, "--clause", "first-response")
    (clock,) = told(*asked)["clocks"]
    assert [one["event"]["id"] for one in clock["events"] if one["recorded_late"]] == ["slow"]
    shown = run(*asked).stdout
    (line,) = [line for line in shown.splitlines() if "Written down after it was due" in line]
    assert "call by Bruno, written down Mar 3, 2026, 8:00" in line
    assert "/test slow" in line
    assert "written down Mar 2, 2026, 1:06" in shown


def test_the_engines_side_names_holidays(tmp_path, monkeypatch):
    """A published version has dates for holidays, and is explained with their names all the same."""
    office = AGREEMENT["calendars"]["office"] | {"holidays": {"country": "BR"}}
    agreement, events = tmp_path / "acme.yaml", tmp_path / "events.jsonl"
    with agreement.open("w") as file:
        YAML().dump(AGREEMENT | {"calendars": {"office": office}}, file)
    events.write_text(json.dumps(event("start", "2026-12-24T20:00:00Z", "lead", status="mql")) + "\n")
    by_file = run("l1", events, agreement, "--as-of", "2026-12-28T15:00:00Z")
    versions = [Version.of(one) for one in read_agreements([agreement])]
    monkeypatch.setattr("agents.cli.explaining.live_versions", lambda *_: tuple(versions))
    monkeypatch.setattr("agents.cli.explaining.from_engine", lambda *_: evidence.from_files([str(events)], "l1"))
    live = run("l1", "--as-of", "2026-12-28T15:00:00Z")
    assert "holiday: Natal" in live.stdout
    assert live.stdout == by_file.stdout


def test_a_lead_without_a_clock_is_told_so(files, tmp_path):
    """That nothing started a clock is said, and is no error."""
    events = tmp_path / "quiet.jsonl"
    events.write_text(json.dumps(EVENTS[0]) + "\n")
    assert "No clock: no event of the lead started one." in run("l1", events, *files[1:]).stdout


def test_a_stage_that_is_waited_for_says_what_is_missing(tmp_path):
    """A lead without a clock because its profile is not complete is told what it lacks."""
    stages = [AGREEMENT["funnel"]["stages"][0], AGREEMENT["funnel"]["stages"][1] | {"requires": {"profile": NEEDS}}]
    agreement, events = tmp_path / "strict.yaml", tmp_path / "events.jsonl"
    with agreement.open("w") as file:
        YAML().dump(AGREEMENT | {"funnel": {"stages": stages}}, file)
    events.write_text("".join(json.dumps(one) + "\n" for one in EVENTS))
    shown = run("l1", events, agreement).stdout
    assert "It is not in MQL yet: for that its profile lacks e-mail." in shown
    assert "No clock" in shown


@pytest.fixture
def engine(tansu, tmp_path, files, monkeypatch):
    """A worker on topics of its own, by the agreement of `files`."""
    environment = {
        "BATON_KAFKA_SERVERS": tansu.servers,
        "BATON_AGREEMENT": files[2],
        "BATON_PARTITIONS": "2",
        "BATON_METRICS_PORT": "0",
        "BATON_OVERDUE_WAIT_S": "0",
        "BATON_APP": f"explain-{tmp_path.name}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    fresh_topics(tansu.servers, 2)
    workers = Workers(tmp_path, environment)
    workers.start(0)
    yield tansu.servers
    workers.end_all()


def send(servers, *events):
    publish(servers, [(TOPIC_OF[one["type"]], one["subject"].encode(), json.dumps(one).encode()) for one in events])


def says(servers, change, revision):
    """Whether the engine has said so of the first response to the lead."""
    said = [json.loads(record.value())["data"] for record in read(servers, topics.CLOCKS, 2)]
    return {"lead": "l1", "kind": f"{change}.first-response", "number": 1} in [
        one["fact"] for one in said if one["revision"] == revision
    ]


def test_the_running_engine_explains_as_files_do(engine, files):
    """From the engine's table the same is told as from the files, and what late evidence corrected."""
    early = event("in-time", "2026-03-02T15:10:00Z", "touchpoint", kind="call", party="sales", rep="carla")
    with Path(files[0]).open("a") as file:
        file.write(json.dumps(early) + "\n")
    send(engine, *EVENTS)
    wait_until(lambda: says(engine, "breached", 1), "the breach")
    send(engine, early)
    wait_until(lambda: says(engine, "breached", 2), "the breach to be taken back")
    asked = ("--as-of", "2026-03-05T12:00:00Z")
    live, offline = told("l1", *asked), told("l1", *files, *asked)
    assert live["clocks"][0]["corrections"] == {"breached": 2, "warned.0": 2}
    for document in (live, offline):
        for clock in document["clocks"]:
            del clock["corrections"]
    assert live == offline
    assert live["clocks"][0]["state"] == "met"


def test_what_is_wrong_is_one_clear_line(files, monkeypatch, capsys, tmp_path):
    """An unknown lead, clause or file, and a missing agreement, are each a line that says how to mend it."""
    monkeypatch.delenv("BATON_AGREEMENT", raising=False)
    assert "no event of a lead nobody is in" in fails(monkeypatch, capsys, "nobody", *files)
    assert "those that do: first-response, persistence" in fails(monkeypatch, capsys, "l1", *files, "--clause", "x")
    assert "name its file by --agreement" in fails(monkeypatch, capsys, "l1", files[0])
    assert "there is no such file" in fails(monkeypatch, capsys, "l1", tmp_path / "no.jsonl", *files[1:])
    monkeypatch.setenv("BATON_KAFKA_SERVERS", "127.0.0.1:1")
    assert "no Kafka broker answers at 127.0.0.1:1" in fails(monkeypatch, capsys, "l1")
    assert "--as-of:" in fails(monkeypatch, capsys, "l1", *files, "--as-of", "noon")
