"""An event as the folds and the changelog hold it: a small array instead of a document.

Made only by `schemas.decode`, so what is here has passed the contract. Times are microseconds since
1970 in UTC; an absent field is None. The lead (the event's `subject`) is the key beside it, never inside.
Source and id stand side by side, so that an identity can be looked for in the encoded bytes.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

ProfileValue: TypeAlias = str | bool | int | float | list[str] | None
Profile: TypeAlias = dict[str, ProfileValue]
OrderKey: TypeAlias = tuple[int, str, str, str]


class Touch(msgspec.Struct, array_like=True, tag=0, gc=False):
    """A touchpoint (§2)."""

    time: int
    source: str
    id: str
    sequence: str | None
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
    recorded_at: int | None = None


class Lead(msgspec.Struct, array_like=True, tag=1):
    """A change of a lead's status, owner or profile (§2); in `profile`, None clears a field."""

    time: int
    source: str
    id: str
    sequence: str | None
    status: str | None = None
    reason: str | None = None
    owner: str | None = None
    account: str | None = None
    profile: Profile | None = None


class Deal(msgspec.Struct, array_like=True, tag=2, gc=False):
    """What is said of a deal (§2); `amount` is decimal text."""

    time: int
    source: str
    id: str
    sequence: str | None
    deal_id: str
    stage: str
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    account: str | None = None
    reason: str | None = None
    kind: str | None = None


class Spend(msgspec.Struct, array_like=True, tag=3, gc=False):
    """Money spent on a channel over whole days (§2); `begin` and `end` are ISO dates, `end` excluded."""

    time: int
    source: str
    id: str
    sequence: str | None
    channel: str
    campaign: str | None
    amount: str
    currency: str
    begin: str
    end: str


Event: TypeAlias = Touch | Lead | Deal | Spend

TYPES: dict[type[Event], str] = {
    Touch: "baton.touchpoint.v1",
    Lead: "baton.lead.v1",
    Deal: "baton.deal.v1",
    Spend: "baton.spend.v1",
}
_RENAMED = {"begin": "from", "end": "to"}
_ATTRIBUTES = ("time", "source", "id", "sequence")
_SECOND_TEXTS = tuple(f":{second:02}." for second in range(60))


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC of an aware moment."""
    return (moment - EPOCH) // MICROSECOND


def moment(us: int) -> datetime:
    """The moment, in UTC, that lies `us` microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=us)


def time_text(us: int) -> str:
    """RFC 3339 in UTC with microseconds, as everything that Baton writes has it."""
    minutes, rest = divmod(us, 60_000_000)
    second, micro = divmod(rest, 1_000_000)
    return f"{_minute_text(minutes)}{_SECOND_TEXTS[second]}{micro:06}Z"


@lru_cache(maxsize=65_536)
def _minute_text(minutes: int) -> str:
    return (EPOCH + timedelta(minutes=minutes)).isoformat()[:16]


def order_key(event: Event) -> OrderKey:
    """§4.1: the order in which a lead's events are folded; no sequence comes before any."""
    return event.time, event.source, event.sequence or "", event.id


def document(subject: str, event: Event) -> dict[str, object]:
    """The event as a structured CloudEvent, with the fields that it has."""
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": TYPES[type(event)],
        "subject": subject,
        "time": time_text(event.time),
    }
    if event.sequence is not None:
        attributes["sequence"] = event.sequence
    attributes["data"] = _data(event)
    return attributes


def content(event: Event) -> bytes:
    """§4.2: canonical JSON without extensions and unknown fields, for events of one subject, source and id.

    Sorted keys, no spaces, UTF-8; a moment is written in UTC with microseconds, so that two spellings of
    one moment are the same content.
    """
    bare = document("", event)
    bare.pop("sequence", None)
    return json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _data(event: Event) -> dict[str, object]:
    data: dict[str, object] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in _ATTRIBUTES or (value is None and name != "status"):  # the contract requires the status, or null
            continue
        data[_RENAMED.get(name, name)] = time_text(value) if name == "recorded_at" else value
    return data
