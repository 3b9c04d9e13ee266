"""Bytes of a Kafka record, or a line of a file, to an `Event`; or to a typed reason why not.

`schemas.events` says what is valid. Most events are read by `schemas.fast`, which accepts only what those
models certainly accept, with the same outcome; at the least doubt (an unknown field, an unusual value)
the models decide. A property test holds the two together.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
from pydantic import ValidationError

from schemas import compact
from schemas.compact import Event
from schemas.events import ADAPTER, MODELS, RESERVED, CloudEvent, DealChange, LeadChange, SpendReport, Touchpoint
from schemas.fast import Doubt, read

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
Decoded: TypeAlias = tuple[str, Event, tuple[str, ...]]

DEEPEST: Final = 100
"""So deep may an unknown field nest; what the contract knows needs four levels."""

_JSON_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_READ_RAW: Final = msgspec.json.Decoder(msgspec.Raw).decode
_USUAL_HEADERS: Final = (("content-type", b"application/cloudevents+json"),)
_KNOWN_TYPES: Final = frozenset(compact.TYPES.values())
_DATA_FIELDS: Final = {
    compact.TYPES[kind]: frozenset(
        field.alias or name
        for name, field in model.model_fields["data"].annotation.model_fields.items()  # type: ignore[union-attr]  # every `data` is a model
    )
    for kind, model in zip(compact.TYPES, MODELS, strict=True)
}


class Unreadable(Exception):  # noqa: N818  it is a finding about the input, not a failure of the program
    """A record that is no event of the contract: `reason` is a slug to count by, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def decode(value: bytes | None, headers: Headers = ()) -> Decoded:
    """The subject, the event, and the names of the fields in `data` that the contract does not know.

    In: a record's value and headers, in the structured or the binary content mode of CloudEvents.
    Raises Unreadable; nothing else, whatever the bytes.
    """
    if value is None:
        raise Unreadable("no_value", "the record has no value")
    if headers and headers != _USUAL_HEADERS:
        value = _structured(value, headers)
    try:
        subject, event = read(value)
    except (msgspec.DecodeError, Doubt, UnicodeDecodeError, RecursionError, OverflowError):
        return _read_whole(value)
    return subject, event, ()


def _structured(value: bytes, headers: Headers) -> bytes:
    """The event in structured form, whichever of the two content modes it came in."""
    named = {name.lower(): content for name, content in headers if content is not None}
    content_type = named.get("content-type", b"").split(b";")[0].strip().lower()
    if content_type.startswith(b"application/cloudevents"):
        if content_type != b"application/cloudevents+json":
            raise Unreadable("unknown_format", f"content-type {content_type!r} is not read; send one event as JSON")
        return value
    attributes = {name[3:]: content for name, content in named.items() if name.startswith("ce_")}
    if not attributes:
        return value
    for required in ("specversion", "id", "source", "type", "time", "subject"):
        if required not in attributes:
            raise Unreadable("missing_header", f"the header ce_{required} is missing")
    try:
        texts = {name: content.decode() for name, content in attributes.items()}
    except UnicodeDecodeError as error:
        raise Unreadable("not_utf8", f"a ce_ header is not UTF-8: {error}") from None
    return msgspec.json.encode({**texts, "data": _alone(value)} if value else texts)


def _alone(value: bytes) -> msgspec.Raw:
    """The data of the binary mode, once it is known to be one JSON value, which cannot reach beyond itself."""
    _check_depth(value)
    try:
        return _READ_RAW(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(*_why_not_json(value, str(error))) from None


# The whole way: the models decide, and every error says where.


def _read_whole(value: bytes) -> Decoded:
    document = _parse(value)
    if "type" not in document:
        raise Unreadable("missing_field", "type: every event says its type, such as baton.touchpoint.v1")
    kind = document["type"]
    if not isinstance(kind, str):
        raise Unreadable("invalid_field", "type: must be text, such as 'baton.touchpoint.v1'")
    if kind in RESERVED:
        raise Unreadable("reserved_type", f"type: {kind} is reserved and not read yet")
    if kind not in _KNOWN_TYPES:
        raise Unreadable("unknown_type", f"type: {kind[:100]!r} is none of {', '.join(sorted(_KNOWN_TYPES))}")
    try:
        event = ADAPTER.validate_python(document)
    except ValidationError as error:
        raise _unreadable(error) from None
    data = document["data"]
    unknown = tuple(sorted(data.keys() - _DATA_FIELDS[kind])) if isinstance(data, dict) else ()
    return event.subject, _compact(event), unknown


def _parse(value: bytes) -> dict[str, object]:
    _check_depth(value)
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
        raise Unreadable(*_why_not_json(value, str(error))) from None
    if not isinstance(document, dict):
        raise Unreadable("not_an_event", f"the value is JSON, but no object: {str(document)[:60]}")
    return document


def _check_depth(value: bytes) -> None:
    """Refuse what nests deeper than any event needs: how deep a parser gets would depend on its caller's stack."""
    if value.count(b"{") + value.count(b"[") <= DEEPEST:
        return
    depth = 0
    for bracket in _BRACKET.findall(_JSON_TEXT.sub(b"", value)):
        depth += 1 if bracket in b"{[" else -1
        if depth > DEEPEST:
            raise Unreadable("too_deep", f"the JSON nests deeper than {DEEPEST} levels")


def _why_not_json(value: bytes, error: str) -> tuple[str, str]:
    try:
        value.decode()
    except UnicodeDecodeError as trouble:
        return "not_utf8", f"{trouble.reason} at byte {trouble.start}"
    return "not_json", error


def _unreadable(error: ValidationError) -> Unreadable:
    first = error.errors(include_url=False, include_context=False)[0]
    steps = first["loc"][1:3] if first["loc"][-1] == "[key]" else first["loc"][1:4]
    path = ".".join(map(str, steps)) or "data"
    if first["type"] == "missing":
        return Unreadable("missing_field", f"{path}: is missing")
    given = str(first["input"])[:60]
    message = first["msg"].removeprefix("Value error, ")
    return Unreadable("invalid_field", f"{path}: {message} (given: {given!r})")


def _compact(event: CloudEvent) -> Event:
    head = (compact.micros(event.time), event.source, event.id, event.sequence)
    if isinstance(event, Touchpoint):
        touch = event.data
        recorded = None if touch.recorded_at is None else compact.micros(touch.recorded_at)
        values = touch.model_dump(exclude={"recorded_at"})
        return compact.Touch(*head, **values, recorded_at=recorded)
    if isinstance(event, LeadChange):
        return compact.Lead(*head, **event.data.model_dump())
    if isinstance(event, DealChange):
        return compact.Deal(*head, **event.data.model_dump())
    if isinstance(event, SpendReport):
        return compact.Spend(*head, **event.data.model_dump())
    raise TypeError(f"no compact form of {type(event).__name__}")
