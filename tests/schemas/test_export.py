"""The published schemas: as the code has them, valid themselves, and of one mind with what reads events."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from agents.asyncapi import asyncapi
from agents.schemas_export import REFERENCE, differing, reference
from agents.settings import Settings
from schemas.decode import Unreadable, decode
from schemas.derived import stage_event
from schemas.events import CloudEvent
from schemas.export import AGREEMENT, DIALECT, PRINTABLE_PATTERN, event_models, json_schemas
from schemas.lines import read_lines
from streams import topics
from tests.command_line import app
from tests.schemas.documents import documents, mutated
from tests.services import ROOT

SCHEMAS = json_schemas()
READ = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
EXAMPLES = Path(__file__).parent / "examples"
GOOD = sorted((EXAMPLES / "good").glob("*.json"))
BAD = sorted((EXAMPLES / "bad").glob("*.json"))
AGREEMENTS = [*(ROOT / "tests/schemas/agreement/good").glob("*.yaml"), *(ROOT / "deploy/agreements").glob("*.yaml")]
ONLY_READING_TELLS = {
    "lead-profile-number-is-too-large",  # a schema cannot tell 2^53 + 1 from a fraction that large
    "spend-backwards",  # nor compare two fields
    "spend-of-no-day",
    "spend-date-of-no-day",  # nor know the calendar
    "time-of-no-day",
    "time-before-2000",  # nor reckon with offsets
    "time-after-2099",
    "touchpoint-kind-ends-in-a-line-break",  # Python's $ passes over it; JSON Schema's own, ECMAScript's, does not
}


def event_in(path):
    return json.loads(path.read_text(encoding="utf-8"))["event"]


def accepts(document):
    """Whether the schema of the document's own type takes it."""
    kind = document.get("type")
    return isinstance(kind, str) and kind in READ and READ[kind].is_valid(document)


def is_read(document):
    try:
        decode(json.dumps(document).encode())
    except Unreadable:
        return False
    return True


def written(path):
    """What an agreement's YAML says, as plain data."""
    return read_lines(path.read_text(encoding="utf-8")).data


# What is committed.


def test_the_committed_reference_is_as_the_code_has_it():
    """Whoever changes a model, a topic or a setting must run `baton schemas export`; the differing files are named."""
    assert differing(ROOT / REFERENCE) == []


def test_a_changed_a_missing_and_a_left_over_file_are_noticed(tmp_path):
    """`--check` names each file that is not as the code has it, and exits with 1; when all are right, with 0."""
    folder = tmp_path / "reference"
    assert CliRunner().invoke(app, ["schemas", "export", "--out", str(folder)]).exit_code == 0
    assert CliRunner().invoke(app, ["schemas", "export", "--check", "--out", str(folder)]).exit_code == 0
    (folder / "settings.md").unlink()
    (folder / "schemas/agreement.v1.json").write_text("{}")
    shutil.copy(folder / "schemas/asyncapi.json", folder / "schemas/baton.gone.v1.json")
    shown = CliRunner().invoke(app, ["schemas", "export", "--check", "--out", str(folder)])
    assert shown.exit_code == 1
    assert differing(folder) == ["schemas/agreement.v1.json", "schemas/baton.gone.v1.json", "settings.md"]
    assert all(name in shown.stderr for name in differing(folder))


def test_every_setting_is_in_the_reference_with_its_meaning():
    """A setting without a description cannot be used by anybody."""
    page = reference()["settings.md"]
    for name, field in Settings.model_fields.items():
        assert f"| `BATON_{name.upper()}` | " in page
        assert field.description


# JSON Schema.


def subclasses(kind):
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


def test_every_type_of_event_has_a_schema():
    """No model of an event is left out, whether it is read or said."""
    models = {model for model in subclasses(CloudEvent) if "type" in model.model_fields}
    assert set(event_models().values()) == models
    assert set(SCHEMAS) == {*event_models(), AGREEMENT}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_itself_valid(name):
    """Each is JSON Schema in the dialect that it names."""
    assert SCHEMAS[name]["$schema"] == DIALECT
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_example_is_valid(path):
    """What is read is valid by the published schema."""
    document = event_in(path)
    assert [error.message for error in READ[document["type"]].iter_errors(document)] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_example_is_invalid_but_for_what_only_reading_tells(path):
    """A publisher who validates finds nearly all mistakes; those that a schema cannot tell are listed above."""
    assert accepts(event_in(path)) == (path.stem in ONLY_READING_TELLS)


