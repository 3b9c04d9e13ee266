"""What `baton agreement check` says of the mistakes that people make: what is wrong, where, and how to mend it."""

import sys

import pytest
from ruamel.yaml import YAML

from agents import cli
from tests.services import ROOT

EXAMPLES = ROOT / "tests" / "schemas" / "agreement"
ACME = (EXAMPLES / "good" / "acme.yaml").read_text(encoding="utf-8")
MISTAKES = YAML(typ="safe").load(EXAMPLES / "mistakes.yaml")


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Check files of these names and contents; the exit code, and the lines on the standard error."""

    def check(**contents):
        monkeypatch.chdir(tmp_path)
        files = [f"{name}.yaml" for name in contents]
        for file, content in zip(files, contents.values(), strict=True):
            (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setattr(sys, "argv", ["baton", "agreement", "check", *files])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err.splitlines()

    return check


@pytest.mark.parametrize("case", MISTAKES, ids=[case["mistake"] for case in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_its_cure(case, told):
    """Whoever wrote it is told what is wrong, where, and what to write instead, with exit code 2."""
    assert case["in_place_of"] in ACME
    written = ACME.replace(case["in_place_of"], case["is_written"], 1)
    assert told(acme=written) == (2, [f"error: {line}" for line in case["told"]])


def test_a_version_that_is_not_later_than_the_one_before_is_told(told):
    """Two versions of which the second does not take effect later are told apart by file and time."""
    first = ACME.replace("version: 3", "version: 2")
    code, lines = told(two=first, three=ACME)
    assert (code, lines) == (
        2,
        [
            "error: three.yaml:3:12: effective: must be later than 2026-01-01T03:00:00+00:00, that of version 2 "
            "(two.yaml): write when this version takes effect, or number the versions in the order in which they do"
        ],
    )


def test_a_file_in_another_encoding_is_told_by_name(told):
    """A file that an old spreadsheet saved is named, with the line that cannot be read."""
    code, lines = told(acme=ACME.replace("A contact", "Um contato é").encode("latin-1"))
    assert (code, lines) == (2, ["error: acme.yaml:15: this is no UTF-8: save the file with that encoding"])
