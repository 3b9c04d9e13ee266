"""Reading agreements: where errors are said to be, which YAML is data, and versions beside each other."""

import copy
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from schemas.loader import AgreementErrors, Problem, load_agreement, load_versions

EXAMPLES = Path(__file__).parent / "agreement"
MINIMAL = (EXAMPLES / "good" / "minimal.yaml").read_text(encoding="utf-8")
WHOLE = (EXAMPLES / "good" / "every_option.yaml").read_text(encoding="utf-8")

BOMB = "a0: &a0 [b]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


def errors(text, name="acme.yaml"):
    with pytest.raises(AgreementErrors) as caught:
        load_agreement(text, name)
    return caught.value


def version(number, effective="2026-01-01T00:00:00Z", name="acme"):
    return (
        MINIMAL.replace("version: 1", f"version: {number}")
        .replace("2026-01-01T00:00:00Z", effective)
        .replace("agreement: acme", f"agreement: {name}")
    )


def test_an_error_reads_like_a_compilers():
    """An error names its file, line, column and path, so that an editor can jump to it."""
    error = errors(MINIMAL.replace("version: 1", "version:   x"))
    assert error.problems == [Problem("version", 2, 12, "must be a whole number, not the text 'x'", "acme.yaml")]
    assert str(error) == "acme.yaml:2:12: version: must be a whole number, not the text 'x'"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(newline):
    """A file from another system has the same line numbers."""
    (problem,) = errors(MINIMAL.replace("version: 1", "version: x").replace("\n", newline)).problems
    assert problem.line == 2


def test_a_byte_order_mark_is_passed_over():
    """A file that begins with a byte order mark loads as one without."""
    assert load_agreement("\ufeff" + MINIMAL, "a") == load_agreement(MINIMAL, "a")


def test_words_and_dates_stay_as_written():
    """`on` and `no` are words, and dates are not turned into something else."""
    agreement = load_agreement(WHOLE, "a")
    assert agreement.channels == ("paid search", "on", "no")
    assert str(agreement.calendars["shop"].holidays.extra[0]) == "2026-12-25"
    assert agreement.effective == datetime(2026, 6, 30, 9, 59, 59, 123456, tzinfo=UTC)


def test_an_alias_is_what_it_stands_for():
    """An anchor saves writing the same thing twice."""
    aliased = MINIMAL.replace("{type: touchpoint, kind: form_submit}", "&form {type: touchpoint, kind: form_submit}")
    aliased += "clauses: [{id: forms, owed_by: marketing, kind: volume, counts: *form, at_least: 1, per: week}]\n"
    agreement = load_agreement(aliased, "a")
    assert agreement.clauses[0].counts == agreement.funnel.stages[0].enters


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [" * 5000, "nested too deep"),
        (BOMB, "fewer aliases"),
        (MINIMAL + 'glossary: {mql: "\\ud800"}\n', "half a character"),
        (MINIMAL + "lateness: \x07\n", "not allowed in YAML"),
        (MINIMAL + f"lateness: {'9' * 5000}\n", "put it in quotes"),
        (MINIMAL + "---\n" + MINIMAL, "a file holds one agreement"),
        (MINIMAL + "lateness: !!python/object/apply:os.getcwd []\n", "tag"),
        (MINIMAL + "lateness: *nowhere\n", "begins with '*'"),
        (MINIMAL + "\tlateness: 3d\n", "no YAML"),
    ],
    ids=["deep", "bomb", "surrogate", "control", "digits", "documents", "code", "alias", "tab"],
)
def test_hostile_yaml_is_refused(text, words):
    """What is no plain data of a bearable size is refused with a reason, and nothing of it is run."""
    assert words in str(errors(text))


def test_what_cannot_be_read_is_told_once():
    """A value that YAML itself could not read is not also said to be of a wrong type."""
    problems = errors(MINIMAL.replace("version: 1", "version: !x 1")).problems
    assert [(problem.path, problem.line) for problem in problems] == [("version", 2)]


