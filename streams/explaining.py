"""Why a lead's clocks stand as they do: what each event did to them, and which time counted (DESIGN §5).

The folds are those that give the verdicts; here they are watched, event by event, and nothing is judged anew.
"""

import copy
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.agreement import Agreement
from schemas.compact import Event, Lead, ProfileValue, Touch
from schemas.duration import Duration
from schemas.matcher import Matcher
from schemas.promises import AttemptsClause, ResponseClause, Tier
from streams.clauses import NEVER_US, ClockTerms
from streams.clock_rows import Clock, Clocks, Waiting
from streams.journey import new_journey
from streams.life import advance
from streams.moments import Moments, Step
from streams.pledge_rows import Pledges
from streams.rows import Journey
from streams.stretches import Schedule, Stretch, schedule_of
from streams.terms import Terms, Versions
from streams.verdicts import ClockLine, clock_lines

__all__ = ["NEVER_US", "Explained", "Happening", "Role", "Story", "Wait", "Warned", "explain"]

Role: TypeAlias = Literal[
    "answered",
    "excused",
    "attempt",
    "cancelled",
    "next_cycle",
    "automated",
    "not_by_owner",
    "not_cancelling",
    "not_restarted",
    "is_start",
    "before_start",
    "owner",
]
"""What an event was to a clock.

It `answered` it, was an `attempt`, `excused` the rest, `cancelled` it, or began the `next_cycle`, which ends the wait
for a late answer. Or it would have answered, but: a machine did it (`automated`), it was not the owner's rep
(`not_by_owner`), it started the clock (`is_start`), or came before that (`before_start`). Or it is an exit that does
not cancel (`not_cancelling`), the start again (`not_restarted`), or gave the lead to another `owner`.
"""
Ended: TypeAlias = Literal["answered", "exit", "dropped"]
_EARLY: Final = 3
"""So many answers that came before the start are told, the last ones."""


class Happening(NamedTuple):
    """An event, what it was to a clock, whether after the due time, attempts so far, and who had the lead then."""

    event: Event
    role: Role
    late: bool
    attempts: int
    owner: str | None


class Warned(NamedTuple):
    """A warning: at which fraction of the open time, when (microseconds), and whether it was given by as-of."""

    fraction: float
    at: int
    fired: bool


class Wait(NamedTuple):
    """That a clause waited for a person to own the lead, and there was no clock: since which event, and what ended it.

    `ended` and `how` are None while it waits. `dropped`: the agreement has the clause no more.
    """

    clause: str
    opened: Event
    ended: Event | None = None
    how: Ended | None = None


class Story(NamedTuple):
    """One clock: how it stands, and why.

    `opened`: the event that made `starts` true; `started`: the one at which it began. `tier` is the one that took the
    lead, by `profile`, the fields that tiers ask for as they were at the start. `end` is where elapsed time is counted
    to, and `stretches` is all the time until then. `corrections`: revisions of what was said of it, by kind.
    """

    line: ClockLine
    clock: Clock
    clause: ResponseClause | AttemptsClause
    within: Duration
    tier: Tier | None
    profile: dict[str, ProfileValue]
    opened: Event
    started: Event
    schedule: Schedule
    end: int
    stretches: list[Stretch]
    happenings: list[Happening]
    warnings: list[Warned]
    corrections: dict[str, int]

    def was_late_evidence(self, event: Event) -> bool:
        """Whether it had happened when the clock fell due, and was only written down after that."""
        recorded = event.recorded_at if isinstance(event, Touch) else None
        return recorded is not None and event.time <= self.clock.due < recorded

    @property
    def late_evidence(self) -> list[Event]:
        """The events of that kind that have to do with the clock, from its start on."""
        told = [self.opened, *(one.event for one in self.happenings if one.role != "before_start")]
        return [event for event in told if self.was_late_evidence(event)]


class Explained(NamedTuple):
    """A lead's clocks as of a time (microseconds), by clause and cycle, and what waited in vain."""

    lead: str
    journey: Journey
    as_of: int
    stories: list[Story]
    waits: list[Wait]


