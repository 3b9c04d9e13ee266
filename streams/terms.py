"""The agreement's versions, made ready for folding: which one judges an event, and what it says of the funnel."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Literal

from schemas.agreement import Agreement
from schemas.compact import Event, Lead, Profile, Touch, micros
from schemas.matcher import EventMatcher, Matcher, OwnedByPerson
from streams.clauses import Calendars, ClockTerms, clock_terms
from streams.matching import Pattern
from streams.rows import Fact

Kind = Literal["touchpoint", "lead", "deal"]


REMEMBERED: Final = 10_000
"""Kinds and statuses for which is remembered what can match them; beyond, it is worked out each time."""
_TOLD_APART_BY: Final = {"touchpoint": ("kind", "party"), "lead": ("status",)}
"""The fields that most matchers name: they tell at once which ways an event cannot take."""


class Way:
    """One way into a stage or to an exit: a pattern over events of one kind, or `{owner: person}`."""

    def __init__(self, target: int, pattern: Pattern | None, kind: str | None, reenters: bool = False) -> None:
        self.target = target
        self.pattern = pattern
        self.deal_kind_named = kind is not None
        self.reenters = reenters


class Terms:
    """One version, as the folds use it.

    `stages` in the funnel's order; `ways[kind]` are the ways in by events of that kind, the furthest stage first;
    `outs[kind]` the ways out in the agreement's order, their target an index into `exits`.
    """

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement
        self.version = agreement.version
        self.effective = micros(agreement.effective)
        self.stages = tuple(stage.id for stage in agreement.funnel.stages)
        self.place = {stage: index for index, stage in enumerate(self.stages)}
        self.exits = tuple(way_out.id for way_out in agreement.funnel.exits)
        self.requires = tuple(
            tuple(Pattern({}, matcher.profile) for matcher in stage.requires or ()) for stage in agreement.funnel.stages
        )
        self.channels = frozenset(agreement.channels)
        self.reasons = {way_out.id: frozenset(way_out.reasons) for way_out in agreement.funnel.exits}
        self.lateness = None if agreement.lateness is None else agreement.lateness.seconds * 1_000_000
        self.queues = frozenset(person.id for person in agreement.people if person.queue)
        self.calendars = Calendars(agreement)
        self.clocks = clock_terms(agreement, self.calendars)
        self._starters: dict[tuple[object, ...], tuple[ClockTerms, ...]] = {}
        self._clock = {clause.id: clause for clause in self.clocks}
        self.ways = self._ways()
        self.outs = self._outs()
        self._memory: dict[tuple[str, bool], dict[tuple[str | None, str], list[Way]]] = {
            (kind, out): {} for kind in _TOLD_APART_BY for out in (False, True)
        }

    def ways_for(self, kind: Kind, event: Touch | Lead) -> list[Way]:
        """The ways in that an event of this kind may take, as far as the fields that tell most apart say."""
        return self._possible(self.ways, kind, event)

    def outs_for(self, kind: Kind, event: Touch | Lead) -> list[Way]:
        """The same for the ways out."""
        return self._possible(self.outs, kind, event)

    def _possible(self, ways: dict[str, list[Way]], kind: Kind, event: Touch | Lead) -> list[Way]:
        told = (event.kind, event.party) if isinstance(event, Touch) else (event.status, "")
        memory = self._memory[kind, ways is self.outs]
        known = memory.get(told)
        if known is None:
            names = _TOLD_APART_BY[kind]
            known = [way for way in ways[kind] if way.pattern is None or way.pattern.may_match(event, names)]
            if len(memory) < REMEMBERED:
                memory[told] = known
        return known

    def starters(self, kind: type[Event], facts: Sequence[Fact], taken: bool) -> tuple[ClockTerms, ...]:
        """The clauses whose clock such an event may start, as far as its type and what it made true tell."""
        moved = tuple([(fact.name, fact.stage, fact.exit) for fact in facts]) if facts else ()
        known = self._starters.get((kind, taken, moved))
        if known is None:
            known = tuple(clause for clause in self.clocks if clause.starts.may_be(kind, facts, taken))
            if len(self._starters) < REMEMBERED:
                self._starters[kind, taken, moved] = known
        return known

    def clock(self, clause: str) -> ClockTerms | None:
        """The clause of that name, if this version has one with a clock."""
        return self._clock.get(clause)

    def is_person(self, owner: str | None) -> bool:
        """Whether a lead with this owner is with a person: with somebody, who is no queue (§3)."""
        return owner is not None and owner not in self.queues

    def position(self, stage: str | None) -> int:
        """The stage's place in the funnel; -1 before it, or where this version does not have the stage."""
        return -1 if stage is None else self.place.get(stage, -1)

    def unmet(self, index: int, profile: Profile) -> list[str]:
        """What the stage requires of a profile and this one lacks: the least, where it requires one of several."""
        return min((required.missing(profile) for required in self.requires[index]), key=len, default=[])

    def _ways(self) -> dict[str, list[Way]]:
        ways: dict[str, list[Way]] = {"touchpoint": [], "lead": [], "deal": []}
        for index, stage in reversed(list(enumerate(self.agreement.funnel.stages))):
            for matcher in stage.enters:
                _add(ways, index, matcher, stage.reenters)
        return ways

    def _outs(self) -> dict[str, list[Way]]:
        outs: dict[str, list[Way]] = {"touchpoint": [], "lead": [], "deal": []}
        for index, way_out in enumerate(self.agreement.funnel.exits):
            for matcher in way_out.on:
                _add(outs, index, matcher, False)
        return outs


def _add(ways: dict[str, list[Way]], target: int, matcher: Matcher, reenters: bool) -> None:
    if isinstance(matcher, EventMatcher):
        if matcher.type in ways:
            kind = "kind" if matcher.type == "deal" and "kind" in matcher.fields else None
            ways[matcher.type].append(Way(target, Pattern(matcher.fields, matcher.profile), kind, reenters))
    elif isinstance(matcher, OwnedByPerson):
        ways["lead"].append(Way(target, None, None, reenters))


class Versions:
    """Every version of the agreement, by the time from which it judges events."""

    def __init__(self, agreements: Sequence[Agreement]) -> None:
        self.all = tuple(sorted((Terms(agreement) for agreement in agreements), key=lambda terms: terms.effective))
        self._starts = [terms.effective for terms in self.all]
        self._single = self.all[0] if len(self.all) == 1 else None
        self._clocks = {(clause.version, clause.id): clause for terms in self.all for clause in terms.clocks}

    @property
    def latest(self) -> Terms:
        """The version with the latest `effective`: its stages are those that counts are given for."""
        return self.all[-1]

    def at(self, time: int) -> Terms:
        """The version in force at a time (microseconds); the first one, before any."""
        if self._single is not None:
            return self._single
        return self.all[max(0, bisect_right(self._starts, time) - 1)]

    def is_in_force(self, time: int) -> bool:
        """Whether a version was in force then; events before the first are folded by it, but start no clock (§3)."""
        return time >= self._starts[0]

    def lateness_at(self, time: int) -> int | None:
        """How much older than its lead's newest an event of that time may be (microseconds); None: by any age."""
        return self.at(time).lateness

    def clock_terms(self, version: int, clause: str) -> ClockTerms:
        """The clause as the version has it that a clock started under."""
        return self._clocks[version, clause]
