"""`baton backtest`: what another agreement would have made of the same history, verdict by verdict."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from agents import cli
from agents.agreements import read_agreements
from agents.backtesting import backtest
from agents.replaying import replay
from agents.simulation import simulate
from tests.command_line import app
from tests.services import ROOT

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
START = datetime(2026, 1, 1, tzinfo=UTC)


def clause(ident="answer", within="4h", **more):
    return {
        "id": ident,
        "owed_by": "sales",
        "kind": "response",
        "starts": {"stage": "mql"},
        "met_by": {"type": "touchpoint", "party": "sales"},
        "within": within,
        **more,
    }


VOLUME = {"id": "volume", "owed_by": "marketing", "kind": "volume", "counts": {"stage": "mql"}, "per": "month"}
STRICT = {"profile": {"score": {"at_least": 50}}}


def write_agreement(path, *clauses, version=1, effective="2026-03-01T00:00:00Z", requires=None):
    mql = {"id": "mql", "enters": {"type": "lead", "status": "mql"}} | ({"requires": requires} if requires else {})
    stages = [{"id": "lead", "enters": {"type": "touchpoint", "party": "lead"}}, mql]
    written = {
        "agreement": "acme",
        "version": version,
        "effective": effective,
        "parties": {"marketing": {}, "sales": {}},
        "channels": ["email"],
        "funnel": {"stages": stages},
        "clauses": list(clauses),
    }
    with path.open("w") as file:
        YAML().dump(written, file)
    return str(path)


def lines(*leads):
    """Each lead: its id, its score, and the hour after which it is called; all in January."""
    for ident, score, hours in leads:
        yield event(ident, "a", "2026-01-05T09:00:00Z", "touchpoint", kind="ad_click", party="lead", channel="email")
        data = {"status": "mql", "owner": "carla", "profile": {"score": score}}
        yield event(ident, "b", "2026-01-05T10:00:00Z", "lead", **data)
        if hours is not None:
            yield event(ident, "c", f"2026-01-05T{10 + hours}:00:00Z", "touchpoint", kind="call", party="sales")
    yield event("last", "z", "2026-01-20T10:00:00Z", "touchpoint", kind="page_view", party="lead")


def event(subject, ident, moment, type_, **data):
    said = {"specversion": "1.0", "id": ident, "source": "/test", "type": f"baton.{type_}.v1"}
    return json.dumps(said | {"subject": subject, "time": moment, "data": data})


@pytest.fixture
def events(tmp_path):
    """Three leads: called after one hour, after three, and never; the second has a low score."""
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(lines(("fast", 90, 1), ("slow", 20, 3), ("never", 60, None))))
    return str(path)


def run(*words):
    ended = CliRunner().invoke(app, ["backtest", *map(str, words)], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.stdout


def found(*words):
    return json.loads(run(*words, "--json"))


def fails(monkeypatch, capsys, *words):
    """What the command says on standard error, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["baton", "backtest", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capsys.readouterr().err.replace("\n", " ")


def tally(met=0, breached=0, cancelled=0, running=0):
    judged = met + breached
    share = met / judged if judged else None
    return {"met": met, "breached": breached, "cancelled": cancelled, "running": running, "share_met": share}


def test_verdicts_are_held_side_by_side(events, tmp_path):
    """A tighter target makes a breach of an answer that was in time; both tell of a time before they took effect."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    new = write_agreement(tmp_path / "new.yaml", clause(within="2h"), version=2, effective="2026-06-01T00:00:00Z")
    told = found("--agreement", old, "--agreement", new, events)
    assert [(one["clause"], one["old"], one["new"]) for one in told["clauses"]] == [
        ("answer", tally(met=2, breached=1), tally(met=1, breached=2))
    ]
    assert told["flips"] == [{"lead": "slow", "clause": "answer", "cycle": 1, "from": "met", "to": "breached"}]
    assert told["flip_counts"] == [{"clause": "answer", "from": "met", "to": "breached", "clocks": 1}]
    for dimension, value in (("owners", "carla"), ("tiers", "(none)"), ("channels", "email")):
        (group,) = told[dimension]
        assert (group["value"], group["old"], group["new"]) == (value, told["clauses"][0]["old"], tally(1, 2))


def test_leads_that_are_in_a_stage_by_one_agreement_alone_are_named(events, tmp_path):
    """An MQL that a stricter requirement makes none is told, and so are its clocks that are gone."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    new = write_agreement(tmp_path / "new.yaml", clause(), requires=STRICT)
    told = found("--agreement", old, "--agreement", new, events)
    assert told["stages"][1] == {"stage": "mql", "old": 3, "new": 2, "only_old": ["slow"], "only_new": []}
    assert told["flips"] == [{"lead": "slow", "clause": "answer", "cycle": 1, "from": "met", "to": None}]
    back = found("--agreement", new, "--agreement", old, events)
    assert back["stages"][1] == {"stage": "mql", "old": 2, "new": 3, "only_old": [], "only_new": ["slow"]}
    assert back["flips"] == [{"lead": "slow", "clause": "answer", "cycle": 1, "from": None, "to": "met"}]


def test_a_clause_that_only_one_has_is_no_flip(events, tmp_path):
    """A new clause is told in its row, and does not drown the flips of the others."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    new = write_agreement(tmp_path / "new.yaml", clause(), clause("second", "1h"))
    told = found("--agreement", old, "--agreement", new, events)
    assert [(one["clause"], one["old"] is None) for one in told["clauses"]] == [("answer", False), ("second", True)]
    assert told["flips"] == []


def test_promises_are_compared_by_period(events, tmp_path):
    """A promise's figures in a period stand beside each other, also where only one agreement makes it."""
    old = write_agreement(tmp_path / "old.yaml", {**VOLUME, "at_least": 3})
    new = write_agreement(
        tmp_path / "new.yaml", {**VOLUME, "at_least": 3}, {**VOLUME, "id": "more", "at_least": 9}, requires=STRICT
    )
    rows = found("--agreement", old, "--agreement", new, events)["promises"]
    reached = [
        (row["id"], row["period"], *(row[side] and row[side]["numerator"] for side in ("old", "new"))) for row in rows
    ]
    assert reached == [("more", "2026-01", None, 2), ("volume", "2026-01", 3, 2)]


def test_an_agreement_against_itself_differs_in_nothing(tmp_path):
    """On a company's whole history, the same terms come to the same verdicts."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in simulate(5, 150, START, 60)))
    (agreement,) = read_agreements([ACME])
    same = backtest(agreement, agreement, [str(path)], tmp_path / "out")
    assert sum(group.old.met + group.old.breached for group in same.clauses) > 20
    assert same.flips == []
    assert all(group.old == group.new for group in (*same.clauses, *same.owners, *same.tiers, *same.channels))
    assert all(row.old == row.new for row in same.promises)
    assert all(row.old == row.new and not row.only_old and not row.only_new for row in same.stages)
    # the agreement takes effect before the first event, so its replay says the same
    replay([agreement], [str(path)], tmp_path / "alone")
    for name in ("clocks.jsonl", "leads.jsonl"):
        assert (tmp_path / "out" / "new" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_each_flip_is_what_the_two_reports_say(tmp_path):
    """Flips are exactly the clocks of which the two replays tell another state."""
    path, new = tmp_path / "events.jsonl", tmp_path / "new.yaml"
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in simulate(6, 150, START, 60)))
    new.write_text(ACME.read_text().replace("within: 4h", "within: 1h").replace("at_least: 50", "at_least: 65"))
    out = tmp_path / "out"
    told = found("--agreement", ACME, "--agreement", new, path, "--out", out)
    sides = []
    for name in ("old", "new"):
        lines = map(json.loads, (out / name / "clocks.jsonl").read_bytes().splitlines())
        sides.append({(line["lead"], line["clause"], line["cycle"]): line["state"] for line in lines})
    old, now = sides
    differing = sorted(key for key in old | now if old.get(key) != now.get(key))
    assert [(one["lead"], one["clause"], one["cycle"]) for one in told["flips"]] == differing
    assert [(one["from"], one["to"]) for one in told["flips"]] == [(old.get(key), now.get(key)) for key in differing]
    assert len(differing) > 5


def test_the_folder_has_everything(events, tmp_path):
    """--out keeps the comparison, a line for each flip, and the whole report of each agreement."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    new = write_agreement(tmp_path / "new.yaml", clause(within="2h"))
    out = tmp_path / "out"
    run(events, old, new, "--out", out)
    assert {path.name for path in out.iterdir()} == {"old", "new", "backtest.json", "flips.jsonl"}
    assert {path.name for path in (out / "new").iterdir()} >= {"clocks.jsonl", "leads.jsonl", "promises.json"}
    told = json.loads((out / "backtest.json").read_bytes())
    assert told == found(events, old, new)
    assert [json.loads(line) for line in (out / "flips.jsonl").read_bytes().splitlines()] == told["flips"]


def test_people_see_what_changes(events, tmp_path):
    """The terminal shows each verdict's count from old to new, and only so many leads as were asked for."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    new = write_agreement(tmp_path / "new.yaml", clause(within="30m"), requires=STRICT)
    shown = run("--agreement", old, "--agreement", new, events, "--show", 1)
    assert "acme version 1 → acme version 1, on 9 events" in shown
    assert "66.7% → 0.0%" in shown
    assert "mql, no more: slow" in shown
    assert "Clocks with another verdict: 2" in shown
    assert "no clock" in shown
    assert shown.rstrip().endswith("… and 1 more")


def test_standard_input_is_read_once_for_both(events, tmp_path):
    """Events from a pipe are folded by both agreements."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    ended = CliRunner().invoke(app, ["backtest", old, old, "-", "--json"], input=Path(events).read_bytes())
    assert json.loads(ended.stdout)["events"] == 9
    assert json.loads(ended.stdout)["clauses"][0]["new"] == tally(met=2, breached=1)


def test_what_is_wrong_is_one_clear_line(events, tmp_path, monkeypatch, capsys):
    """Too few agreements, a folder of versions, and no events are each a line that says how to mend it."""
    old = write_agreement(tmp_path / "old.yaml", clause())
    assert "1 given; name two files" in fails(monkeypatch, capsys, "--agreement", old, events)
    folder = tmp_path / "versions"
    folder.mkdir()
    write_agreement(folder / "1.yaml", clause())
    write_agreement(folder / "2.yaml", clause(), version=2, effective="2026-06-01T00:00:00Z")
    assert "has 2 versions; name the file" in fails(monkeypatch, capsys, old, events, "--agreement", folder)
    assert "no file of events is given" in fails(monkeypatch, capsys, old, old)
    assert "there is no such file" in fails(monkeypatch, capsys, old, old, tmp_path / "no.jsonl")
    out = tmp_path / "out"
    assert "there is no such file" in fails(monkeypatch, capsys, old, old, tmp_path / "no.jsonl", "--out", out)
    assert not out.exists()
    broken = tmp_path / "broken.yaml"
    broken.write_text("agreement: acme\n")
    assert "broken.yaml" in fails(monkeypatch, capsys, old, broken, events)
