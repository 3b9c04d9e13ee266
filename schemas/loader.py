"""Agreements from YAML (DESIGN §3): valid as a whole, or every error at once, each with its path and line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.agreement import Agreement
from schemas.lines import Document, Fault, Place, SyntaxFaultError, read_lines
from schemas.phrases import MISSING, UNKNOWN_KEY, Loc, shown, written_path
from schemas.reachable import reach_problems

__all__ = ["AgreementErrors", "Problem", "load_agreement", "load_versions"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: where it is (`clauses[2].within`; line and column from 1), what is wrong and how to mend it."""

    path: str
    line: int
    column: int
    message: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path + ': ' if self.path else ''}{self.message}"


class AgreementErrors(Exception):  # noqa: N818  it is all of them, and its name says so
    """An agreement, or a set of its versions, that cannot be used: every problem, in the order of the lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class _Loaded(NamedTuple):
    name: str
    agreement: Agreement
    document: Document


def load_agreement(text: str, name: str) -> Agreement:
    """Read one version of an agreement from YAML; `name` is the file's, for the errors. Raises AgreementErrors."""
    return _load(text, name).agreement


def load_versions(texts: Sequence[tuple[str, str]]) -> tuple[Agreement, ...]:
    """Read the versions of one agreement, given as (name, text), sorted by when they take effect.

    Raises AgreementErrors, with the problems of every file, and where a version is there twice or does not take
    effect later than the one before it.
    """
    loaded, problems = [], []
    for name, text in texts:
        try:
            loaded.append(_load(text, name))
        except AgreementErrors as errors:
            problems += errors.problems
    problems += _order_problems(loaded)
    if problems:
        raise AgreementErrors(problems)
    return tuple(sorted((one.agreement for one in loaded), key=lambda agreement: agreement.effective))


def _load(text: str, name: str) -> _Loaded:
    try:
        document = read_lines(text)
    except SyntaxFaultError as error:
        raise AgreementErrors([_fault_problem(error.fault, name)]) from None
    if not isinstance(document.data, dict):
        message = "an agreement is keys and values: begin with one such as 'agreement: acme'"
        raise AgreementErrors([Problem("", 1, 1, message, name)])
    details = _reach_details(document.data)
    try:
        agreement = Agreement.model_validate(document.data)
    except ValidationError as error:
        raise AgreementErrors(_problems([*error.errors(include_url=False), *details], document, name)) from None
    if details:
        raise AgreementErrors(_problems(details, document, name))
    if document.faults:
        raise AgreementErrors(sorted((_fault_problem(fault, name) for fault in document.faults), key=_by_line))
    return _Loaded(name, agreement, document)


def _reach_details(written: Mapping[str, object]) -> list[ErrorDetails]:
    """What of the funnel nothing can reach.

    Told of what people write only: an agreement that is kept as data, and was taken once, is taken again.
    """
    problems = reach_problems(written)
    return ValidationError.from_exception_data("Agreement", problems).errors(include_url=False) if problems else []


def _problems(errors: Sequence[ErrorDetails], document: Document, name: str) -> list[Problem]:
    """The faults of the YAML and the errors in what it says, but for those that only follow from a fault."""
    hidden = [fault.path for fault in document.faults if fault.hides]
    found = [_fault_problem(fault, name) for fault in document.faults]
    for details in errors:
        path, place = _where(details, document)
        if not any(path[: len(fault)] == fault for fault in hidden):
            found.append(Problem(shown(path), *place, details["msg"], name))
    return sorted(dict.fromkeys(found), key=_by_line)


def _where(details: ErrorDetails, document: Document) -> tuple[Loc, Place]:
    path = written_path(document.data, details["loc"])
    if details["type"] == MISSING:
        return (*path, details["loc"][-1]), document.keys.get(path, Place(1, 1))
    value = document.values[path]
    if details["type"] == UNKNOWN_KEY or value.line != document.keys.get(path, value).line:
        return path, document.keys.get(path, value)
    return path, value


def _fault_problem(fault: Fault, name: str) -> Problem:
    return Problem(shown(fault.path), *fault.place, fault.message, name)


def _by_line(problem: Problem) -> tuple[int, int, str]:
    return problem.line, problem.column, problem.path


def _order_problems(loaded: Sequence[_Loaded]) -> Iterator[Problem]:
    """Where versions are of different agreements, the same, or not each later than the one before it."""
    for one in loaded[1:]:
        first = loaded[0].agreement.agreement
        if one.agreement.agreement != first:
            message = f"is not '{first}', of which {loaded[0].name} is a version: give versions of one agreement"
            yield _at(one, "agreement", message)
    for before, one in pairwise(sorted(loaded, key=lambda one: one.agreement.version)):
        if one.agreement.version == before.agreement.version:
            yield _at(one, "version", f"version {one.agreement.version} is also {before.name}: give it the next number")
        elif one.agreement.effective <= before.agreement.effective:
            since = before.agreement.effective.isoformat()
            message = (
                f"must be later than {since}, that of version {before.agreement.version} ({before.name}): write when "
                "this version takes effect, or number the versions in the order in which they do"
            )
            yield _at(one, "effective", message)


def _at(loaded: _Loaded, key: str, message: str) -> Problem:
    return Problem(key, *loaded.document.values[key,], message, loaded.name)
