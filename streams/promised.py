"""The promises of an agreement's versions, made ready to be counted (§5.11): what is looked for, and for whom.

Versions that say the same of a promise share what is made of it, so that it is looked for, and kept of a lead, once.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeAlias, TypeGuard

from schemas.compact import Deal, Event, Lead, Touch
from schemas.matcher import EntersStage, EventMatcher, Matcher, OwnedByPerson, TakesExit
from schemas.promises import (
    AnyClause,
    AnyGoal,
    CompletenessClause,
    EntriesGoal,
    Goal,
    MoneyGoal,
    RatioClause,
    VolumeClause,
    WonGoal,
)
from streams.funnel import earned
from streams.matching import Pattern
from streams.moments import Moments
from streams.periods import Per
from streams.pledge_rows import Pledges
from streams.rows import Journey
from streams.terms import REMEMBERED, Versions
from streams.timetable import Timetable

_TOLD_APART_BY: Final = {"touchpoint": ("kind", "party"), "lead": ("status",)}
"""The fields that most matchers name: they tell at once which matchers an event cannot meet."""
_KEY_BYTES: Final = 6
NUMERATOR: Final = "n"
DENOMINATOR: Final = "d"
Addition: TypeAlias = tuple[int, str, int]
"""An instant in the period that gets it, to which part, and how much."""


class Lookout:
    """Some matchers of the agreement, and whether an event is what any of them means.

    `key` is the same for the same matchers, in every version and process; `stages` are those that they name,
    `is_of_stages` whether they name nothing else, and `stage` the only one that they do.
    """

    def __init__(self, key: str, matchers: Sequence[Matcher]) -> None:
        self.key = key
        self.at = Moments(matchers).at
        self.stages = frozenset(matcher.stage for matcher in matchers if isinstance(matcher, EntersStage))
        self.is_of_stages = all(isinstance(matcher, EntersStage) for matcher in matchers)
        self.stage = next(iter(self.stages)) if self.is_of_stages and len(self.stages) == 1 else None
        self._is_of_moves = any(isinstance(matcher, EntersStage | TakesExit) for matcher in matchers)
        self._is_of_owners = any(isinstance(matcher, OwnedByPerson) for matcher in matchers)
        self._patterns: dict[str, list[Pattern]] = {}
        for matcher in matchers:
            if isinstance(matcher, EventMatcher):
                self._patterns.setdefault(matcher.type, []).append(Pattern(matcher.fields, {}))

    def since(self, pledges: Pledges, journey: Journey) -> int | None:
        """When a lead first was one of those that are meant."""
        if self.stage is not None:
            return journey.entered.get(self.stage)
        if not self.is_of_stages:
            return pledges.firsts.get(self.key)
        return min((journey.entered[stage] for stage in self.stages if stage in journey.entered), default=None)

    def may_see(self, event: Event, moved: bool) -> bool:
        """Whether an event, which moved the lead or not, may be meant, as far as what tells most of them apart says."""
        if (moved and self._is_of_moves) or (self._is_of_owners and isinstance(event, Lead)):
            return True
        kind = str(_told(event)[0])
        return any(pattern.may_match(event, _TOLD_APART_BY.get(kind, ())) for pattern in self._patterns.get(kind, ()))


@dataclass(frozen=True, slots=True)
class Promise:
    """What all that is counted has: the promise's name, and the places of the versions that say so of it."""

    id: str
    per: Per
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class Events(Promise):
    """A volume that counts events; with `entry`, leads too, each by the first of those moments."""

    counts: Lookout
    entry: Lookout | None


