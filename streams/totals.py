"""The row by which a partition states its sums on `baton.totals`, and the sum of all such rows (DESIGN §8.9)."""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.funnel import NO_REASON, Counts, Key, add
from streams.rows import NO_CHANNEL
from streams.terms import Terms

OTHER: Final = "other"
"""Stands for every channel that the agreement does not name, so that sums stay bounded."""
_BY_CHANNEL: Final = frozenset({"leads", "now", "ever", "entries", "skipped", "waiting", "revenue"})


class TotalsRow(msgspec.Struct):
    """One partition's sums: measure, stage (or exit, or currency), channel (or reason, or stage), amount.

    `promised`: what counts for the promises that are judged by period, by the keys of `streams.pledges`.
    """

    partition: int
    agreement: str
    version: int
    counts: list[tuple[str, str, str, int]]
    promised: list[tuple[str, str, str, int]] = []


def bounded(counts: Counts, terms: Terms) -> Counts:
    """The sums with channels, and reasons of exits, that the agreement does not name put together as `other`."""
    known: Counts = {}
    for (measure, what, by), amount in counts.items():
        named = by
        if (measure in _BY_CHANNEL and not _names_channel(terms, by)) or (
            measure == "exits" and not _names_reason(terms, what, by)
        ):
            named = OTHER
        add(known, {(measure, what, named): amount})
    return known


def _names_channel(terms: Terms, channel: str) -> bool:
    return channel == NO_CHANNEL or channel in terms.channels


def _names_reason(terms: Terms, way_out: str, reason: str) -> bool:
    return reason == NO_REASON or reason in terms.reasons.get(way_out, frozenset())


def totals_row(partition: int, counts: Counts, terms: Terms, promised: Counts | None = None) -> bytes:
    """A partition's row: JSON, its sums in the order of their keys."""
    sums = sorted((*key, amount) for key, amount in bounded(counts, terms).items())
    pledged = sorted((*key, amount) for key, amount in (promised or {}).items())
    return msgspec.json.encode(TotalsRow(partition, terms.agreement.agreement, terms.version, sums, pledged))


def read_totals(row: bytes) -> TotalsRow:
    """A row of `baton.totals`. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(row, type=TotalsRow)


def whole(rows: Iterable[TotalsRow]) -> Counts:
    """The sums over all partitions."""
    counts: Counts = {}
    for row in rows:
        for measure, what, by, amount in row.counts:
            key: Key = (measure, what, by)
            add(counts, {key: amount})
    return counts


def all_promised(rows: Iterable[TotalsRow]) -> Counts:
    """What counts for promises over all partitions."""
    counts: Counts = {}
    for row in rows:
        for promise, period, part, amount in row.promised:
            add(counts, {(promise, period, part): amount})
    return counts
