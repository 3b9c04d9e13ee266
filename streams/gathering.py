"""A lead's events all at once: which of them are the set that is folded (§4.1, §4.2, §4.4).

What `streams.history.take` finds out event by event, with rows to look into, is found here in one pass, by whoever has
them all. Both keep the same set, whatever the order of arrival.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from schemas.compact import Event, Touch, content, order_key
from streams import history
from streams.journey import touch_class


class Gathered:
    """The events that are kept of a lead, in §4.1's order, and what became of the others.

    `losers` are the places, in the order of arrival, of events that lost a conflict; `duplicates` and `condensed`
    count those that were there already, and the touchpoints past the most that is kept.
    """

    def __init__(self, events: list[Event], duplicates: int, losers: list[int], condensed: int) -> None:
        self.events = events
        self.duplicates = duplicates
        self.losers = losers
        self.condensed = condensed


def gather(arrivals: Sequence[Event]) -> Gathered:
    """Put together the set of a lead's events, given in the order of their arrival."""
    kept: dict[tuple[str, str], int] = {}
    losers: list[int] = []
    for place, event in enumerate(arrivals):
        identity = event.source, event.id
        first = kept.setdefault(identity, place)
        if first != place:
            kept[identity] = _settle(arrivals, first, place, losers)
    duplicates = len(arrivals) - len(kept) - len(losers)
    events = arrivals if len(kept) == len(arrivals) else [arrivals[place] for place in kept.values()]
    ordered = sorted(events, key=order_key)
    first_ones = _condense(ordered)
    return Gathered(first_ones, duplicates, losers, len(ordered) - len(first_ones))


def has_most(events: Iterable[Event]) -> bool:
    """Whether there are as many touchpoints of a party and kind as are kept of any."""
    counts = Counter(touch_class(event) for event in events if isinstance(event, Touch))
    return any(count >= history.KEPT_TOUCHES for count in counts.values())


def _settle(arrivals: Sequence[Event], first: int, second: int, losers: list[int]) -> int:
    """The place of the one to keep, of two with one identity (§4.2); a content that is not kept is in `losers`.

    Of one content twice the one that comes first in order is kept, so that arrival is nothing.
    """
    one, other = arrivals[first], arrivals[second]
    mine, theirs = content(one), content(other)
    if mine == theirs:
        return second if order_key(other) < order_key(one) else first
    if (other.time, theirs) < (one.time, mine):
        losers.append(first)
        return second
    losers.append(second)
    return first


def _condense(ordered: list[Event]) -> list[Event]:
    """§4.4: of touchpoints the first 1,000 in order for each party and kind."""
    if len(ordered) <= history.KEPT_TOUCHES:
        return ordered
    return list(_first_ones(ordered))


def _first_ones(ordered: Iterable[Event]) -> Iterable[Event]:
    counts: dict[str, int] = {}
    for event in ordered:
        if isinstance(event, Touch):
            kind = touch_class(event)
            counts[kind] = counts.get(kind, 0) + 1
            if counts[kind] > history.KEPT_TOUCHES:
                continue
        yield event
