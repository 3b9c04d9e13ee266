"""Which fields an event has (DESIGN §2), and which conditions a field can meet at all."""

import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from schemas.condition import Condition, Scalar
from schemas.phrases import described
from schemas.text import DECIMAL_PATTERN, SLUG_PATTERN

EventType: TypeAlias = Literal["touchpoint", "lead", "deal", "spend"]
FieldKind: TypeAlias = Literal["slug", "text", "number", "amount", "boolean"]

FIELDS: Final[dict[EventType, dict[str, FieldKind]]] = {
    "touchpoint": {
        "kind": "slug",
        "party": "slug",
        "channel": "text",
        "campaign": "text",
        "asset": "text",
        "rep": "text",
        "outcome": "text",
        "url": "text",
        "duration_s": "number",
        "automated": "boolean",
        "recorded_at": "text",
    },
    "lead": {"status": "slug", "reason": "text", "owner": "text", "account": "text"},
    "deal": {
        "deal_id": "text",
        "stage": "slug",
        "amount": "amount",
        "currency": "text",
        "owner": "text",
        "account": "text",
        "reason": "text",
        "kind": "slug",
    },
    "spend": {
        "channel": "text",
        "campaign": "text",
        "amount": "amount",
        "currency": "text",
        "from": "text",
        "to": "text",
    },
}
"""The fields of each type that a matcher may name (a lead's `profile` apart), and what they hold."""

_HOLDS: Final[dict[FieldKind, str]] = {
    "slug": "a slug (small letters and digits, joined by single '_', '.' or '-')",
    "text": "text",
    "number": "a number",
    "amount": "an amount as decimal text, such as '1500.50'",
    "boolean": "true or false",
}
_PATTERNS: Final[dict[FieldKind, str]] = {"slug": SLUG_PATTERN, "amount": DECIMAL_PATTERN}


def check_field(event: EventType, name: str, condition: Condition) -> Iterator[str]:
    """Say where a condition can never be met by that field of such an event, which has it."""
    kind = FIELDS[event][name]
    for value in (*(condition.one_of or ()), *(condition.none_of or ())):
        if not _can_be(kind, value):
            yield f"'{name}' holds {_HOLDS[kind]}, never {described(value)}"
    if (condition.at_least is not None or condition.at_most is not None) and kind not in {"number", "amount"}:
        yield f"'{name}' holds {_HOLDS[kind]}: at_least and at_most are for numbers"


def _can_be(kind: FieldKind, value: Scalar) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return not isinstance(value, bool | str)
    if not isinstance(value, str):
        return False
    pattern = _PATTERNS.get(kind)
    return pattern is None or re.fullmatch(pattern, value) is not None
