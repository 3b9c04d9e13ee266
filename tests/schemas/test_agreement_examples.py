"""Every agreement of the examples: the good ones load, and the bad ones tell every error, each on its line."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from schemas.agreement import Agreement
from schemas.loader import AgreementErrors, load_agreement

EXAMPLES = Path(__file__).parent / "agreement"
GOOD = sorted(EXAMPLES.glob("good/*.yaml"))
BAD = sorted(EXAMPLES.glob("bad/*.yaml"))


def load(path):
    return load_agreement(path.read_text(encoding="utf-8"), path.name)


def told(path):
    with pytest.raises(AgreementErrors) as caught:
        load(path)
    return [f"{problem.path}:{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_there_are_examples():
    """The examples are found, so that the tests below are about something."""
    assert len(GOOD) >= 3
    assert len(BAD) >= 20


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_error_is_told_at_once(path):
    """A bad agreement is refused with all of its errors, each with its path, its line and how to mend it."""
    expected = path.with_suffix(".errors").read_text(encoding="utf-8").splitlines()
    assert told(path) == expected


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_examples_survive_json(path):
    """An agreement that is kept as JSON comes back as the same agreement, with the same hash."""
    agreement = load(path)
    again = Agreement.model_validate_json(agreement.model_dump_json(by_alias=True))
    assert again == agreement
    assert hash(again) == hash(agreement)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_examples_survive_yaml(path, tmp_path):
    """An agreement that is written back as YAML, in its own words, loads as the same agreement."""
    agreement = load(path)
    written = tmp_path / "written.yaml"
    with written.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(agreement.model_dump(mode="json", by_alias=True), file)
    assert load(written) == agreement


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_examples_are_in_the_words_of_the_json_schema(path):
    """The JSON Schema that editors check against names every key of the examples."""
    written = YAML(typ="safe", pure=True).load(path)
    assert written.keys() <= Agreement.model_json_schema()["properties"].keys()


def test_the_minimal_agreement_has_the_defaults():
    """With only what is required, periods are in UTC, it is always open and nothing is promised."""
    agreement = load(EXAMPLES / "good" / "minimal.yaml")
    assert agreement.timezone == "UTC"
    assert agreement.calendar is None
    assert agreement.attribution is None
    assert agreement.lateness is None
    assert not any((agreement.people, agreement.glossary, agreement.channels, agreement.calendars))
    assert not any((agreement.clauses, agreement.goals, agreement.funnel.exits))
