"""One lead's life: its journey and its clocks, event by event, and what time alone brings (DESIGN §4, §5)."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from schemas.compact import Event, Lead
from streams.clock_rows import Clock, Clocks
from streams.clocks import advance as advance_clocks
from streams.facts import correct
from streams.journey import advance as advance_journey
from streams.moments import Step
from streams.pledge_rows import Pledges
from streams.pledges import advance as advance_pledges
from streams.rows import Fact, Journey
from streams.terms import Versions
from streams.verdicts import ClockFact, drop_what_is_over, facts, next_instant, state

OVERDUE_WAITS_US: Final = 300_000_000
"""How long a clock that is overdue when it is born waits, live, before it is said to be (§5.9)."""
FEW: Final = 16
"""Clocks that are shown every event, settled or not, before it is worth while to look which are."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Journey, Clocks, Pledges]).decode

ClockSaid: TypeAlias = tuple[ClockFact, int, bool]
"""A fact about a clock, its revision (from 1), and whether it holds."""


class Now(NamedTuple):
    """When something is folded, in microseconds since 1970.

    `passed`: up to where time has passed in the partition (§5.9), which is what may be said; `wall`: what the clock on
    the wall says, by which a clock is overdue when it is born; `grace`: how long nothing is said of that then.
    """

    passed: int = 0
    wall: int = 0
    grace: int = OVERDUE_WAITS_US


NO_TIME: Final = Now()
"""Before all time, when nothing has fallen due."""


class Life(NamedTuple):
    """A lead's whole life: its journey, what was said of it, its clocks, also those that are over, and its pledges."""

    journey: Journey
    facts: list[Fact]
    clocks: Clocks
    pledges: Pledges


def fold(events: Iterable[Event], versions: Versions) -> Life:
    """The life of a lead's events, which are given in §4.1's order."""
    return _go_on(Life(Journey(), [], Clocks(), Pledges()), events, versions)


def fold_both(one: Sequence[Event], other: Sequence[Event], versions: Versions) -> tuple[Life, Life]:
    """The lives of two lists that begin with the same events (the same objects), which are folded once."""
    same = next((place for place, (mine, its) in enumerate(zip(one, other, strict=False)) if mine is not its), None)
    if same is None:
        same = min(len(one), len(other))
    life = fold(one[:same], versions)
    journey, clocks, pledges = _decode(_encode((life.journey, life.clocks, life.pledges)))
    twin = Life(journey, list(life.facts), clocks, pledges)
    return _go_on(life, one[same:], versions), _go_on(twin, other[same:], versions)


def _go_on(life: Life, events: Iterable[Event], versions: Versions) -> Life:
    """Fold what comes next. Settled clocks are kept apart meanwhile: a life may have had thousands."""
    journey, facts, clocks, pledges = life
    all_clocks, most = list(clocks.running), FEW
    for event in events:
        known = len(clocks.running)
        facts += advance(journey, clocks, pledges, event, versions)
        all_clocks += clocks.running[known:]
        if len(clocks.running) > most:
            clocks.running = [clock for clock in clocks.running if not clock.is_settled]
            most = 2 * len(clocks.running) + FEW
    clocks.running = all_clocks
    return life


def advance(journey: Journey, clocks: Clocks, pledges: Pledges, event: Event, versions: Versions) -> list[Fact]:
    """Fold one event, which comes after all others, by the version in force at its time; all three are changed."""
    terms = versions.at(event.time)
    owner = journey.owner
    said = advance_journey(journey, event, terms)
    taken = isinstance(event, Lead) and terms.is_person(event.owner) and not terms.is_person(owner)
    step = Step(event, said, journey, owner, taken)
    if terms.clocks or clocks.running or clocks.waiting:
        starters = terms.starters(type(event), said, taken)
        if clocks.running or clocks.waiting or starters:
            advance_clocks(clocks, step, terms, versions, starters)
    advance_pledges(pledges, step, versions)
    return said


class Before:
    """A lead's clocks as they are before events are folded in, to see what there is to say afterwards."""

    def __init__(self, clocks: Clocks, owner: str | None) -> None:
        self._clocks = [msgspec.structs.replace(clock) for clock in clocks.running]
        self._owner = owner
        self._told = clocks.told

    def say(
        self, clocks: Clocks, owner: str | None, versions: Versions, now: Now, corrections: dict[str, int]
    ) -> list[ClockSaid]:
        """What is to be said now, after events that came in order; it counts as told, and what is over goes."""
        soonest = next_instant(clocks)
        same = owner == self._owner and clocks.running == self._clocks
        if same and (soonest is None or soonest > now.passed):
            return []
        was = _facts(self._clocks, versions, self._owner, self._told)
        return _tell(clocks, owner, versions, was, self._clocks, self._told, now, corrections)


def tick(
    clocks: Clocks, owner: str | None, versions: Versions, now: int, corrections: dict[str, int]
) -> list[ClockSaid]:
    """What time has brought by now (microseconds), of a lead to which nothing happened; it counts as told."""
    return Before(clocks, owner).say(clocks, owner, versions, Now(now, now), corrections)


def retell(
    old: Life, by: Versions, new: Life, versions: Versions, kept: Clocks, now: Now, corrections: dict[str, int]
) -> list[ClockSaid]:
    """What must be said of a lead that was folded again, to those who were told of the old life, by other versions.

    `kept`: what the lead kept of its clocks until now; `new.clocks` is what it keeps from here on.
    """
    holds = {(clock.clause, clock.cycle): clock.hold for clock in kept.running}
    for clock in old.clocks.running:
        clock.hold = holds.get((clock.clause, clock.cycle), 0)
    before = old.clocks.running
    was = _facts(before, by, old.journey.owner, kept.told)
    return _tell(new.clocks, new.journey.owner, versions, was, before, kept.told, now, corrections)


def _tell(
    clocks: Clocks,
    owner: str | None,
    versions: Versions,
    was: Sequence[ClockFact],
    before: Sequence[Clock],
    told: int,
    now: Now,
    corrections: dict[str, int],
) -> list[ClockSaid]:
    """What must be said of these clocks now, where `was` was said of those before; it counts as told."""
    _hold(clocks.running, before, told, now)
    clocks.told = max(now.passed, told)
    said = correct(was, _facts(clocks.running, versions, owner, clocks.told), corrections)
    drop_what_is_over(clocks)
    return said


def _hold(clocks: Sequence[Clock], before: Sequence[Clock], told: int, now: Now) -> None:
    """§5.9: of a clock that is overdue when it is born nothing of that is said for a while; its answer may be coming.

    Born is also one that turns out, by an event that came late, to have been overdue when others were told.
    """
    known = {(clock.clause, clock.cycle): clock for clock in before}
    for clock in clocks:
        was = known.get((clock.clause, clock.cycle))
        if was is not None:
            clock.hold = was.hold
        if state(clock, now.wall) == "breached" and not clock.hold and (was is None or _is_news(clock, was, told)):
            clock.hold = now.wall + now.grace


def _is_news(clock: Clock, was: Clock, told: int) -> bool:
    """Whether the clock was overdue when others were last told of it, and they were not told that."""
    return clock.due < told and state(was, told) != "breached"


def _facts(clocks: Sequence[Clock], versions: Versions, owner: str | None, now: int) -> list[ClockFact]:
    return [fact for clock in clocks for fact in facts(clock, versions, owner, now)]
