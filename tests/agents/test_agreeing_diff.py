"""`baton agreement diff`: no change is missed, and each is told as a sales leader would."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from typer.testing import CliRunner

from agents.agreeing.differing import changes, in_words
from agents.agreeing.promises import clause_entry
from agents.language import LANGUAGES, language_of
from schemas.loader import AgreementErrors, load_agreement
from tests.command_line import app
from tests.services import ROOT

FILES = [
    *sorted((ROOT / "tests" / "schemas" / "agreement" / "good").glob("*.yaml")),
    ROOT / "deploy" / "agreements" / "acme.yaml",
]
ACME = FILES[-1]
OTHERS = [
    "2h",
    "3bd",
    "40d",
    7,
    0.3,
    True,
    False,
    "other",
    [],
    None,
    "week",
    "quarter",
    "deal",
    "owner",
    "USD",
    "mornings",
    "won",
]


def plain(path):
    """An agreement's YAML as data that can be changed; dates stay text, as the loader has them."""
    agreement = load_agreement(path.read_text(encoding="utf-8"), path.name)
    return json.loads(agreement.model_dump_json())


def loaded(document):
    return load_agreement(json.dumps(document), "changed.yaml")


def leaves(node, path=()):
    """Every place in the data, but for the name, the version and since when."""
    if path and path[0] in {"agreement", "version", "effective"}:
        return
    if path:
        yield path
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield from leaves(value, (*path, key))


DOCUMENTS = [plain(path) for path in FILES]
PLACES = [(number, place) for number, document in enumerate(DOCUMENTS) for place in leaves(document)]


def frame(agreement):
    """All that a comparison looks at, with what has no order made comparable."""
    document = agreement.model_dump(mode="json", exclude={"agreement", "version", "effective"})
    for part in ("clauses", "goals", "people"):
        document[part] = {one["id"]: one for one in document[part]}
    document["channels"] = sorted(document["channels"])
    if document["notifications"]:
        document["notifications"]["routes"] = sorted(map(str, document["notifications"]["routes"]))
    return document


@settings(max_examples=400)
@given(st.sampled_from(PLACES), st.sampled_from([*OTHERS, "take away"]), st.sampled_from(LANGUAGES))
def test_no_change_escapes(where, value, code):
    """Whatever one changes in an agreement, as long as it stays one, is among the changes; and nothing else is."""
    number, place = where
    document = deepcopy(DOCUMENTS[number])
    node = document
    for key in place[:-1]:
        node = node[key]
    if value == "take away":
        del node[place[-1]]
    else:
        node[place[-1]] = value
    old = loaded(DOCUMENTS[number])
    try:
        new = loaded(document)
    except AgreementErrors:
        return
    found = changes(old, new, language_of(code))
    assert bool(found) == (frame(old) != frame(new))
    assert all(in_words(change, language_of(code)) for change in found)
    assert all(field.old != field.new for change in found for field in change.fields)


def changed(**words):
    """The changes from acme.yaml to one in which words are replaced."""
    text = ACME.read_text(encoding="utf-8")
    new = text
    for old, other in words.values():
        assert old in new
        new = new.replace(old, other)
    return changes(load_agreement(text, "old"), load_agreement(new, "new"), language_of("en"))


def test_a_target_is_told_before_and_after():
    """In words, with the clause by name."""
    (change,) = changed(target=("within: 4h", "within: 90m"))
    assert in_words(change, language_of("en")) == "First response: Time given: 4 hours → 90 minutes"
    (field,) = change.fields
    assert (field.field, field.old_value, field.new_value) == ("within", "4h", "90m")


def test_clauses_come_and_go():
    """One that is added or taken away is told with what it promises."""
    found = changed(name=("id: calls, owed_by", "id: more-calls, owed_by"))
    assert [in_words(change, language_of("en")) for change in found] == [
        "Added: More calls: Each week, Sales makes at least 60 calls.",
        "Removed: Calls: Each week, Sales makes at least 60 calls.",
    ]


def test_another_order_of_stages_is_a_change():
    """The order of the funnel says which stage is further."""
    lines = [
        line for line in ACME.read_text().splitlines(keepends=True) if "- {id: sal," in line or "- {id: sql," in line
    ]
    (change,) = changed(order=("".join(lines), "".join(reversed(lines))))
    assert change.change == "reordered"
    assert change.fields[0].old.startswith("Visitor, Lead, MQL, SAL, SQL")
    assert change.fields[0].new.startswith("Visitor, Lead, MQL, SQL, SAL")


def test_what_reads_the_same_is_told_as_it_is_written():
    """A calendar that is now named, and was the agreement's before, is shown by its id."""
    (change,) = changed(calendar=("    within: 2bd\n", "    within: 2bd\n    calendar: office\n"))
    assert (change.fields[0].old, change.fields[0].new) == ("—", "office")


def test_a_key_that_has_no_words_yet_is_told_as_it_is_written(monkeypatch):
    """What is new in the contract shows as a change before anybody has found words for it."""

    def without_words(words, clause):
        return replace(clause_entry(words, clause), terms=())

    monkeypatch.setattr("agents.agreeing.describing.clause_entry", without_words)
    (change,) = changed(target=("within: 4h", "within: 90m"))
    assert in_words(change, language_of("en")) == "First response: within: 4h → 90m"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_agreement_does_not_differ_from_itself(path):
    """Written otherwise, with other comments and lines, or under another version, it is the same."""
    text = path.read_text(encoding="utf-8")
    again = loaded({**YAML(typ="safe").load(load_agreement(text, "").model_dump_json()), "version": 99})
    assert changes(load_agreement(text, "old"), again, language_of("en")) == []


def run(*words):
    return CliRunner().invoke(app, ["agreement", "diff", *map(str, words)])


@pytest.fixture
def second(tmp_path):
    """A second version of acme.yaml: another target, another day, no rule for meetings."""
    text = ACME.read_text(encoding="utf-8").replace("version: 1", "version: 2").replace("2025-01-01T", "2026-01-01T")
    path = tmp_path / "second.yaml"
    path.write_text(text.replace("at_least: 120", "at_least: 150"), encoding="utf-8")
    return path


def test_the_command_tells_both_versions_and_what_changed(second):
    """In the language that was asked for; the same agreement twice says that nothing changes."""
    shown = " ".join(run(ACME, second, "--lang", "pt").stdout.split())
    assert "Antes: Acme, versão 1, em vigor desde 1 de janeiro de 2025" in shown
    assert "Compromissos ~ Volume No mínimo: 120 → 150" in shown
    assert "Nothing else changes." in run(ACME, ACME).stdout


def test_changes_are_data_too(second):
    """`--json` has the part, the id, and each field before and after, as written and in words."""
    answer = json.loads(run(ACME, second, "--json").stdout)
    assert (answer["old"]["version"], answer["new"]["version"]) == (1, 2)
    (change,) = answer["changes"]
    assert (change["part"], change["id"], change["change"]) == ("clause", "volume", "changed")
    assert change["fields"] == [
        {"field": "at_least", "label": "At least", "old": "120", "new": "150", "old_value": 120, "new_value": 150}
    ]
