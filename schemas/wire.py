"""Events as they stand in JSON, for `schemas.fast`: any other field, or type of a field, is refused.

Spend is not among them: it is rare, and the models read it.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from schemas.compact import Profile


class Wire(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", gc=False):
    """The attributes that every event has, and those that are let pass."""

    specversion: Literal["1.0"]
    id: str
    source: str
    subject: str
    time: datetime
    sequence: str | None = None
    datacontenttype: str | None = None


class TouchData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The data of a touchpoint."""

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


class LeadData(msgspec.Struct, forbid_unknown_fields=True):
    """The data of a lead event."""

    status: str | None
    reason: str | None = None
    owner: str | None = None
    account: str | None = None
    profile: Profile | None = None


class DealData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The data of a deal event."""

    deal_id: str
    stage: str
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    account: str | None = None
    reason: str | None = None
    kind: str | None = None


class WireTouch(Wire, tag="baton.touchpoint.v1", kw_only=True):
    """`baton.touchpoint.v1`."""

    data: TouchData


class WireLead(Wire, tag="baton.lead.v1", kw_only=True):
    """`baton.lead.v1`."""

    data: LeadData


class WireDeal(Wire, tag="baton.deal.v1", kw_only=True):
    """`baton.deal.v1`."""

    data: DealData


READ: Final = msgspec.json.Decoder(WireTouch | WireLead | WireDeal).decode
