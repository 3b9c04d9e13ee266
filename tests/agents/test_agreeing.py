"""`baton agreement`: begin with an agreement that works, and hold one against a company's own events."""

import json
import sys
from itertools import combinations

import pytest
import zstandard
from typer.testing import CliRunner

from agents import cli
from agents.agreeing.checking import check
from agents.agreeing.starting import starter
from agents.language import LANGUAGES
from schemas.loader import load_agreement
from tests.command_line import app
from tests.services import ROOT

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
PLACE = {"glossary", "timezone", "effective"}


def run(*words):
    return CliRunner().invoke(app, ["agreement", *map(str, words)])


def event(type_, number=1, subject="l1", **data):
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{type_}-{number}",
            "source": "/test",
            "type": f"baton.{type_}.v1",
            "subject": subject,
            "time": "2026-03-02T12:00:00Z",
            "data": data,
        }
    ).encode()


def touch(**data):
    return event("touchpoint", **{"kind": "call", "party": "sales", **data})


def agreement_of(**parts):
    base = {
        "agreement": "acme",
        "version": 1,
        "effective": "2026-01-01T00:00:00Z",
        "parties": {"marketing": {}, "sales": {"responsible": "bruno"}},
        "people": [{"id": "bruno"}, {"id": "carla", "manager": "bruno"}, {"id": "diego"}],
        "channels": ["email", "social"],
        "funnel": {
            "stages": [
                {"id": "lead", "enters": {"type": "touchpoint", "kind": ["form_submit", "call"]}},
                {"id": "mql", "enters": {"type": "lead", "status": "mql"}},
                {"id": "opportunity", "enters": {"type": "deal", "stage": {"not": ["won", "lost"]}}},
            ],
            "exits": [
                {"id": "rejected", "on": {"type": "lead", "status": "rejected"}, "reasons": ["no_fit", "duplicate"]},
                {"id": "lost", "on": {"type": "deal", "stage": "lost"}, "reasons": ["price"]},
            ],
        },
    }
    return load_agreement(json.dumps({**base, **parts}), "acme.yaml")


def found(lines, **parts):
    """What events use and the agreement does not know, and the other way round; only what there is."""
    findings = check(agreement_of(**parts), lines)
    unknown = {name: [(one.value, one.count) for one in values] for name, values in findings.unknown.items() if values}
    return unknown, {name: values for name, values in findings.unused.items() if values}


# new


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_new_agreement_works_as_it_is(code, tmp_path):
    """What `new` writes has no errors, begins with comments, and is what it prints without a file."""
    path = tmp_path / "mine.yaml"
    assert run("new", "--lang", code, "--out", path).exit_code == 0
    assert run("new", "--lang", code).stdout == path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# ")
    checked = run("check", path)
    assert (checked.exit_code, checked.stdout.startswith("fine: starter, version 1")) == (0, True)


def test_a_new_agreement_says_the_same_in_every_language():
    """The models are equal but for the glossary's text, and for the place: since when, zone, holidays, currency."""
    english, *others = (placeless(load_agreement(starter(code), code).model_dump(mode="json")) for code in LANGUAGES)
    assert len(english["clauses"]) >= 7
    assert others == [english, english]
    words = [set(load_agreement(starter(code), code).glossary.values()) for code in LANGUAGES]
    assert not words[0] & words[1] | words[0] & words[2] | words[1] & words[2]


def placeless(document):
    """An agreement without what each language's has of its own."""
    document["glossary"] = sorted(document["glossary"])
    document["timezone"] = document["effective"] = None
    for calendar in document["calendars"].values():
        calendar["timezone"] = None if calendar["timezone"] != "UTC" else "UTC"
        calendar["holidays"] = calendar["holidays"] and {**calendar["holidays"], "country": None}
    for goal in document["goals"]:
        goal["currency"] = None
    return document


def test_a_new_agreement_is_commented_in_its_language():
    """No sentence of a comment is the same in two languages."""
    comments = [
        {
            line.strip()
            for line in starter(code).splitlines()
            if line.startswith("# ") and line[2] != " " and len(line.split()) > 6
        }
        for code in LANGUAGES
    ]
    assert all(len(lines) > 15 for lines in comments)
    assert not [lines & others for lines, others in combinations(comments, 2) if lines & others]


WARNED, BREACHED, BEHIND = ("warned",), ("breached",), ("off_pace", "missed")
COMMENTED_OUT = [(starter(code), [WARNED, BREACHED, BEHIND]) for code in LANGUAGES]
COMMENTED_OUT.append(
    (ACME.read_text(encoding="utf-8"), [BREACHED, ("off_pace", "on_pace", "missed"), ("kept", "missed")])
)