def test_versions_are_sorted_by_when_they_take_effect():
    """The files of an agreement's versions may be given in any order."""
    texts = [("b", version(2, "2026-02-01T00:00:00Z")), ("a", version(1)), ("c", version(9, "2027-01-01T00:00:00Z"))]
    assert [agreement.version for agreement in load_versions(texts)] == [1, 2, 9]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("a", version(1)), ("b", version(1, "2026-02-01T00:00:00Z"))], ("b", "version", 2, "version 1 is also a")),
        ([("b", version(2)), ("a", version(1))], ("b", "effective", 3, "must be later than 2026-01-01T00:00:00+00:00")),
        (
            [("a", version(1)), ("b", version(2, "2027-01-01T00:00:00Z", "other"))],
            ("b", "agreement", 1, "not 'acme'"),
        ),
    ],
    ids=["twice", "not later", "another agreement"],
)
def test_versions_must_follow_each_other(texts, expected):
    """A version that is there twice, takes effect too early or is of another agreement is refused."""
    file, path, line, words = expected
    with pytest.raises(AgreementErrors) as caught:
        load_versions(texts)
    (problem,) = caught.value.problems
    assert (problem.file, problem.path, problem.line) == (file, path, line)
    assert words in problem.message


def test_the_errors_of_every_version_are_told_at_once():
    """With several files, no file's errors wait for another's."""
    with pytest.raises(AgreementErrors) as caught:
        load_versions([("a", version("x")), ("b", version("y")), ("c", version(3)), ("d", version(3))])
    assert [(problem.file, problem.path) for problem in caught.value.problems] == [
        ("a", "version"),
        ("b", "version"),
        ("d", "version"),
    ]


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.floats(),
    st.sampled_from(["", "lead", "mql", "owner", "4h", "3d", "office", "type", "\n", "09:00-12:00", "2026-01-01"]),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"type": "lead", "fields": {}}),
    st.just({"one_of": ["a"]}),
    st.dictionaries(st.sampled_from(["id", "type", "stage", "owner", "not", "week"]), st.integers(0, 1), max_size=2),
)


@st.composite
def spoilt(draw):
    """An agreement in which one value, somewhere, is something else, or gone, or under another key."""
    data = copy.deepcopy(YAML(typ="safe", pure=True).load(WHOLE.replace("2026-12-24: []", "'2026-12-24': []")))
    data["effective"], node = "2026-01-01T00:00:00Z", data
    while True:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or not node[key] or draw(st.integers(0, 3)) == 0:
            break
        node = node[key]
    if draw(st.booleans()):
        node[key] = draw(JUNK)
    elif isinstance(node, dict):
        node[draw(st.sampled_from(["id", "within", "xyz", "type", "stage"]))] = node.pop(key)
    else:
        node.append(node[key])
    out = StringIO()
    YAML(typ="safe", pure=True).dump(data, out)
    return out.getvalue()


def problems_of(text):
    try:
        load_agreement(text, "a")
    except AgreementErrors as error:
        return error.problems
    return None


@given(spoilt())
def test_whatever_is_wrong_is_told_with_its_line(text):
    """However one value is spoilt, the agreement loads or its problems are told, each on a line of the file."""
    problems = problems_of(text)
    assert problems is None or problems
    assert all(1 <= problem.line <= text.count("\n") + 1 for problem in problems or ())


SLIPS = st.text("{}[],:-&*!#'\"\t\n %@|>?<=0a\u0085\ufeff", max_size=3)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 3), SLIPS)
def test_a_slip_of_the_fingers_is_no_crash(place, deleted, typed):
    """Whatever is typed or deleted by mistake, the answer is an agreement or its problems."""
    problems = problems_of(WHOLE[:place] + typed + WHOLE[place + deleted :])
    assert problems is None or problems