@dataclass(frozen=True, slots=True)
class Entries(Promise):
    """A volume or a goal that counts leads, each by its first entry."""

    entry: Lookout

    def additions(self, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
        """One, where the lead first entered."""
        first = self.entry.since(pledges, journey)
        return () if first is None else ((first, NUMERATOR, 1),)


@dataclass(frozen=True, slots=True)
class Share(Promise):
    """A ratio: of the leads in `among` those in `of`; in a snapshot each counts by its own first entry."""

    among: Lookout
    of: Lookout
    is_snapshot: bool

    def additions(self, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
        """A cohort's leads count where they first entered `among`, whenever they entered `of`, before it or after."""
        among, of = self.among.since(pledges, journey), self.of.since(pledges, journey)
        counted = of if self.is_snapshot or of is None else among
        numerator = () if counted is None else ((counted, NUMERATOR, 1),)
        return numerator if among is None else ((among, DENOMINATOR, 1), *numerator)


@dataclass(frozen=True, slots=True)
class Completeness(Promise):
    """Of the leads in `among`, those whose profile then had all the fields, which is noted under `key`."""

    among: Lookout
    fields: tuple[str, ...]
    key: str

    def additions(self, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
        """One, where the lead first entered, and whether it then had the fields."""
        first = self.among.since(pledges, journey)
        if first is None:
            return ()
        return (first, DENOMINATOR, 1), (first, NUMERATOR, int(self.key in pledges.filled))


@dataclass(frozen=True, slots=True)
class Revenue(Promise):
    """A goal of revenue."""

    currency: str

    def additions(self, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
        """What each deal earns, where it last became won."""
        won = ((journey.deals[deal_id], since) for deal_id, since in pledges.won.items())
        return [(since, NUMERATOR, earned(deal)) for deal, since in won if deal.currency == self.currency]


@dataclass(frozen=True, slots=True)
class Won(Promise):
    """A goal of deals won."""

    def additions(self, pledges: Pledges, journey: Journey) -> Sequence[Addition]:
        """One of each deal of kind `new`, where it last became won."""
        deals = journey.deals
        return [(since, NUMERATOR, int(deals[deal_id].kind == "new")) for deal_id, since in pledges.won.items()]


Summed: TypeAlias = Entries | Share | Completeness | Revenue | Won
"""What a lead as it stands adds something to; events are counted as they come."""
Counted: TypeAlias = Events | Summed
_NOWHERE: Final[frozenset[int]] = frozenset()


class Plan:
    """All that is counted for the promises of an agreement's versions.

    `stocks`: the currency and the period of each goal for the pipeline. `pers`: the periods that there are.
    """

    def __init__(self, versions: Versions) -> None:
        self.timetable = Timetable(versions)
        self._lookouts: dict[str, Lookout] = {}
        said = [
            (place, promise)
            for place, terms in enumerate(versions.all)
            for promise in (*terms.agreement.clauses, *terms.agreement.goals)
        ]
        self.counted = self._gather(said)
        self.stocks = tuple(dict.fromkeys((goal.currency, goal.per) for _, goal in said if is_pipeline(goal)))
        self.pers = tuple(dict.fromkeys([*(one.per for one in self.counted), *(per for _, per in self.stocks)]))
        self.earns = any(isinstance(one, Revenue | Won) for one in self.counted)
        self.profiles = _by_entry([one for one in self.counted if isinstance(one, Completeness)])
        self._events = [one for one in self.counted if isinstance(one, Events)]
        self.summed = [one for one in self.counted if not isinstance(one, Events)]
        self._entries = self._watched_entries()
        self._memory: dict[tuple[str | bool | None, ...], tuple[list[Lookout], list[Events]]] = {}

    def watched(self, event: Event, moved: bool) -> tuple[list[Lookout], list[Events]]:
        """The entries that an event, which moved the lead or not, may be, and the volumes that it may count for."""
        told = (moved, *_told(event))
        known = self._memory.get(told)
        if known is None:
            entries = [entry for entry in self._entries if entry.may_see(event, moved)]
            events = [one for one in self._events if one.entry in entries or one.counts.may_see(event, moved)]
            known = entries, events
            if len(self._memory) < REMEMBERED:
                self._memory[told] = known
        return known

    def _gather(self, said: Sequence[tuple[int, AnyClause | AnyGoal]]) -> list[Counted]:
        places: dict[Counted, set[int]] = {}
        for place, promise in said:
            counted = self._of_goal(promise) if isinstance(promise, Goal) else self._of_clause(promise)
            if counted is not None:
                places.setdefault(counted, set()).add(place)
        return [replace(counted, places=frozenset(found)) for counted, found in places.items()]

    def _of_clause(self, clause: AnyClause) -> Counted | None:
        """What is counted for a clause; nothing for one that runs clocks."""
        if isinstance(clause, VolumeClause):
            return self._of_volume(clause)
        if isinstance(clause, RatioClause):
            among, of = self._lookout(clause.among), self._lookout(clause.of)
            return Share(clause.id, clause.per, _NOWHERE, among, of, clause.basis == "snapshot")
        if isinstance(clause, CompletenessClause):
            among, fields = self._lookout(clause.among), tuple(sorted(clause.fields))
            return Completeness(clause.id, clause.per, _NOWHERE, among, fields, _key([among.key, *fields]))
        return None

    def _of_volume(self, clause: VolumeClause) -> Counted:
        moves = [matcher for matcher in clause.counts if isinstance(matcher, EntersStage | TakesExit)]
        events = [matcher for matcher in clause.counts if not isinstance(matcher, EntersStage | TakesExit)]
        if not events:
            return Entries(clause.id, clause.per, _NOWHERE, self._lookout(moves))
        entry = self._lookout(moves) if moves else None
        return Events(clause.id, clause.per, _NOWHERE, self._lookout(events), entry)

    def _of_goal(self, goal: AnyGoal) -> Counted | None:
        """What is counted for a goal; nothing for one of the pipeline, which is a stock and kept apart."""
        if isinstance(goal, EntriesGoal):
            return Entries(goal.id, goal.per, _NOWHERE, self._lookout([EntersStage(stage=goal.stage)]))
        if isinstance(goal, WonGoal):
            return Won(goal.id, goal.per, _NOWHERE)
        return None if goal.metric == "pipeline" else Revenue(goal.id, goal.per, _NOWHERE, goal.currency)

    def _lookout(self, matchers: Sequence[Matcher]) -> Lookout:
        key = _key(sorted(json.dumps(matcher.model_dump(mode="json"), sort_keys=True) for matcher in matchers))
        if key not in self._lookouts:
            self._lookouts[key] = Lookout(key, matchers)
        return self._lookouts[key]

    def _watched_entries(self) -> list[Lookout]:
        """The entries that must be noted as they happen; a journey itself says when it first entered its stages."""
        watched: dict[Lookout, None] = {}
        for one in self.counted:
            if isinstance(one, Completeness):
                watched[one.among] = None
            elif isinstance(one, Events) and one.entry is not None:
                watched[one.entry] = None
            elif isinstance(one, Entries | Share):
                entries = [one.entry] if isinstance(one, Entries) else [one.among, one.of]
                watched |= {entry: None for entry in entries if not entry.is_of_stages}
        return list(watched)


@lru_cache(maxsize=16)
def plan_of(versions: Versions) -> Plan:
    """The plan of some versions, made once."""
    return Plan(versions)


def is_pipeline(promise: AnyClause | AnyGoal) -> TypeGuard[MoneyGoal]:
    """Whether it is a goal for the pipeline: an amount that stands, where all else adds up."""
    return isinstance(promise, MoneyGoal) and promise.metric == "pipeline"


def _by_entry(found: Sequence[Completeness]) -> dict[str, dict[str, tuple[str, ...]]]:
    """By the key of `among`: the fields that are looked for at that entry, by their own key."""
    fields: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in found:
        fields.setdefault(one.among.key, {})[one.key] = one.fields
    return fields


def _told(event: Event) -> tuple[str, str | None, str]:
    """An event's type, and its fields that tell most apart."""
    if isinstance(event, Touch):
        return "touchpoint", event.kind, event.party
    if isinstance(event, Lead):
        return "lead", event.status, ""
    return ("deal" if isinstance(event, Deal) else "spend"), None, ""


def _key(parts: Sequence[str]) -> str:
    """A short text that stands for these; 48 bits of a hash, for the few that an agreement's versions have."""
    return urlsafe_b64encode(sha256("\0".join(parts).encode()).digest()[:_KEY_BYTES]).decode()
