"""The events that Baton says itself (§2, derived): CloudEvents that state a fact, with a revision.

A later revision corrects an earlier one; nothing is erased. The id is a hash of the fact and its revision, so
the same statement has the same id on every run.
"""

from hashlib import sha256
from typing import Literal, TypeAlias

import msgspec
from pydantic import Field

from schemas.events import CloudEvent, Contract
from schemas.text import Id, Slug, Text, Time

SOURCE = "baton"
STAGE_TYPE = "baton.stage.v1"
CLOCK_TYPE = "baton.clock.v1"
PROMISE_TYPE = "baton.promise.v1"

PromiseKind: TypeAlias = Literal["volume", "ratio", "completeness", "goal"]
Standing: TypeAlias = Literal["on_pace", "off_pace", "kept", "missed"]
ClockChange: TypeAlias = Literal["started", "warned", "met", "breached", "cancelled"]


class FactOf(Contract):
    """What is said: whose, of what kind, and which one of its kind."""

    lead: Id
    kind: str = Field(
        description="Of a stage: `entered` or `left`, a dot, and the stage; `left.(none)`: out without a stage. Of a "
        "clock: `started`, `warned`, `met`, `breached` or `cancelled`, a dot, and the clause; of a warning another "
        "dot, and its place in `warn_at`, from 0. The number is then the clock's cycle."
    )
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


class ClockData(Contract):
    """What became of the clock of one clause, one lead and one cycle (§5)."""

    fact: FactOf
    revision: int = Field(ge=1, description="From 1; a later one corrects an earlier one.")
    holds: bool = Field(description="False: it turned out not to be so.")
    change: ClockChange
    clause: Slug
    cycle: int = Field(ge=1)
    owed_by: Slug
    responsible: Id | None = Field(default=None, description="The clause's, else the party's.")
    at: Time = Field(description="When it came true: the start, the warning, the answer, the due time, or the exit.")
    started_at: Time
    due_at: Time
    target_s: float = Field(ge=0, description="Open seconds from the start to the due time.")
    tier: int | None = Field(default=None, ge=0, description="The tier's place in the clause, from 0.")
    agreement_version: int = Field(ge=1)
    owner_at_start: Id | None = None
    owner: Id | None = Field(default=None, description="The lead's owner at that moment.")
    fraction: float | None = Field(default=None, description="Of a warning: the share of the open time that is gone.")
    answered_at: Time | None = Field(default=None, description="When it was answered; of a breach, the late answer.")
    answered_by: Id | None = Field(default=None, description="The `rep` of the touchpoint, or the lead's owner.")
    elapsed_s: float | None = Field(default=None, description="Open seconds to the answer or the exit, also late.")
    routing_s: float | None = Field(default=None, description="Open seconds until a person had the lead.")
    human_s: float | None = Field(default=None, description="Open seconds from there to the answer.")
    cause: Cause | None = Field(default=None, description="The event that made it so; none where time did.")


class ClockEvent(CloudEvent):
    """`baton.clock.v1`, on `baton.clocks`."""

    type: Literal["baton.clock.v1"]
    data: ClockData


class PromiseFactOf(Contract):
    """What is said: of which promise, in which period. There is one fact of each."""

    promise: Slug = Field(description="The id of a clause that is judged by period, or of a goal.")
    period: str = Field(description="Such as `2026-W12`, `2026-03` or `2026-Q1`.")


