"""The clocks of one lead: started, answered, cancelled and followed by the next, event by event (DESIGN §5).

What is here is a pure function of the lead's events and of the agreement's versions; that time passes is not.
`streams.verdicts` says what is so at a given now.
"""

from collections.abc import Sequence

from schemas.compact import Event, Touch
from streams.clauses import ClockTerms
from streams.clock_rows import Cause, Clock, Clocks, Waiting
from streams.moments import Step
from streams.terms import Terms, Versions


def advance(clocks: Clocks, step: Step, terms: Terms, versions: Versions, starters: Sequence[ClockTerms]) -> None:
    """Let one event, the next in order, act on the lead's clocks: answers first, then exits, then starts (§5.2).

    `terms`: the version in force at the event's time; `starters`: its clauses that such an event may start. Clocks are
    changed in place; new ones come last.
    """
    if clocks.running:
        for clock in clocks.running:
            _pass_time(clock, step)
            if not clock.closed:
                own = versions.clock_terms(clock.version, clock.clause)
                _own(clock, step, terms)
                _answer(clock, own, step)
                _cancel(clock, own, step)
    if clocks.waiting:
        _end_waiting(clocks, step, terms)
    if starters and versions.is_in_force(step.event.time):
        for clause in starters:
            _start(clocks, clause, step, terms)


def is_over(clock: Clock, told: int) -> bool:
    """Whether nothing can come or be said any more, when all up to `told` was said."""
    ended = clock.ended_by_event
    if ended is not None:
        return all(warning <= told or warning >= ended for warning in clock.warns) and clock.hold <= told
    return clock.closed and clock.due < told and clock.hold <= told


def _pass_time(clock: Clock, step: Step) -> None:
    """Note who had the lead at the warnings, and at the due time, that this event is past."""
    if clock.is_past:
        return
    at, owner = step.event.time, step.owner_before
    while len(clock.warned_owners) < len(clock.warns) and clock.warns[len(clock.warned_owners)] < at:
        clock.warned_owners = [*clock.warned_owners, owner]  # another list: who looks back keeps the one before
    if clock.due < at:
        clock.is_past = True
        if clock.ended_by_event is None:
            clock.owner_at_end = owner


def _own(clock: Clock, step: Step, terms: Terms) -> None:
    if clock.owned is None and terms.is_person(step.journey.owner):
        clock.owned = step.event.time


def _answer(clock: Clock, own: ClockTerms, step: Step) -> None:
    """The first answer, in time or late; with `by: owner` a touchpoint only if its `rep` is the owner then (§5.2)."""
    counted, excused = _heard(own, step)
    clock.count += counted
    if not excused and clock.count < own.at_least:
        return
    event, owner = step.event, step.journey.owner
    clock.answered, clock.answered_by, clock.answer = event.time, _answerer(event, owner), _cause(event)
    _close(clock, owner)


def _heard(own: ClockTerms, step: Step) -> tuple[bool, bool]:
    """Whether the event counts as an answer or an attempt, and whether it excuses the rest."""
    event, owner = step.event, step.journey.owner
    if own.by_owner and isinstance(event, Touch) and (owner is None or event.rep != owner):
        return False, False
    return own.answers.at(step), own.excuses is not None and own.excuses.at(step)


def _cancel(clock: Clock, own: ClockTerms, step: Step) -> None:
    """An exit, or with `cancel_on` only what that matches: before the due time it cancels, after it ends the wait."""
    if clock.closed or not _cancels(own, step):
        return
    clock.cancelled, clock.cancel = step.event.time, _cause(step.event)
    _close(clock, step.journey.owner)


def _cancels(own: ClockTerms, step: Step) -> bool:
    if own.cancels is not None:
        return own.cancels.at(step)
    return any(fact.exit is not None for fact in step.facts)


def _close(clock: Clock, owner: str | None) -> None:
    clock.closed = True
    if not clock.is_past:
        clock.owner_at_end = owner


def _end_waiting(clocks: Clocks, step: Step, terms: Terms) -> None:
    """An answer or an exit ends the waiting, and there is no clock; a person who owns the lead starts it (§5.1)."""
    for name in list(clocks.waiting):
        waiting, clause = clocks.waiting[name], terms.clock(name)
        if clause is None:
            del clocks.waiting[name]
            continue
        counted, excused = _heard(clause, step)
        waiting.count += counted
        if excused or (counted and waiting.count >= clause.at_least) or _cancels(clause, step):
            del clocks.waiting[name]
        elif terms.is_person(step.journey.owner):
            del clocks.waiting[name]
            _begin(clocks, clause, step, waiting.opened, terms)


def _start(clocks: Clocks, clause: ClockTerms, step: Step, terms: Terms) -> None:
    """Open the next cycle, unless one runs or is waited for, or this event began one as it ended the waiting (§5.4)."""
    if (clause.from_owner and clause.id in clocks.waiting) or not clause.starts.at(step):
        return
    clocks.waiting.pop(clause.id, None)  # of an earlier version, which waited for an owner
    at, cause = step.event.time, _cause(step.event)
    for clock in clocks.running:
        if clock.clause == clause.id and (clock.cause == cause or (not clock.closed and at <= clock.due)):
            return
    if clause.from_owner and not terms.is_person(step.journey.owner):
        clocks.waiting[clause.id] = Waiting(at)
    else:
        _begin(clocks, clause, step, at, terms)


def _begin(clocks: Clocks, clause: ClockTerms, step: Step, opened: int, terms: Terms) -> None:
    event, journey = step.event, step.journey
    owner = journey.owner
    for clock in clocks.running:
        if clock.clause == clause.id:
            clock.closed = True  # a late answer to the last cycle is none to this one
    tier = clause.tier(journey.profile)
    due, target = clause.due(event.time, tier, owner)
    cycle = clocks.cycles.get(clause.id, 0) + 1
    warns = clause.warnings(event.time, target, owner)
    clock = Clock(clause.id, clause.version, cycle, opened, event.time, due, target, warns, tier, owner, _cause(event))
    if terms.is_person(owner):
        clock.owned = event.time
        clock.count = int(clause.owner_answers)
        if clause.owner_excuses or clock.count >= clause.at_least:
            clock.answered, clock.answered_by, clock.answer = event.time, owner, clock.cause
            _close(clock, owner)
    clocks.cycles[clause.id] = cycle
    clocks.running.append(clock)


def _answerer(event: Event, owner: str | None) -> str | None:
    return event.rep if isinstance(event, Touch) else owner


def _cause(event: Event) -> Cause:
    return Cause(event.source, event.id)