@settings(max_examples=400)
@given(documents().flatmap(mutated))
def test_the_schema_takes_whatever_is_read(document):
    """A publisher is never told that an event is wrong which Baton takes."""
    assert accepts(document) or not is_read(document)


def test_no_printable_character_is_refused():
    """The pattern for ids and texts leaves out only what is no printable character."""
    validator = Draft202012Validator({"pattern": PRINTABLE_PATTERN})
    letters = "".join(character for character in map(chr, range(0x110000)) if character.isprintable())
    assert validator.is_valid(letters)
    assert not any(validator.is_valid(f"a{character}b") for character in "\x00\t\n\r\x7f\x85\u2028\u2029\ufeff")


@given(st.sampled_from(["entered", "left"]), st.integers(1), st.integers(1), st.booleans())
def test_a_fact_as_it_is_written_is_valid(change, number, revision, holds):
    """What the engine says of stages is valid by the schema that is published for it."""
    at = "2026-01-31T12:30:00.000000Z"
    said = json.loads(stage_event("lead-42", change, "mql", number, revision, holds, at, ("/crm", "e1"), since=at))
    assert accepts(said)


@pytest.mark.parametrize("path", AGREEMENTS, ids=lambda path: path.stem)
def test_a_good_agreement_is_valid_as_it_is_written(path):
    """An editor that checks YAML by the schema has nothing against an agreement that loads."""
    assert [error.message for error in READ[AGREEMENT].iter_errors(written(path))] == []


@pytest.mark.parametrize("name", ["unknown_keys", "missing_keys", "wrong_types", "kinds", "durations", "not_an_object"])
def test_a_badly_formed_agreement_is_invalid(name):
    """Keys, types, kinds and durations that are wrong are seen by the schema already."""
    assert not READ[AGREEMENT].is_valid(written(ROOT / f"tests/schemas/agreement/bad/{name}.yaml"))


# AsyncAPI.

DOCUMENT = asyncapi()
MESSAGES = DOCUMENT["components"]["messages"]


def resolve(pointer):
    node = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        node = node[step]
    return node


def test_every_topic_is_a_channel_with_its_settings():
    """The document has the topics, their partitions where fixed, and Kafka's settings as `topics apply` sets them."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert list(DOCUMENT["channels"]) == [topic.name for topic in topics.ALL]
    for topic in topics.ALL:
        kafka = DOCUMENT["channels"][topic.name]["bindings"]["kafka"]
        told = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in kafka["topicConfiguration"].items()
        }
        assert (told, kafka.get("partitions")) == (topic.config(), topic.partitions)


def test_a_message_is_on_its_topic_and_nowhere_else():
    """An input topic has what the engine accepts on it, so a publisher finds where each type goes."""
    on = {name: set(channel["messages"]) for name, channel in DOCUMENT["channels"].items()}
    for kind, topic in topics.TOPIC_OF.items():
        assert [name for name in on if kind in on[name]] == [topic, topics.ROUTED]
    assert on[topics.STAGES] == {"baton.stage.v1"}
    assert all(on.values())
    assert set().union(*on.values()) == set(MESSAGES)


def test_every_reference_leads_somewhere():
    """Channels, operations and messages refer to what is there, and payloads to files that are made."""
    for channel in DOCUMENT["channels"].values():
        assert all(resolve(one["$ref"])["name"] == name for name, one in channel["messages"].items())
    for operation in DOCUMENT["operations"].values():
        messages = resolve(operation["channel"]["$ref"])["messages"]
        assert [resolve(one["$ref"]) for one in operation["messages"]] == list(messages.values())
    for name, message in MESSAGES.items():
        payload = message.get("payload")
        assert payload is None or f"schemas/{payload['$ref'].removeprefix('./')}" in reference()
        assert (payload is not None) == (name in event_models())


def test_what_others_send_is_received_and_what_baton_says_is_sent():
    """Seen from Baton: it receives inputs, sends facts and the quarantine, and does both where it talks to itself."""
    actions = {topic.name: set() for topic in topics.ALL}
    for operation in DOCUMENT["operations"].values():
        actions[resolve(operation["channel"]["$ref"])["address"]].add(operation["action"])
    assert all(actions[topic] == {"receive"} for topic in topics.TOPIC_OF.values())
    assert all(actions[topic] == {"send"} for topic in (topics.STAGES, topics.CLOCKS, topics.QUARANTINE))
    assert all(actions[topic] == {"receive", "send"} for topic in (topics.ROUTED, topics.CHANGELOG))
