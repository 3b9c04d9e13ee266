"""The events that Baton says itself (§2, derived): CloudEvents that state a fact, with a revision.

A later revision corrects an earlier one; nothing is erased. The id is a hash of the fact and its revision, so
the same statement has the same id on every run.
"""

from hashlib import sha256
from typing import Literal

import msgspec
from pydantic import Field

from schemas.events import CloudEvent, Contract
from schemas.text import Id, Slug, Text, Time

SOURCE = "baton"
STAGE_TYPE = "baton.stage.v1"


class FactOf(Contract):
    """What is said: whose, of what kind, and which one of its kind."""

    lead: Id
    kind: str = Field(description="`entered` or `left`, a dot, and the stage; `left.(none)`: out without a stage.")
    number: int = Field(ge=1)


class Cause(Contract):
    """The event that made it so."""

    source: Id
    id: Id


class StageData(Contract):
    """A lead entered or left a stage."""

    fact: FactOf
    revision: int = Field(ge=1, description="From 1; a later one corrects an earlier one.")
    holds: bool = Field(description="False: it turned out not to be so.")
    change: Literal["entered", "left"]
    stage: str
    at: Time
    cause: Cause
    other: Slug | None = Field(default=None, description="The stage before (entered), or after (left).")
    exit: Slug | None = Field(default=None, description="The exit by which it left.")
    reason: Text | None = None
    since: Time | None = Field(default=None, description="When the stage that was left had been entered.")


class StageEvent(CloudEvent):
    """`baton.stage.v1`, on `baton.stages`."""

    type: Literal["baton.stage.v1"]
    data: StageData


class _FactOf(msgspec.Struct):
    lead: str
    kind: str
    number: int


class _Cause(msgspec.Struct):
    source: str
    id: str


class _StageData(msgspec.Struct, omit_defaults=True):
    fact: _FactOf
    revision: int
    holds: bool
    change: str
    stage: str
    at: str
    cause: _Cause
    other: str | None = None
    exit: str | None = None
    reason: str | None = None
    since: str | None = None


class _StageEvent(msgspec.Struct):
    id: str
    subject: str
    time: str
    data: _StageData
    specversion: str = "1.0"
    source: str = SOURCE
    type: str = STAGE_TYPE
    datacontenttype: str = "application/json"


_ENCODE = msgspec.json.Encoder().encode


def fact_id(lead: str, kind: str, number: int, revision: int) -> str:
    """The id of a statement: a hash of what is said, and of the revision."""
    return sha256(f"{lead}\0{kind}\0{number}\0{revision}".encode()).hexdigest()[:32]


def stage_event(
    lead: str,
    change: str,
    stage: str,
    number: int,
    revision: int,
    holds: bool,
    at: str,
    cause: tuple[str, str],
    other: str | None = None,
    way_out: str | None = None,
    reason: str | None = None,
    since: str | None = None,
) -> bytes:
    """A `baton.stage.v1` event, structured; times as RFC 3339 text. Fast: no model is made."""
    kind = f"{change}.{stage}"
    data = _StageData(
        _FactOf(lead, kind, number), revision, holds, change, stage, at, _Cause(*cause), other, way_out, reason, since
    )
    return _ENCODE(_StageEvent(fact_id(lead, kind, number, revision), lead, at, data))
