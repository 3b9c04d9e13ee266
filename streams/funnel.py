"""The funnel as a sum: what one lead contributes to it, and what a change of that lead adds (§4.5).

A contribution is a count by key; nothing else writes an aggregate, so the sum over the lead table is the
aggregate at any time. Money is counted in ten-thousandths of its currency's unit, so sums are exact.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from streams.rows import NO_CHANNEL, Journey, Standing
from streams.terms import Terms

Key: TypeAlias = tuple[str, str, str]
"""Measure, stage (or exit, or currency), and channel (or reason, or stage)."""
Counts: TypeAlias = dict[Key, int]

MONEY: Final = 10_000
NO_REASON: Final = "(none)"
COUNTING_KINDS: Final = frozenset({"new", "renewal", "expansion", "refund"})
"""Deals of these kinds count as revenue while they are won, or against it; any other kind for nothing (§2)."""


def channel_of(journey: Journey) -> str:
    """The channel of the first touchpoint; `(none)` where it has none (funnel 4)."""
    return journey.channel if journey.channel is not None else NO_CHANNEL


def contribution(journey: Journey, terms: Terms) -> Counts:
    """What one lead adds to the funnel: 1s and counts by stage and channel, and money."""
    counts: Counts = {}
    if not journey.is_lead:
        return counts
    channel = channel_of(journey)
    counts["leads", "", channel] = 1
    if journey.stage is not None and journey.exit is None:
        counts["now", journey.stage, channel] = 1
    for stage, times in journey.entries.items():
        counts["ever", stage, channel] = 1
        counts["entries", stage, channel] = times
    for stage in skipped(journey, terms):
        counts["skipped", stage, channel] = 1
    if journey.waiting is not None:
        counts["waiting", journey.waiting, channel] = 1
    for way_out, reasons in journey.exits.items():
        for reason, times in reasons.items():
            key = ("exits", way_out, reason or NO_REASON)
            counts[key] = counts.get(key, 0) + times
    if journey.deals:
        _add_money(counts, journey, channel)
    return counts


def _add_money(counts: Counts, journey: Journey, channel: str) -> None:
    for deal in journey.deals.values():
        worth = earned(deal)
        if worth and deal.currency is not None:
            key = ("revenue", deal.currency, channel)
            counts[key] = counts.get(key, 0) + worth
        elif is_open(deal) and deal.amount is not None and deal.currency is not None:
            key = ("pipeline", deal.currency, deal.stage)
            counts[key] = counts.get(key, 0) + ten_thousandths(deal.amount)


def skipped(journey: Journey, terms: Terms) -> list[str]:
    """The stages below the highest one that the lead never entered (funnel 3)."""
    top = terms.position(journey.highest)
    return [stage for stage in terms.stages[: max(0, top)] if stage not in journey.entries]


def is_open(deal: Standing) -> bool:
    """Whether a deal of kind `new` has not ended."""
    return deal.kind == "new" and deal.stage not in ("won", "lost")


def earned(deal: Standing) -> int:
    """What a deal counts for as revenue, in ten-thousandths: its amount while it is won; a refund against it."""
    if deal.amount is None or not _is_counted(deal):
        return 0
    worth = ten_thousandths(deal.amount)
    return -worth if deal.kind == "refund" else worth


def _is_counted(deal: Standing) -> bool:
    """Whether its amount is revenue, or against it."""
    return deal.stage == "won" and deal.kind in COUNTING_KINDS


def revenue(journey: Journey) -> dict[str, str]:
    """A lead's revenue by currency, as decimal text."""
    sums: dict[str, int] = {}
    for deal in journey.deals.values():
        if deal.amount is not None and deal.currency is not None and _is_counted(deal):
            sums[deal.currency] = sums.get(deal.currency, 0) + earned(deal)
    return {currency: money_text(worth) for currency, worth in sorted(sums.items())}


def ten_thousandths(amount: str) -> int:
    """Decimal text with up to 4 places as a whole number of ten-thousandths."""
    whole, _, part = amount.partition(".")
    return int(whole) * MONEY + int(part.ljust(4, "0"))


def money_text(worth: int) -> str:
    """Ten-thousandths as decimal text, with two places or as many as it needs."""
    text = format(Decimal(worth).scaleb(-4), ".4f")
    return text[:-1] if text.endswith("0") and not text.endswith("00") else text.removesuffix("00")


def add(total: Counts, change: Mapping[Key, int]) -> None:
    """Add counts to a sum, in place; a key whose sum is 0 goes."""
    for key, amount in change.items():
        now = total.get(key, 0) + amount
        if now:
            total[key] = now
        else:
            total.pop(key, None)


def difference(new: Mapping[Key, int], old: Mapping[Key, int]) -> Counts:
    """What has to be added to `old` to make `new`."""
    change = {key: amount - old.get(key, 0) for key, amount in new.items() if amount != old.get(key, 0)}
    change.update({key: -amount for key, amount in old.items() if key not in new})
    return change


def total(journeys: Iterable[Journey], terms: Terms) -> Counts:
    """The aggregate, made anew from the lead table."""
    counts: Counts = {}
    for journey in journeys:
        add(counts, contribution(journey, terms))
    return counts
