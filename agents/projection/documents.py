"""What the read model says: a lead, a movement, the funnel, each made from a record of Kafka. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from schemas.compact import micros
from schemas.derived import FactRef
from streams.funnel import Counts, money_text
from streams.report import lead_line
from streams.rows import Head
from streams.terms import Terms, Versions
from streams.totals import TotalsRow, whole

Unreadable = (msgspec.MsgspecError, UnicodeDecodeError)
"""What these functions raise for a record that is not what its topic carries."""

STAGE_MEASURES: Final = ("now", "ever", "entries", "skipped", "waiting")


class Movement(NamedTuple):
    """That a lead entered or left a stage: which fact it is, when it was (microseconds), and whether it holds."""

    fact: str
    at: int
    holds: bool
    event: str


class _Sums(msgspec.Struct):
    now: int = 0
    ever: int = 0
    entries: int = 0
    skipped: int = 0
    waiting: int = 0


class _Stage(_Sums):
    channels: dict[str, _Sums] = {}


class _Funnel(msgspec.Struct):
    agreement: str
    version: int
    partitions: list[int]
    offset: int
    leads: dict[str, int] = {}
    stages: dict[str, _Stage] = {}
    exits: dict[str, dict[str, int]] = {}
    revenue: dict[str, dict[str, str]] = {}
    pipeline: dict[str, dict[str, str]] = {}


class _StageData(msgspec.Struct):
    fact: FactRef
    holds: bool
    at: datetime


class _StageEvent(msgspec.Struct):
    data: _StageData


_decode_head = msgspec.msgpack.Decoder(Head).decode
_decode_stage = msgspec.json.Decoder(_StageEvent).decode
_encode = msgspec.json.Encoder().encode


def read_head(row: bytes) -> Head:
    """A head row of the changelog. Raises what `Unreadable` names."""
    return _decode_head(row)


def lead_document(lead: str, head: Head, versions: Versions, partition: int, offset: int) -> str:
    """A lead from its head row, as `leads.jsonl` shows it, with where in the changelog the row is."""
    line = lead_line(lead, head.journey, head.condensed, versions)
    return f'{line[:-1].decode()},"partition":{partition},"offset":{offset}}}'


def movement(value: bytes) -> Movement:
    """What a record of `baton.stages` says; revisions of one fact have the same `fact`."""
    data = _decode_stage(value).data
    fact = f"{data.fact.kind}#{data.fact.number} {data.fact.lead}"
    return Movement(fact, micros(data.at), data.holds, value.decode())


def funnel_document(rows: Iterable[TotalsRow], terms: Terms, offset: int) -> str:
    """The funnel as one, from every partition's sums, as JSON; money is decimal text.

    `terms` gives the stages and their order; `offset` is that of the last row on `baton.totals`.
    """
    given = list(rows)
    counts = whole(given)
    return _encode(
        _Funnel(
            terms.agreement.agreement,
            terms.version,
            sorted(row.partition for row in given),
            offset,
            _by(counts, "leads").get("", {}),
            _stages(counts, terms),
            _by(counts, "exits"),
            _money(_by(counts, "revenue")),
            _money(_by(counts, "pipeline")),
        )
    ).decode()


def _by(counts: Counts, wanted: str) -> dict[str, dict[str, int]]:
    """One measure's sums as nested objects, in the order of their keys."""
    nested: dict[str, dict[str, int]] = {}
    for (measure, what, by), amount in sorted(counts.items()):
        if measure == wanted:
            nested.setdefault(what, {})[by] = amount
    return nested


def _stages(counts: Counts, terms: Terms) -> dict[str, _Stage]:
    """By stage, those of the agreement first, in its order, and then others that leads had."""
    stages = {name: _Stage() for name in terms.stages}
    for (measure, name, channel), amount in sorted(counts.items()):
        if measure not in STAGE_MEASURES:
            continue
        stage = stages.setdefault(name, _Stage())
        _add(stage, measure, amount)
        _add(stage.channels.setdefault(channel, _Sums()), measure, amount)
    return stages


def _add(stage: _Sums, measure: str, amount: int) -> None:
    setattr(stage, measure, getattr(stage, measure) + amount)


def _money(nested: dict[str, dict[str, int]]) -> dict[str, dict[str, str]]:
    return {what: {by: money_text(worth) for by, worth in sums.items()} for what, sums in nested.items()}
