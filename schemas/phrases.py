"""Errors in words that say what is wrong and how to mend it, in place of pydantic's own.

A phrased error keeps its place (`loc`) and has one of the types below, which the loader reads to find its line.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError

from schemas.text import DECIMAL_PATTERN, SLUG_PATTERN

MISSING: Final = "missing"
"""A key that is not there: the last step of `loc` is its name."""
UNKNOWN_KEY: Final = "unknown_key"
"""A key that may not be there."""
WRONG: Final = "wrong"
"""Anything else."""

Loc = tuple[int | str, ...]

_LISTED = 30  # names beyond this many would hide the error itself
_PATTERNS: Final = {
    SLUG_PATTERN: "use small letters and digits, joined by single '_', '.' or '-'",
    DECIMAL_PATTERN: "write a decimal as text, such as '1500.50' (up to 15 digits, then up to 4)",
}
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "an object of keys and values",
    "model_type": "an object of keys and values",
    "model_attributes_type": "an object of keys and values",
}
_SUCH_AS: Final = {
    "agreement": "agreement: acme",
    "version": "version: 1",
    "effective": "effective: 2026-01-01T00:00:00-03:00",
    "parties": "parties: {marketing: {}, sales: {}}",
    "funnel": "funnel: {stages: [{id: lead, enters: {type: touchpoint, kind: form_submit}}]}",
    "stages": "stages: [{id: lead, enters: {type: touchpoint, kind: form_submit}}]",
    "week": "week: {mon-fri: ['09:00-18:00']}",
    "enters": "enters: {type: lead, status: mql}",
    "on": "on: {type: lead, status: rejected}",
    "kind": "kind: response",
    "owed_by": "owed_by: sales",
    "starts": "starts: {stage: mql}, with the stage whose entry starts the clock",
    "met_by": "met_by: {type: touchpoint, party: sales}",
    "counts": "counts: {type: touchpoint, party: sales, kind: call}",
    "within": "within: 4h",
    "per": "per: month",
    "of": "of: {stage: sal}",
    "among": "among: {stage: mql}",
    "fields": "fields: [email, company]",
    "when": "when: {profile: {segment: enterprise}}",
    "profile": "profile: {segment: enterprise}",
    "metric": "metric: revenue",
    "target": "target: '500000'",
    "currency": "currency: BRL",
    "models": "models: [linear]",
    "routes": "routes: [{change: breached, to: owner}]",
    "change": "change: breached",
    "after": "after: 2h",
    "to": "to: manager",
    "secret": "secret: SLACK_SALES",
}
"""What a key that is missing may look like; of those whose value anybody can think of, nothing."""
_BOUNDS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def problem(loc: Loc, message: str, kind: str = WRONG, value: object = None) -> InitErrorDetails:
    """One phrased error at `loc`."""
    return InitErrorDetails(type=PydanticCustomError(kind, message), loc=loc, input=value)


def raise_all(title: str, problems: list[InitErrorDetails]) -> None:
    """Raise all of them as one ValidationError, or nothing if there are none."""
    if problems:
        raise ValidationError.from_exception_data(title, problems)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Such as: unknown stage 'mqll'; known: lead, mql. Did you mean 'mql'?"""
    names = list(dict.fromkeys(known))
    close = nearest(name, names)
    hint = f". Did you mean '{close}'?" if close else ""
    if len(names) > _LISTED:
        return f"unknown {what} '{name}'" + (hint or f"; there are many, such as {names[0]} and {names[-1]}")
    return f"unknown {what} '{name}'; known: {', '.join(names) or 'none'}{hint}"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant: the same in other letters, or else the one most like it; None: none is."""
    folded: dict[str, str] = {}
    for one in names:
        folded.setdefault(one.casefold(), one)
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def missing(key: str) -> str:
    """Such as: 'within' is missing: add it, such as within: 4h."""
    example = _SUCH_AS.get(key)
    return f"'{key}' is missing: add it" + (f", such as {example}" if example else "")


def written_path(data: object, loc: Loc) -> Loc:
    """The place of an error in what was written, without the steps that only the models know."""
    path: list[int | str] = []
    for step in loc:
        entries = _entries(data)
        if step in entries:
            data = entries[step]
            path.append(step)
    return tuple(path)


def shown(path: Loc) -> str:
    """A place as people read it: `clauses[2].within`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _entries(data: object) -> Mapping[int | str, object]:
    if isinstance(data, Mapping):
        return data
    return dict(enumerate(data)) if isinstance(data, list | tuple) else {}


def described(value: object) -> str:
    """What a value of YAML is, in words: `the number 5`, `a list`, `nothing`."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{_short(value)}'"
    return "an object" if isinstance(value, Mapping) else "a list"


def rephrase(
    error: ValidationError, keys: tuple[str, ...] = (), also: Iterable[InitErrorDetails] = ()
) -> ValidationError:
    """Put every error of an object in plain words, and add others.

    `keys` are those that the object itself may have. What is in plain words stays as it is.
    """
    errors = [_rephrased(details, keys) for details in error.errors(include_url=False)]
    return ValidationError.from_exception_data(error.title, [*errors, *also])


def _rephrased(error: ErrorDetails, keys: tuple[str, ...]) -> InitErrorDetails:
    loc, value, kind = error["loc"], error["input"], error["type"]
    if kind == "missing":
        return problem(loc, missing(str(loc[-1])), MISSING, value)
    if kind == "extra_forbidden":
        return problem(loc, unknown("key", str(loc[-1]), keys), UNKNOWN_KEY, value)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _wrong_tag(error)
    phrased_before = kind in {MISSING, UNKNOWN_KEY, WRONG}
    message = error["msg"] if phrased_before else _message(kind, value, error)
    return problem(loc, message, kind if phrased_before else WRONG, value)


def _wrong_tag(error: ErrorDetails) -> InitErrorDetails:
    context = error.get("ctx", {})
    key = str(context["discriminator"]).strip("'")
    loc = (*error["loc"], key)
    if error["type"] == "union_tag_not_found":
        return problem(loc, missing(key), MISSING, error["input"])
    return problem(loc, unknown(key, str(context["tag"]), _quoted(context["expected_tags"])))


def _message(kind: str, value: object, error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if kind in _WANTED:
        return _must_be(_WANTED[kind], value)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, not {value}"
    if kind == "literal_error":
        return _must_be_one_of(_quoted(context["expected"]), value)
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return f"'{_short(str(value))}' is refused: {_PATTERNS[context['pattern']]}"
    if kind == "value_error":
        return str(context["error"])
    return _of_length(kind, context) or error["msg"]


def _of_length(kind: str, context: Mapping[str, object]) -> str | None:
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters"
    if kind == "too_short":
        return f"must have at least {context['min_length']} entry, and has none"
    return None


def _must_be(wanted: str, value: object) -> str:
    hint = ""
    if wanted == "text" and isinstance(value, int | float):
        hint = f": put it in quotes, '{str(value).lower() if isinstance(value, bool) else value}'"
    if value is None and wanted.startswith("an object"):
        hint = ": write {} for an empty one"
    if wanted == "a list" and value is not None:
        hint = ": put it in [ ]"
    return f"must be {wanted}, not {described(value)}{hint}"


def _must_be_one_of(names: list[str], value: object) -> str:
    if isinstance(value, str):
        return unknown("value", _short(value), names)
    return f"must be {' or '.join(names)}, not {described(value)}"


def _quoted(expected: object) -> list[str]:
    return re.findall(r"'([^']*)'", str(expected))


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
