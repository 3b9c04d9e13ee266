"""What clauses and goals wait for, seen at one event: matchers of events, stages, exits and owners (DESIGN §3)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.compact import Deal, Event, Lead, Spend, Touch
from schemas.matcher import EntersStage, EventMatcher, Matcher, OwnedByPerson, TakesExit
from streams.matching import Pattern
from streams.rows import Fact, Journey

_TYPES: Final[dict[str, type[Event]]] = {"touchpoint": Touch, "lead": Lead, "deal": Deal, "spend": Spend}


class Step(NamedTuple):
    """An event that was just folded into a lead's journey.

    `facts`: what it made true; `journey`: as it is after it; `owner_before`: who had the lead before it; `taken`:
    whether it leaves the lead with a person where none, or a queue, had it.
    """

    event: Event
    facts: Sequence[Fact]
    journey: Journey
    owner_before: str | None
    taken: bool


class Moments:
    """The moments that any of some matchers means.

    `machines`: whether a touchpoint that says `automated` is one too, where the matcher does not name that field;
    it neither answers, counts nor excuses (§3).
    """

    def __init__(self, matchers: Sequence[Matcher], machines: bool = False) -> None:
        self._stages = frozenset(matcher.stage for matcher in matchers if isinstance(matcher, EntersStage))
        self._exits = frozenset(matcher.exit for matcher in matchers if isinstance(matcher, TakesExit))
        self._owner = any(isinstance(matcher, OwnedByPerson) for matcher in matchers)
        self._events: dict[type[Event], list[_EventTest]] = {kind: [] for kind in _TYPES.values()}
        for matcher in matchers:
            if isinstance(matcher, EventMatcher):
                self._events[_TYPES[matcher.type]].append(_EventTest(matcher, machines))

    def at(self, step: Step) -> bool:
        """Whether this is one."""
        if self._owner and step.taken:
            return True
        if step.facts and (self._stages or self._exits):
            for fact in step.facts:
                if self._is_of(fact):
                    return True
        for test in self._events[type(step.event)]:  # noqa: SIM110  any() with a generator takes twice as long
            if test.passes(step.event, step.journey):
                return True
        return False

    def may_be(self, kind: type[Event], facts: Sequence[Fact], taken: bool) -> bool:
        """Whether such an event may be one at all, by what is the same for most events."""
        if self._events[kind] or (taken and self._owner):
            return True
        return any(self._is_of(fact) for fact in facts)

    def _is_of(self, fact: Fact) -> bool:
        return (fact.stage in self._stages) if fact.name == "entered" else (fact.exit in self._exits)


class _EventTest:
    def __init__(self, matcher: EventMatcher, machines: bool) -> None:
        self._pattern = Pattern(matcher.fields, matcher.profile)
        self._people_only = not machines and "automated" not in matcher.fields
        self._any_deal = "kind" in matcher.fields

    def passes(self, event: Event, journey: Journey) -> bool:
        """A deal is seen as it now stands, and only of kind `new` where the matcher does not name `kind` (§3)."""
        if isinstance(event, Touch) and event.automated and self._people_only:
            return False
        if isinstance(event, Deal):
            deal = journey.deals[event.deal_id]
            return (self._any_deal or deal.kind == "new") and self._pattern.matches(deal, journey.profile)
        return self._pattern.matches(event, journey.profile)
