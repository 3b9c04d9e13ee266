"""What one lead adds to the promises that are judged by period (§5.11), and what is kept of it for that.

`advance` takes each event in order, like `streams.journey`; `contribution` is what the lead then adds to the sums,
so that a change adds (new - old), and the sums are a pure function of all events and versions (§4.5).
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from schemas.compact import Deal
from streams.funnel import Counts, earned, is_open, ten_thousandths
from streams.moments import Step
from streams.periods import read_label
from streams.pledge_rows import Pledges
from streams.promised import (
    Completeness,
    Counted,
    Entries,
    Events,
    Lookout,
    Plan,
    Revenue,
    Share,
    Won,
    plan_of,
)
from streams.rows import Journey
from streams.terms import Versions

__all__ = ["DENOMINATOR", "EVERY", "FIRST", "NUMERATOR", "STOCK", "Pledges", "advance", "contribution"]

NUMERATOR: Final = "n"
DENOMINATOR: Final = "d"
FIRST: Final = "first"
"""Of every promise: how many subjects have their first event in a period. The rows begin with the first of these."""
STOCK: Final = "stock"
"""Of a currency: by how much the open pipeline grew in a period; all up to a period's end are what then stood."""
EVERY: Final = ""
"""In place of a promise's id."""
_WON: Final = "won"
Addition: TypeAlias = tuple[int, str, int]
"""An instant in the period that gets it, to which part, and how much."""


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
    plan, counts = plan_of(versions), Counts()
    if pledges.first is None:
        return counts
    for per in plan.pers:
        counts[EVERY, plan.timetable.closing(per, pledges.first), FIRST] = 1
    for promise in plan.counted:
        for instant, part, amount in _additions(promise, pledges, journey):
            for label in plan.timetable.labels(promise.per, instant, promise.places):
                key = promise.id, label, part
                counts[key] = counts.get(key, 0) + amount
    for promise_id, periods in pledges.counted.items():
        counts.update({(promise_id, label, NUMERATOR): times for label, times in periods.items()})
    for currency, periods in pledges.grown.items():
        counts.update({(currency, label, STOCK): worth for label, worth in periods.items()})
    return counts


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


def _additions(promise: Counted, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
    """What a lead adds to a promise, but for the events of volumes, which are counted as they come."""
    if isinstance(promise, Entries):
        first = _since(promise.entry, pledges, journey)
        return () if first is None else ((first, NUMERATOR, 1),)
    if isinstance(promise, Share):
        return _to_share(promise, pledges, journey)
    if isinstance(promise, Completeness):
        first = _since(promise.among, pledges, journey)
        if first is None:
            return ()
        return (first, DENOMINATOR, 1), (first, NUMERATOR, int(promise.key in pledges.filled))
    return () if isinstance(promise, Events) else _from_deals(promise, pledges, journey)


def _to_share(ratio: Share, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
    """A cohort's leads count where they first entered `among`, whenever they entered `of`, before it or after."""
    among, of = _since(ratio.among, pledges, journey), _since(ratio.of, pledges, journey)
    counted = of if ratio.is_snapshot or of is None else among
    numerator = () if counted is None else ((counted, NUMERATOR, 1),)
    return numerator if among is None else ((among, DENOMINATOR, 1), *numerator)


def _from_deals(goal: Revenue | Won, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
    """A deal counts where it last became won: with what it earns, or as one, if of kind `new`."""
    additions = []
    for deal_id, since in pledges.won.items():
        deal = journey.deals[deal_id]
        if isinstance(goal, Won):
            additions.append((since, NUMERATOR, int(deal.kind == "new")))
        elif deal.currency == goal.currency:
            additions.append((since, NUMERATOR, earned(deal)))
    return additions


def _since(entry: Lookout, pledges: Pledges, journey: Journey) -> int | None:
    """When the lead first was one of those that an entry means."""
    if not entry.is_of_stages:
        return pledges.firsts.get(entry.key)
    if entry.stage is not None:
        return journey.entered.get(entry.stage)
    return min((journey.entered[stage] for stage in entry.stages if stage in journey.entered), default=None)