def explain(
    lead: str,
    events: Iterable[Event],
    versions: Versions,
    as_of: int,
    corrections: dict[str, int] | None = None,
    written: Iterable[Agreement] = (),
) -> Explained:
    """Explain a lead's clocks from its events, given in §4.1's order, of which those after as-of are left out.

    `corrections`: the last revision of each fact that was corrected, as the engine keeps them. `written`: the versions
    as they were before their holidays were frozen, where they were.
    """
    unfrozen = {one.version: one for one in written}
    trace = _Trace(versions)
    for event in events:
        if event.time <= as_of:
            trace.read(event)
    owner = trace.journey.owner
    ordered = sorted(trace.watched, key=lambda one: (one.clock.clause, one.clock.cycle))
    lines = clock_lines(lead, [one.clock for one in ordered], versions, owner, as_of)
    stories = [_story(one, line, as_of, corrections or {}, unfrozen) for one, line in zip(ordered, lines, strict=True)]
    still = [Wait(name, opened) for name, opened in trace.openers.items()]
    return Explained(lead, trace.journey, as_of, stories, sorted([*trace.waits, *still], key=_by_time))


def _by_time(wait: Wait) -> tuple[int, str]:
    return wait.opened.time, wait.clause


class _Watched:
    """A clock, and what is noted of it."""

    def __init__(self, clock: Clock, own: ClockTerms, terms: Terms, opened: Event, step: Step) -> None:
        self.clock = clock
        self.own = own
        self.agreement = terms.agreement
        self.clause = _written(terms, clock.clause)
        self.opened, self.started = opened, step.event
        asked = [name for tier in self.clause.tiers for matcher in tier.when for name in matcher.profile]
        self.profile = {name: step.journey.profile.get(name) for name in dict.fromkeys(asked)}
        self.happenings: list[Happening] = []
        self._by_anything = Moments(_waited_for(self.clause), machines=True)

    def note(self, role: Role, step: Step) -> None:
        """Keep what an event was to it."""
        clock, event = self.clock, step.event
        self.happenings.append(Happening(event, role, event.time > clock.due, clock.count, step.journey.owner))

    def begin(self, step: Step, early: Iterable[Happening]) -> None:
        """Note what the event that starts it is to it, and what came too early."""
        self.happenings += early
        if self.clock.answered is not None:
            self.note("answered" if self.clock.count >= self.own.at_least else "excused", step)
        elif self._by_anything.at(step):
            self.note("is_start", step)

    def see(self, was: Clock, step: Step, terms: Terms) -> None:
        """Note what an event that came after the start did, and what it did not; `was`: the clock before it."""
        if not was.closed:
            role = self._did(was) or self._did_not(step, terms)
            if role is not None:
                self.note(role, step)

    def _did(self, was: Clock) -> Role | None:
        clock = self.clock
        if clock.answered is not None:
            return "answered" if clock.count >= self.own.at_least else "excused"
        if clock.count > was.count:
            return "attempt"
        if clock.cancelled is not None:
            return "cancelled"
        return "next_cycle" if clock.closed else None

    def _did_not(self, step: Step, terms: Terms) -> Role | None:
        event, owner = step.event, step.journey.owner
        if isinstance(event, Touch) and self._by_anything.at(step):
            return "automated" if event.automated and not _is_heard(self.own, step) else "not_by_owner"
        if any(fact.exit is not None for fact in step.facts):
            return "not_cancelling"
        clause = terms.clock(self.clock.clause)
        if clause is not None and clause.starts.at(step):
            return "not_restarted"
        return "owner" if owner != step.owner_before else None


