"""The events that Baton reads (contract v1, DESIGN §2), as frozen pydantic models: the word on what is valid.

Each model is one CloudEvent 1.0 in structured form. Null in an optional field means absent, but in a
profile. Unknown fields are left out here; `schemas.decode` names them.
"""

import math
import re
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.config import JsonDict

from schemas.text import Currency, DecimalText, Id, Slug, Text, Time

LONGEST_URL = 4096
LONGEST_PROFILE_TEXT = 4096
LONGEST_PROFILE_LIST = 100
LARGEST_PROFILE = 200
LARGEST_WHOLE = 2**53 - 1  # what every JSON reader keeps exactly (RFC 7493)


class Contract(BaseModel):
    """What every model of the contract has in common."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


def _profile_value(value: object) -> object:
    """One error for whatever a profile may not hold, instead of one for each type that it is not."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _exact(value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str):
        return _not_too_long(value)
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        return _not_too_many(value)
    raise ValueError("must be text, a number, true or false, a list of text, or null")


def _exact(number: int) -> int:
    if abs(number) > LARGEST_WHOLE:
        raise ValueError("a whole number beyond 2^53 - 1 is not kept exactly by every reader of JSON: send it as text")
    return number


def _finite(number: float) -> float:
    """A finite number; a whole one as such, for 70.0 is 70 in canonical JSON (RFC 8785)."""
    if not math.isfinite(number):
        raise ValueError("a number must be finite")
    return int(number) if number.is_integer() and abs(number) <= LARGEST_WHOLE else number


def _not_too_long(text: str) -> str:
    if len(text) > LONGEST_PROFILE_TEXT:
        raise ValueError(f"a text has at most {LONGEST_PROFILE_TEXT} characters")
    return text


def _not_too_many(texts: list[str]) -> list[str]:
    if len(texts) > LONGEST_PROFILE_LIST:
        raise ValueError(f"a list has at most {LONGEST_PROFILE_LIST} texts")
    return [_not_too_long(text) for text in texts]


ProfileText = Annotated[str, Field(max_length=LONGEST_PROFILE_TEXT)]
ProfileValue = Annotated[
    bool | int | float | ProfileText | Annotated[list[ProfileText], Field(max_length=LONGEST_PROFILE_LIST)] | None,
    BeforeValidator(_profile_value),
]


class TouchpointData(Contract):
    """Something that somebody did towards, or with, a lead."""

    kind: Slug
    party: Slug = Field(description="Who acted: `lead`, or a party of the agreement.")
    channel: Text | None = None
    campaign: Text | None = None
    asset: Text | None = None
    rep: Id | None = None
    outcome: Text | None = None
    url: Annotated[str, Field(max_length=LONGEST_URL)] | None = None
    duration_s: Annotated[float, Field(ge=0)] | None = Field(default=None, description="Seconds.")
    automated: bool | None = Field(default=None, description="True: a machine did it.")
    recorded_at: Time | None = Field(default=None, description="When it was written down.")


class LeadData(Contract):
    """A change of a lead's status, owner or profile."""

    status: Slug | None = Field(description="Null when only the profile or the owner changes.")
    reason: Text | None = None
    owner: Id | None = None
    account: Text | None = None
    profile: Annotated[dict[Id, ProfileValue], Field(max_length=LARGEST_PROFILE)] | None = Field(
        default=None, description="Merged field by field; null clears a field."
    )


_AMOUNT_NEEDS_CURRENCY: Final[JsonDict] = {
    "if": {"properties": {"amount": {"type": "string"}}, "required": ["amount"]},
    "then": {"properties": {"currency": {"type": "string"}}, "required": ["currency"]},
}


class DealData(Contract):
    """What is now said of a deal."""

    model_config = ConfigDict(json_schema_extra=_AMOUNT_NEEDS_CURRENCY)

    deal_id: Id
    stage: Slug = Field(description="`won` and `lost` end it.")
    amount: DecimalText | None = None
    currency: Currency | None = None
    owner: Id | None = None
    account: Text | None = None
    reason: Text | None = None
    kind: Slug | None = Field(default=None, description="new (the default), renewal, expansion, refund.")

    @model_validator(mode="after")
    def _amount_has_a_currency(self) -> Self:
        if self.amount is not None and self.currency is None:
            raise ValueError("an amount needs its currency (ISO 4217)")
        return self


DATE_PATTERN: Final = r"^(?:20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}$"


def _iso_date(text: str) -> str:
    try:
        date.fromisoformat(text if re.fullmatch(DATE_PATTERN, text) else "")
    except ValueError:
        raise ValueError("a date is written YYYY-MM-DD, in the years 2000 to 2100") from None
    return text


IsoDate = Annotated[
    str, AfterValidator(_iso_date), Field(json_schema_extra={"format": "date", "pattern": DATE_PATTERN})
]


class SpendData(Contract):
    """Money spent on a channel over whole days."""

    channel: Text
    campaign: Text | None = None
    amount: DecimalText
    currency: Currency
    begin: IsoDate = Field(alias="from")
    end: IsoDate = Field(alias="to", description="Excluded.")

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.begin >= self.end:
            raise ValueError("`to` is excluded and must come after `from`")
        return self


class CloudEvent(Contract):
    """The attributes of CloudEvents 1.0 that Baton uses."""

    specversion: Literal["1.0"]
    id: Id
    source: Id
    subject: Id = Field(description="The lead's id and the Kafka key; for spend, the channel.")
    time: Time
    sequence: Id | None = None


class Touchpoint(CloudEvent):
    """`baton.touchpoint.v1`, on `baton.touchpoints`."""

    type: Literal["baton.touchpoint.v1"]
    data: TouchpointData


class LeadChange(CloudEvent):
    """`baton.lead.v1`, on `baton.leads`."""

    type: Literal["baton.lead.v1"]
    data: LeadData


class DealChange(CloudEvent):
    """`baton.deal.v1`, on `baton.deals`."""

    type: Literal["baton.deal.v1"]
    data: DealData


class SpendReport(CloudEvent):
    """`baton.spend.v1`, on `baton.spend`."""

    type: Literal["baton.spend.v1"]
    data: SpendData


AnyEvent = Annotated[Touchpoint | LeadChange | DealChange | SpendReport, Field(discriminator="type")]
MODELS: tuple[type[CloudEvent], ...] = (Touchpoint, LeadChange, DealChange, SpendReport)
RESERVED = frozenset({"baton.merge.v1", "baton.unmerge.v1", "baton.forget.v1", "baton.meeting.v1"})
ADAPTER: TypeAdapter[Touchpoint | LeadChange | DealChange | SpendReport] = TypeAdapter(AnyEvent)
