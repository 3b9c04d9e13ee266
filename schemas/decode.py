"""Bytes of a Kafka record, or a line of a file, to an `Event`; or to a typed reason why not.

`schemas.events` says what is valid. Most events are read by a faster way that accepts only what those
models certainly accept, with the same outcome; at the least doubt (an unknown field, an unusual value)
the models decide. A property test holds the two together.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec
from pydantic import ValidationError

from schemas import compact
from schemas.compact import Event
from schemas.events import (
    ADAPTER,
    LARGEST_PROFILE,
    LARGEST_WHOLE,
    LONGEST_PROFILE_LIST,
    LONGEST_PROFILE_TEXT,
    LONGEST_URL,
    MODELS,
    RESERVED,
    CloudEvent,
    DealChange,
    LeadChange,
    SpendReport,
    Touchpoint,
)
from schemas.text import CURRENCIES, DECIMAL_PATTERN, FIRST_YEAR, LAST_YEAR, SLUG_PATTERN

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
Decoded: TypeAlias = tuple[str, Event, tuple[str, ...]]

REMEMBERED: Final = 100_000
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
    if headers:
        value = _structured(value, headers)
    try:
        return _read_fast(_FAST.decode(value))
    except (msgspec.DecodeError, _Doubt, UnicodeDecodeError, RecursionError, OverflowError):
        return _read_whole(value)


def _structured(value: bytes, headers: Headers) -> bytes:
    """The event in structured form, whichever of the two content modes it came in."""
    named = {name.lower(): content for name, content in headers if content is not None}
    content_type = named.get("content-type", b"").split(b";")[0].strip().lower()
    if content_type.startswith(b"application/cloudevents"):
        if content_type != b"application/cloudevents+json":
            raise Unreadable(
                "unknown_format", f"content-type {content_type!r} is not read; send one event as JSON"
            )
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
    return msgspec.json.encode({**texts, "data": msgspec.Raw(value)}) if value else msgspec.json.encode(texts)


# The faster way: what it accepts, the models accept with the same outcome.


class _Doubt(Exception):  # noqa: N818  not an error: it hands the event to the models
    pass


class _Wire(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", gc=False):
    specversion: Literal["1.0"]
    id: str
    source: str
    subject: str
    time: datetime
    sequence: str | None = None
    datacontenttype: str | None = None


class _TouchData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    kind: str
    party: str
    channel: str | None = None
    campaign: str | None = None
    asset: str | None = None
    rep: str | None = None
    outcome: str | None = None
    url: str | None = None
    duration_s: float | None = None
    automated: bool | None = None
    recorded_at: datetime | None = None


class _LeadData(msgspec.Struct, forbid_unknown_fields=True):
    status: str | None
    reason: str | None = None
    owner: str | None = None
    account: str | None = None
    profile: compact.Profile | None = None


class _DealData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    deal_id: str
    stage: str
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    account: str | None = None
    reason: str | None = None
    kind: str | None = None


class _WireTouch(_Wire, tag="baton.touchpoint.v1", kw_only=True):
    data: _TouchData


class _WireLead(_Wire, tag="baton.lead.v1", kw_only=True):
    data: _LeadData


class _WireDeal(_Wire, tag="baton.deal.v1", kw_only=True):
    data: _DealData


_FAST: Final = msgspec.json.Decoder(_WireTouch | _WireLead | _WireDeal)
_EARLIEST: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_EPOCH: Final = compact.EPOCH


def _remembering(valid: Callable[[str], bool]) -> Callable[[str | None], str | None]:
    """A check that gives the text back or raises _Doubt, and remembers (bounded) what was good."""
    good: dict[str | None, str | None] = {None: None}

    def check(text: str | None) -> str | None:
        if text in good:
            return good[text]
        if text is None or not valid(text):
            raise _Doubt
        if len(good) < REMEMBERED:
            good[text] = text
        return text

    return check


_SLUG = re.compile(SLUG_PATTERN[1:-1])
_DECIMAL = re.compile(DECIMAL_PATTERN[1:-1])
_slug = _remembering(lambda text: len(text) <= 64 and _SLUG.fullmatch(text) is not None)
_name = _remembering(lambda text: 0 < len(text) <= 256 and text.isprintable())
_short = _remembering(lambda text: 0 < len(text) <= 128 and text.isprintable())


def _micros(time: datetime) -> int:
    if time.tzinfo is None or not _EARLIEST <= time < _LATEST:
        raise _Doubt
    span = time - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _read_fast(wire: "_WireTouch | _WireLead | _WireDeal") -> Decoded:
    subject, source, ident, sequence = wire.subject, wire.source, wire.id, wire.sequence
    if not (
        0 < len(subject) <= 128 and subject.isprintable() and 0 < len(ident) <= 128 and ident.isprintable()
    ):
        raise _Doubt
    _short(source)
    if sequence is not None and not (0 < len(sequence) <= 128 and sequence.isprintable()):
        raise _Doubt
    time = _micros(wire.time)
    if isinstance(wire, _WireTouch):
        return subject, _touch(time, source, ident, sequence, wire.data), ()
    if isinstance(wire, _WireLead):
        return subject, _lead(time, source, ident, sequence, wire.data), ()
    return subject, _deal(time, source, ident, sequence, wire.data), ()


def _touch(time: int, source: str, ident: str, sequence: str | None, data: _TouchData) -> compact.Touch:
    _slug(data.kind), _slug(data.party)
    _name(data.channel), _name(data.campaign), _name(data.asset), _name(data.outcome), _short(data.rep)
    url, seconds, recorded = data.url, data.duration_s, data.recorded_at
    if url is not None and len(url) > LONGEST_URL:
        raise _Doubt
    if seconds is not None and not 0 <= seconds < math.inf:
        raise _Doubt
    return compact.Touch(
        time,
        source,
        ident,
        sequence,
        data.kind,
        data.party,
        data.channel,
        data.campaign,
        data.asset,
        data.rep,
        data.outcome,
        url,
        seconds,
        data.automated,
        None if recorded is None else _micros(recorded),
    )


def _lead(time: int, source: str, ident: str, sequence: str | None, data: _LeadData) -> compact.Lead:
    _slug(data.status), _name(data.reason), _short(data.owner), _name(data.account)
    if data.profile is not None:
        _check_profile(data.profile)
    return compact.Lead(
        time, source, ident, sequence, data.status, data.reason, data.owner, data.account, data.profile
    )


def _check_profile(profile: compact.Profile) -> None:
    if len(profile) > LARGEST_PROFILE:
        raise _Doubt
    for name, value in profile.items():
        _short(name)
        if isinstance(value, str):
            if len(value) > LONGEST_PROFILE_TEXT:
                raise _Doubt
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise _Doubt
        elif isinstance(value, int):
            if not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
                raise _Doubt
        elif value is not None and (
            len(value) > LONGEST_PROFILE_LIST or any(len(text) > LONGEST_PROFILE_TEXT for text in value)
        ):
            raise _Doubt


def _deal(time: int, source: str, ident: str, sequence: str | None, data: _DealData) -> compact.Deal:
    _slug(data.stage), _slug(data.kind), _name(data.account), _name(data.reason)
    _short(data.owner)
    deal_id, amount, currency = data.deal_id, data.amount, data.currency
    if not (0 < len(deal_id) <= 128 and deal_id.isprintable()):
        raise _Doubt
    if amount is not None and (currency is None or _DECIMAL.fullmatch(amount) is None):
        raise _Doubt
    if currency is not None and currency not in CURRENCIES:
        raise _Doubt
    return compact.Deal(
        time,
        source,
        ident,
        sequence,
        deal_id,
        data.stage,
        amount,
        currency,
        data.owner,
        data.account,
        data.reason,
        data.kind,
    )


# The whole way: the models decide, and every error says where.


def _read_whole(value: bytes) -> Decoded:
    document = _parse(value)
    kind = document.get("type")
    if not isinstance(kind, str):
        raise Unreadable("missing_field", "type: every event says its type, such as baton.touchpoint.v1")
    if kind in RESERVED:
        raise Unreadable("reserved_type", f"type: {kind} is reserved and not read yet")
    if kind not in _KNOWN_TYPES:
        raise Unreadable("unknown_type", f"type: {kind[:100]!r} is none of {', '.join(sorted(_KNOWN_TYPES))}")
    try:
        event = ADAPTER.validate_python(document)
    except ValidationError as error:
        raise _unreadable(error) from None
    except RecursionError:
        raise Unreadable("too_deep", "data is nested too deeply") from None
    data = document["data"]
    unknown = tuple(sorted(data.keys() - _DATA_FIELDS[kind])) if isinstance(data, dict) else ()
    return event.subject, _compact(event), unknown


def _parse(value: bytes) -> dict[str, object]:
    try:
        document = msgspec.json.decode(value)
    except UnicodeDecodeError as error:
        raise Unreadable("not_utf8", str(error)) from None
    except RecursionError:
        raise Unreadable("too_deep", "the JSON is nested too deeply") from None
    except (msgspec.DecodeError, OverflowError) as error:
        raise Unreadable(*_why_not_json(value, str(error))) from None
    if not isinstance(document, dict):
        raise Unreadable("not_an_event", f"the value is JSON, but no object: {str(document)[:60]}")
    return document


def _why_not_json(value: bytes, error: str) -> tuple[str, str]:
    try:
        value.decode()
    except UnicodeDecodeError as trouble:
        return "not_utf8", f"{trouble.reason} at byte {trouble.start}"
    return "not_json", error


def _unreadable(error: ValidationError) -> Unreadable:
    first = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"][1:4]) or "data"
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