@pytest.mark.parametrize(("text", "changes"), COMMENTED_OUT, ids=[*LANGUAGES, "acme"])
def test_what_is_commented_out_works_too(text, changes):
    """The notifications of a new agreement, as soon as their comment marks are taken away."""
    before, head, after = text.partition("# notifications:\n")
    block, blank, rest = after.partition("\n\n")
    lines = "\n".join(line.removeprefix("# ") for line in block.split("\n"))
    told = load_agreement(f"{before}notifications:\n{lines}{blank}{rest}", "acme.yaml").notifications
    assert head
    assert [route.change for route in told.routes] == changes


def test_a_file_is_never_overwritten(tmp_path):
    """`new` refuses a file that is there, and leaves it as it is."""
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    refused = run("new", "--out", path)
    assert "is there already" in str(refused.exception)
    assert path.read_text() == "precious"


# check


def test_every_error_is_told_with_its_place(tmp_path, monkeypatch, capsys):
    """Each with file, line and column, a line each, and exit code 2."""
    path = tmp_path / "bad.yaml"
    path.write_text(
        starter("en").replace("within: 4h", "within: 4x").replace("starts: {stage: mql}", "starts: {stage: mqll}")
    )
    monkeypatch.setattr(sys, "argv", ["baton", "agreement", "check", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"{path}:" in told
    assert "unknown stage 'mqll'" in told
    assert "'4x' is no duration" in told
    assert "Traceback" not in told


def test_errors_are_data_too(tmp_path):
    """`--json` gives each error's path, line and column, and exit code 2; without errors it gives a summary."""
    path = tmp_path / "bad.yaml"
    path.write_text(starter("en").replace("within: 4h", "within: 4x"))
    refused = run("check", "--json", path)
    answer = json.loads(refused.stdout)
    line = path.read_text().splitlines().index("    within: 4x") + 1
    assert (refused.exit_code, answer["ok"]) == (2, False)
    assert [(one["path"], one["line"], one["column"]) for one in answer["errors"]] == [("clauses[1].within", line, 13)]
    fine = json.loads(run("check", "--json", ACME).stdout)
    assert fine["ok"] is True
    assert fine["versions"][0]["stages"] == ["visitor", "lead", "mql", "sal", "sql", "opportunity", "customer"]
    assert fine["versions"][0]["clauses"]["persistence"] == "attempts"


def test_a_fine_agreement_is_summed_up():
    """How many stages, clauses, goals and calendars there are."""
    shown = run("check", ACME).stdout
    assert "7 stages, 3 exits, 10 clauses (response 5, attempts 1, volume 2, ratio 1, completeness 1)" in shown
    assert "1 goal, 6 calendars" in shown


def test_words_that_only_events_use_are_told_by_how_often():
    """Statuses, channels, reasons, owners, representatives, parties and kinds: each with its count, most first."""
    unknown, _ = found(
        [
            event("lead", status="nurture", owner="zoe"),
            event("lead", status="nurture", owner="carla"),
            event("lead", status="dormant"),
            event("lead", status="rejected", reason="competitor"),
            event("lead", status="rejected", reason="no_fit"),
            event("deal", deal_id="d", stage="lost", reason="no_fit", owner="zoe"),
            touch(channel="tv", kind="fax"),
            touch(party="agency", rep="zoe"),
            touch(party="lead", rep="nobody"),
            event(
                "spend",
                subject="tv",
                channel="tv",
                amount="1",
                currency="BRL",
                **{"from": "2026-01-01", "to": "2026-01-02"},
            ),
        ]
    )
    assert unknown == {
        "statuses": [("nurture", 2), ("dormant", 1)],
        "channels": [("tv", 2)],
        "reasons": [("lost: no_fit", 1), ("rejected: competitor", 1)],
        "owners": [("zoe", 2)],
        "reps": [("zoe", 1)],
        "parties": [("agency", 1)],
        "kinds": [("fax", 1)],
    }


def test_a_reason_that_takes_no_exit_is_told_too(tmp_path):
    """Whoever starts from a new agreement and a history of their own sees what leads were lost for there."""
    spam = event("lead", status="disqualified", reason="spam")
    agreement, events = tmp_path / "new.yaml", tmp_path / "history.jsonl"
    agreement.write_text(starter("en"), encoding="utf-8")
    events.write_bytes((spam + b"\n") * 500)
    shown = run("check", agreement, "--against", events).stdout
    assert "disqualified (500)" in shown
    assert "spam (500)" in shown


def test_a_reason_that_a_matcher_names_is_known():
    """A clause may tell reasons apart that are no exit's."""
    clause = {
        "id": "c",
        "owed_by": "sales",
        "kind": "response",
        "starts": {"stage": "mql"},
        "met_by": {"type": "lead", "status": "mql", "reason": "again"},
        "within": "4h",
    }
    unknown, _ = found([event("lead", status="mql", reason="again")], clauses=[clause])
    assert unknown == {}


def test_a_deal_without_a_kind_is_a_new_one():
    """An exit that names the kind `new` is taken by deals that leave it out, as the engine has it."""
    lost = {"type": "deal", "stage": "lost", "kind": "new"}
    stages = [{"id": "lead", "enters": {"type": "touchpoint"}}]
    exits = [{"id": "lost", "on": lost, "reasons": ["price"]}]
    line = event("deal", deal_id="d", stage="lost", reason="timing")
    unknown, _ = found([line], funnel={"stages": stages, "exits": exits})
    assert unknown["reasons"] == [("lost: timing", 1)]


def test_words_that_only_the_agreement_has_are_told():
    """What it names and no event uses, in its own order; who only manages others need not own a lead."""
    _, unused = found([event("lead", status="mql", owner="carla"), touch(channel="social")])
    assert unused == {
        "statuses": ["rejected"],
        "channels": ["email"],
        "reasons": ["rejected: no_fit", "rejected: duplicate", "lost: price"],
        "owners": ["diego"],
        "parties": ["marketing"],
        "deal_stages": ["won", "lost"],
        "kinds": ["form_submit"],
    }


def test_a_stage_that_a_matcher_takes_is_known():
    """Where the agreement says «any stage but won and lost», a stage of one's own is no surprise."""
    unknown, _ = found([event("deal", deal_id="d", stage="negotiation"), event("deal", deal_id="d", stage="won")])
    assert unknown == {}


def test_without_people_everybody_is_known():
    """An agreement that lists nobody lets anybody own leads; who does is told, for its list to begin with."""
    events = [event("lead", status="mql", owner="zoe"), event("deal", deal_id="d", stage="won", owner="yan")]
    unknown, unused = found([*events, *events[:1], touch(rep="zoe")], people=[])
    assert "owners" not in unknown | unused
    assert "reps" not in unknown | unused
    unlisted = check(agreement_of(people=[]), [*events, *events[:1], touch(rep="zoe")]).unlisted
    assert {name: [(one.value, one.count) for one in values] for name, values in unlisted.items()} == {
        "owners": [("zoe", 2), ("yan", 1)],
        "reps": [("zoe", 1)],
    }
    assert check(agreement_of(), events).unlisted == {}


def test_people_of_a_history_are_shown_to_an_agreement_without_any(tmp_path):
    """Under a heading of their own, for they are no mistake."""
    agreement, events = tmp_path / "new.yaml", tmp_path / "history.jsonl"
    agreement.write_text(agreement_of(people=[]).model_dump_json(by_alias=True, exclude_defaults=True))
    events.write_bytes(event("lead", status="mql", owner="zoe") + b"\n")
    shown = run("check", agreement, "--against", events).stdout
    assert "in the events, and the agreement lists nobody:\n  owner: zoe (1)" in shown
    assert "unknown to the agreement: nothing" in shown


def test_fields_of_a_profile_that_no_event_fills_are_told():
    """A completeness clause on a field that the CRM calls otherwise would never be kept."""
    clause = {
        "id": "c",
        "owed_by": "marketing",
        "kind": "completeness",
        "fields": ["email", "phone"],
        "among": {"stage": "mql"},
        "at_least": 0.8,
        "per": "month",
    }
    _, unused = found(
        [event("lead", status="mql", profile={"e_mail": "a@b.c", "phone": "1", "email": None})], clauses=[clause]
    )
    assert unused["profile_fields"] == ["email"]


def test_events_come_from_files_of_every_kind(tmp_path):
    """Plain and compressed files, named with `--against` or not; lines that are no event are counted by reason."""
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.zst"
    plain.write_bytes(touch(kind="fax") + b"\n\nnonsense\n")
    packed.write_bytes(zstandard.compress(touch(kind="fax") + b"\n" + event("order") + b"\n"))
    shown = run("check", ACME, "--against", plain, packed)
    assert "2 events read" in shown.stdout
    assert "1 line (not_json)" in shown.stdout
    assert "1 line (unknown_type)" in shown.stdout
    assert "kind of touchpoint: fax (2)" in shown.stdout
    answer = json.loads(run("check", "--json", ACME, "--against", plain, "--against", packed).stdout)["against"]
    assert answer["events"] == 2
    assert answer["unreadable"] == {"not_json": 1, "unknown_type": 1}
    assert answer["unknown"]["kinds"] == [{"value": "fax", "count": 2}]
    assert "cs" in answer["unused"]["parties"]


def test_an_agreement_that_knows_every_word_is_told_so():
    """Nothing unknown is said in so many words, not by silence."""
    findings = check(agreement_of(), [event("lead", status="mql")])
    assert not any(findings.unknown.values())
    shown = run("check", ACME, "--against", "/dev/null").stdout
    assert "in the events, unknown to the agreement: nothing" in shown


def test_check_needs_an_agreement(tmp_path):
    """Events alone, and a file that is not there, are refused with what to do."""
    assert "no agreement is given" in str(run("check", "events.jsonl").exception)
    assert "there is no such agreement" in str(run("check", tmp_path / "none.yaml").exception)
    assert "there is no such file" in str(run("check", ACME, "--against", tmp_path / "none.jsonl").exception)