class PromiseData(Contract):
    """How a promise stands in a period (§5.11). A later revision says that it stands otherwise now."""

    fact: PromiseFactOf
    revision: int = Field(ge=1, description="From 1; a later one takes the place of an earlier one.")
    holds: bool = Field(description="False: it turned out that there is nothing to say of it, such as a share of none.")
    kind: PromiseKind
    standing: Standing = Field(
        description="While the period runs, `on_pace` or `off_pace`, looked at on the hour; once it is over, `kept` or "
        "`missed`."
    )
    provisional: bool = Field(description="The figure may still change as a matter of course: a cohort that settles.")
    owed_by: Slug | None = Field(default=None, description="The party that owes it; none for a goal of all.")
    begin: Time = Field(alias="from", description="The period's first instant.")
    end: Time = Field(alias="to", description="The first instant after it.")
    at: Time = Field(
        description="The period's end, or that of its time to settle; of a pace, the hour at which it was looked at."
    )
    target: str = Field(description="As the agreement has it; money in units of the goal's currency.")
    numerator: str | None = Field(default=None, description="What was reached, once the period is over.")
    denominator: int | None = Field(default=None, description="Of a share: of how many leads.")
    agreement_version: int = Field(ge=1, description="The version that judges the period.")


class PromiseEvent(CloudEvent):
    """`baton.promise.v1`, on `baton.promises`."""

    type: Literal["baton.promise.v1"]
    data: PromiseData


class FactRef(msgspec.Struct):
    """The same as `FactOf`."""

    lead: str
    kind: str
    number: int


class CauseRef(msgspec.Struct):
    """The same as `Cause`."""

    source: str
    id: str


class _StageData(msgspec.Struct, omit_defaults=True):
    fact: FactRef
    revision: int
    holds: bool
    change: str
    stage: str
    at: str
    cause: CauseRef
    other: str | None = None
    exit: str | None = None
    reason: str | None = None
    since: str | None = None


class ClockStatement(msgspec.Struct, omit_defaults=True):
    """The same as `ClockData`, as the engine makes it."""

    fact: FactRef
    revision: int
    holds: bool
    change: str
    clause: str
    cycle: int
    owed_by: str
    at: str
    started_at: str
    due_at: str
    target_s: float
    agreement_version: int
    responsible: str | None = None
    tier: int | None = None
    owner_at_start: str | None = None
    owner: str | None = None
    fraction: float | None = None
    answered_at: str | None = None
    answered_by: str | None = None
    elapsed_s: float | None = None
    routing_s: float | None = None
    human_s: float | None = None
    cause: CauseRef | None = None


class PromiseRef(msgspec.Struct, frozen=True):
    """The same as `PromiseFactOf`."""

    promise: str
    period: str

    @property
    def key(self) -> str:
        """The event's subject, and the key of its record."""
        return f"{self.promise}/{self.period}"


class PromiseStatement(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"begin": "from", "end": "to"}, kw_only=True
):
    """The same as `PromiseData`."""

    fact: PromiseRef
    revision: int
    holds: bool
    kind: PromiseKind
    standing: Standing
    provisional: bool
    begin: str
    end: str
    at: str
    target: str
    agreement_version: int
    owed_by: str | None = None
    numerator: str | None = None
    denominator: int | None = None


class _Event(msgspec.Struct):
    id: str
    subject: str
    time: str
    data: _StageData | ClockStatement | PromiseStatement
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
        FactRef(lead, kind, number), revision, holds, change, stage, at, CauseRef(*cause), other, way_out, reason, since
    )
    return _ENCODE(_Event(fact_id(lead, kind, number, revision), lead, at, data))


def clock_event(said: ClockStatement) -> bytes:
    """A `baton.clock.v1` event, structured. Fast: no model is made."""
    fact = said.fact
    ident = fact_id(fact.lead, fact.kind, fact.number, said.revision)
    return _ENCODE(_Event(ident, fact.lead, said.at, said, type=CLOCK_TYPE))


class _Promise(msgspec.Struct):
    data: PromiseStatement


_READ_PROMISE = msgspec.json.Decoder(_Promise).decode


def promise_event(said: PromiseStatement) -> bytes:
    """A `baton.promise.v1` event, structured."""
    ident = fact_id(said.fact.promise, said.fact.period, 1, said.revision)
    return _ENCODE(_Event(ident, said.fact.key, said.at, said, type=PROMISE_TYPE))


def read_promise(value: bytes) -> PromiseStatement:
    """What such an event says. Raises msgspec.MsgspecError for anything else."""
    return _READ_PROMISE(value).data
