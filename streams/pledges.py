"""What one lead adds to the promises that are judged by period (§5.11), and what is kept of it for that.

`advance` takes each event in order, like `streams.journey`; `contribution` is what the lead then adds to the sums,
so that a change adds (new - old), and the sums are a pure function of all events and versions (§4.5).
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from schemas.compact import Deal
from streams.funnel import Counts, is_open, ten_thousandths
from streams.moments import Step
from streams.periods import read_label
from streams.pledge_rows import Pledges
from streams.promised import DENOMINATOR, NUMERATOR, Addition, Events, Lookout, Plan, Summed, plan_of
from streams.rows import Journey
from streams.terms import Versions

__all__ = ["DENOMINATOR", "EVERY", "FIRST", "NUMERATOR", "STOCK", "Pledges", "advance", "change", "contribution"]

FIRST: Final = "first"
"""Of every promise: how many subjects have their first event in a period. The rows begin with the first of these."""
STOCK: Final = "stock"
"""Of a currency: by how much the open pipeline grew in a period; all up to a period's end are what then stood."""
EVERY: Final = ""
"""In place of a promise's id."""
_WON: Final = "won"
Pledged: TypeAlias = tuple[Pledges, Journey]
"""What is kept of a lead that bears on promises."""


def advance(pledges: Pledges, step: Step, versions: Versions) -> None:
    """Take an event of the lead, after all those before it (§4.1), in place."""
    plan = plan_of(versions)
    if not plan.pers:
        return
    if pledges.first is None:
        pledges.first = step.event.time
    entries, events = plan.watched(step.event, bool(step.facts))
    begun = [entry for entry in entries if _begins(entry, pledges, step)] if entries else entries
    for entry in begun:
        _note_entry(entry, pledges, step, plan)
    for volume in events:
        if volume.entry in begun or volume.counts.at(step):
            _count(volume, pledges, step.event.time, plan)
    if isinstance(step.event, Deal):
        _note_deal(step.event, pledges, step.journey, plan)


def contribution(pledges: Pledges, journey: Journey, versions: Versions) -> Counts:
    """What a lead adds: counts, and money in ten-thousandths, by promise and period.

    Keys: the promise's id, the period's label, and `NUMERATOR` or `DENOMINATOR`; `EVERY`, a label and `FIRST`; a
    currency, a label and `STOCK`. `streams.funnel.add` and `difference` do for them.
    """
    return change((Pledges(), Journey()), (pledges, journey), versions)


def change(before: Pledged, after: Pledged, versions: Versions) -> Counts:
    """What has to be added to what a lead added before, to make what it adds after; some of it may be 0.

    Promise by promise, since most of them get what they got before.
    """
    plan, counts = plan_of(versions), Counts()
    (old, was), (new, now) = before, after
    if new.first != old.first:
        _sum_first(counts, old, -1, plan)
        _sum_first(counts, new, 1, plan)
    for promise in plan.summed:
        less, more = promise.additions(old, was), promise.additions(new, now)
        if less != more:
            _sum(counts, promise, less, -1, plan)
            _sum(counts, promise, more, 1, plan)
    if new.counted != old.counted:
        _sum_periods(counts, old.counted, NUMERATOR, -1)
        _sum_periods(counts, new.counted, NUMERATOR, 1)
    if new.grown != old.grown:
        _sum_periods(counts, old.grown, STOCK, -1)
        _sum_periods(counts, new.grown, STOCK, 1)
    return counts


def _sum_first(counts: Counts, pledges: Pledges, sign: int, plan: Plan) -> None:
    if pledges.first is None:
        return
    for per in plan.pers:
        key = EVERY, plan.timetable.closing(per, pledges.first), FIRST
        counts[key] = counts.get(key, 0) + sign


def _sum(counts: Counts, promise: Summed, additions: Sequence[Addition], sign: int, plan: Plan) -> None:
    for instant, part, amount in additions:
        for label in plan.timetable.labels(promise.per, instant, promise.places):
            key = promise.id, label, part
            counts[key] = counts.get(key, 0) + sign * amount


def _sum_periods(counts: Counts, named: Mapping[str, Mapping[str, int]], part: str, sign: int) -> None:
    for name, periods in named.items():
        for label, amount in periods.items():
            key = name, label, part
            counts[key] = counts.get(key, 0) + sign * amount


def _begins(entry: Lookout, pledges: Pledges, step: Step) -> bool:
    """Whether an event is the first that makes the lead one of those that an entry means."""
    if not entry.is_of_stages:
        return entry.key not in pledges.firsts and entry.at(step)
    entries = step.journey.entries
    return entry.at(step) and sum(entries.get(stage, 0) for stage in entry.stages) == 1


def _note_entry(entry: Lookout, pledges: Pledges, step: Step, plan: Plan) -> None:
    """Note when it was, where the journey doesn't, and whether the profile then had all the fields.

    A field is had if it is not null, which is what `{known: true}` means too.
    """
    if not entry.is_of_stages:
        pledges.firsts[entry.key] = step.event.time
    for key, fields in plan.profiles.get(entry.key, {}).items():
        if all(name in step.journey.profile for name in fields):
            pledges.filled.append(key)


def _count(volume: Events, pledges: Pledges, time: int, plan: Plan) -> None:
    for label in plan.timetable.labels(volume.per, time, volume.places):
        periods = pledges.counted.setdefault(volume.id, {})
        periods[label] = periods.get(label, 0) + 1


def _note_deal(event: Deal, pledges: Pledges, journey: Journey, plan: Plan) -> None:
    """Note since when the deal is won, and by how much the open pipeline grew or shrank."""
    if journey.deals[event.deal_id].stage != _WON:
        pledges.won.pop(event.deal_id, None)
    elif plan.earns:
        pledges.won.setdefault(event.deal_id, event.time)
    for currency, per in plan.stocks:
        periods = pledges.grown.get(currency, {})
        before = sum(worth for label, worth in periods.items() if read_label(label)[0] == per)
        growth = _pipeline(journey, currency) - before
        if growth:
            label = plan.timetable.closing(per, event.time)
            pledges.grown[currency] = periods | {label: periods.get(label, 0) + growth}


def _pipeline(journey: Journey, currency: str) -> int:
    """The amounts of a lead's open deals, in ten-thousandths."""
    return sum(
        ten_thousandths(deal.amount)
        for deal in journey.deals.values()
        if deal.amount is not None and deal.currency == currency and is_open(deal)
    )