class _Trace:
    """Folds a lead's events, and watches its clocks."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._by_version = {terms.version: terms for terms in versions.all}
        self._clocks, self._pledges = Clocks(), Pledges()
        self._early: dict[str, deque[Happening]] = {}
        self.journey = new_journey()
        self.watched: list[_Watched] = []
        self._open: list[_Watched] = []
        self.openers: dict[str, Event] = {}
        self.waits: list[Wait] = []

    def read(self, event: Event) -> None:
        """Fold the next event."""
        clocks, owner, terms = self._clocks, self.journey.owner, self._versions.at(event.time)
        before, waited = [copy.copy(clock) for clock in clocks.running], dict(clocks.waiting)
        said = advance(self.journey, clocks, self._pledges, event, self._versions)
        taken = isinstance(event, Lead) and terms.is_person(event.owner) and not terms.is_person(owner)
        step = Step(event, said, self.journey, owner, taken)
        for watched, was in zip(self._open, before, strict=True):
            watched.see(was, step, terms)
        new = clocks.running[len(before) :]
        self._end_waits(waited, new, step, terms)
        for clock in new:
            self._begin(clock, step)
        for name in clocks.waiting:
            self.openers.setdefault(name, event)
        self._note_early(before, new, step, terms)
        self._open = [one for one in self._open if not one.clock.is_settled]
        clocks.running = [one.clock for one in self._open]

    def _begin(self, clock: Clock, step: Step) -> None:
        own = self._versions.clock_terms(clock.version, clock.clause)
        opened = self.openers.pop(clock.clause, step.event)
        watched = _Watched(clock, own, self._by_version[clock.version], opened, step)
        watched.begin(step, self._early.pop(clock.clause, ()))
        self.watched.append(watched)
        self._open.append(watched)

    def _end_waits(self, waited: dict[str, Waiting], new: Sequence[Clock], step: Step, terms: Terms) -> None:
        """Note the waits that ended, but for those of which a clock has come; the same event may start another."""
        came = {(clock.clause, clock.opened) for clock in new}
        for name, waiting in waited.items():
            if self._clocks.waiting.get(name) is not waiting and (name, waiting.opened) not in came:
                self.waits.append(Wait(name, self.openers.pop(name), step.event, _how(terms.clock(name), step)))

    def _note_early(self, before: Sequence[Clock], new: Sequence[Clock], step: Step, terms: Terms) -> None:
        """Keep the last events that would answer a clock, had it run."""
        busy = {clock.clause for clock in before if not clock.closed} | {clock.clause for clock in new}
        for clause in terms.clocks:
            if clause.id not in busy and _is_heard(clause, step):
                early = self._early.setdefault(clause.id, deque(maxlen=_EARLY))
                early.append(Happening(step.event, "before_start", False, 0, step.journey.owner))


def _is_heard(own: ClockTerms, step: Step) -> bool:
    """Whether the event is an answer, an attempt or an excuse, whoever made it."""
    return own.answers.at(step) or (own.excuses is not None and own.excuses.at(step))


def _how(clause: ClockTerms | None, step: Step) -> Ended:
    if clause is None:
        return "dropped"
    is_exit = any(fact.exit is not None for fact in step.facts) if clause.cancels is None else clause.cancels.at(step)
    return "exit" if is_exit else "answered"


def _written(terms: Terms, clause: str) -> ResponseClause | AttemptsClause:
    return next(
        one for one in terms.agreement.clauses if one.id == clause and isinstance(one, ResponseClause | AttemptsClause)
    )


def _waited_for(clause: ResponseClause | AttemptsClause) -> list[Matcher]:
    if isinstance(clause, ResponseClause):
        return [*clause.met_by]
    return [*clause.counts, *(clause.unless or ())]


def _story(
    told: _Watched, line: ClockLine, as_of: int, corrections: dict[str, int], unfrozen: Mapping[int, Agreement]
) -> Story:
    clock, own = told.clock, told.own
    end = next(at for at in (clock.answered, clock.cancelled, as_of) if at is not None)
    schedule = schedule_of(told.agreement, told.clause, clock.owner_at_start, unfrozen.get(clock.version))
    return Story(
        line,
        clock,
        told.clause,
        own.within(clock.tier),
        None if clock.tier is None else told.clause.tiers[clock.tier],
        told.profile,
        told.opened,
        told.started,
        schedule,
        end,
        schedule.stretches(clock.started, end),
        told.happenings,
        _warnings(clock, own, as_of),
        _corrections(clock, corrections),
    )


def _warnings(clock: Clock, own: ClockTerms, as_of: int) -> list[Warned]:
    """§5.7: none is given once the clock has ended."""
    ended = clock.ended_by_event
    return [
        Warned(fraction, at, at <= as_of and (ended is None or at < ended))
        for at, fraction in zip(clock.warns, own.fractions, strict=True)
    ]


def _corrections(clock: Clock, corrections: dict[str, int]) -> dict[str, int]:
    """The last revisions of facts about this clock, by what they say: `met`, `warned.0`."""
    found: dict[str, int] = {}
    for key, revision in corrections.items():
        kind, _, number = key.rpartition("#")
        change, _, rest = kind.partition(".")
        clause, _, place = rest.partition(".")
        if clause == clock.clause and number == str(clock.cycle) and change not in ("entered", "left"):
            found[f"{change}.{place}" if place else change] = revision
    return found
