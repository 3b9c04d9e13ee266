"""What the read model says of clocks: those of a lead that are open, and breaches. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from schemas.compact import micros, time_text
from schemas.derived import FactRef
from streams.rows import Head
from streams.terms import Versions
from streams.verdicts import SECOND, standing

BREACHED: Final = "breached"


class OpenClock(NamedTuple):
    """A clock that runs, or is overdue and can still be answered: its name, when it is due (microseconds), its JSON."""

    member: str
    due: int
    document: str


class Breach(NamedTuple):
    """That a clock was breached: which fact it is, when (microseconds), who had the lead then, and whether it holds."""

    fact: str
    at: int
    owner: str | None
    holds: bool
    event: str


class _OpenClock(msgspec.Struct):
    lead: str
    clause: str
    cycle: int
    owed_by: str
    responsible: str | None
    owner: str | None
    started_at: str
    due_at: str
    state: str
    target_s: float
    tier: int | None
    agreement_version: int


class _ClockData(msgspec.Struct):
    fact: FactRef
    holds: bool
    change: str
    at: datetime
    owner: str | None = None


class _ClockEvent(msgspec.Struct):
    data: _ClockData


_decode = msgspec.json.Decoder(_ClockEvent).decode
_encode = msgspec.json.Encoder().encode


def open_clocks(lead: str, head: Head, versions: Versions) -> list[OpenClock]:
    """A lead's open clocks by its head row, as `baton_clocks` counts them.

    Clocks of clauses that these versions do not have are left out: by other versions the lead is folded again, and
    its row comes once more.
    """
    return list(_open(lead, head, versions)) if head.clocks.running else []


def _open(lead: str, head: Head, versions: Versions) -> Iterator[OpenClock]:
    for clock in head.clocks.running:
        state = standing(clock, head.clocks.told)
        if state is None:
            continue
        try:
            own = versions.clock_terms(clock.version, clock.clause)
        except KeyError:
            continue
        document = _OpenClock(
            lead,
            clock.clause,
            clock.cycle,
            own.owed_by,
            own.responsible,
            head.journey.owner,
            time_text(clock.started),
            time_text(clock.due),
            state,
            clock.target / SECOND,
            clock.tier,
            clock.version,
        )
        yield OpenClock(f"{clock.clause}/{clock.cycle}/{lead}", clock.due, _encode(document).decode())


def breach(value: bytes) -> Breach | None:
    """What a record of `baton.clocks` says of a breach; None where it is of something else.

    Revisions of one fact have the same `fact`. Raises msgspec.MsgspecError.
    """
    data = _decode(value).data
    if data.change != BREACHED:
        return None
    fact = f"{data.fact.kind}#{data.fact.number} {data.fact.lead}"
    return Breach(fact, micros(data.at), data.owner, data.holds, value.decode())
