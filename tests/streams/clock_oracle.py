"""The clocks of DESIGN §5, rules 1, 2, 4 and 5, by looking over a lead's whole list of events for each clock.

Nothing here is carried from event to event, as `streams.clocks` does it; journeys, matchers and calendars are shared.
"""

from typing import NamedTuple

from schemas.compact import Lead, Touch
from streams.journey import advance, new_journey
from streams.moments import Step


class Found(NamedTuple):
    """One clock, in microseconds."""

    clause: str
    cycle: int
    opened: int
    started: int
    due: int
    state: str
    answered: int | None
    owned: int | None


class Moment(NamedTuple):
    """An event as it was: the step, who had the lead after it, and the version in force."""

    at: int
    event: object
    facts: tuple
    owner: str | None
    profile: dict
    step: Step
    terms: object


def moments(events, versions):
    """Each event with what it made true; the step is only good while the journey is as after it."""
    journey = new_journey()
    for event in events:
        terms, before = versions.at(event.time), journey.owner
        facts = tuple(advance(journey, event, terms))
        taken = isinstance(event, Lead) and terms.is_person(event.owner) and not terms.is_person(before)
        step = Step(event, facts, journey, before, taken)
        yield Moment(event.time, event, facts, journey.owner, dict(journey.profile), step, terms)


class Table:
    """What each event is to each clause of each version: worked out once, in order, then only looked up."""

    def __init__(self, events, versions):
        self.rows = []
        clauses = [clause for terms in versions.all for clause in terms.clocks]
        for one in moments(events, versions):
            marks = {}
            for clause in clauses:
                others = isinstance(one.event, Touch) and (one.owner is None or one.event.rep != one.owner)
                heard = not (clause.by_owner and others)
                exits = any(fact.exit is not None for fact in one.facts)
                marks[clause.version, clause.id] = (
                    clause.starts.at(one.step),
                    heard and clause.answers.at(one.step),
                    heard and clause.excuses is not None and clause.excuses.at(one.step),
                    exits if clause.cancels is None else clause.cancels.at(one.step),
                )
            self.rows.append((one, marks))

    def person(self, place):
        one, _ = self.rows[place]
        return one.terms.is_person(one.owner)

    def mark(self, place, clause):
        return self.rows[place][1][clause.version, clause.id]


def found(events, versions, as_of):
    """Every clock of a lead, by clause and cycle."""
    table = Table(events, versions)
    ids = sorted({clause.id for terms in versions.all for clause in terms.clocks})
    return [clock for name in ids for clock in _of_clause(name, table, versions, as_of)]


def _of_clause(name, table, versions, as_of):
    place, cycle, after = 0, 0, None
    while (opened := _next_clock(name, table, versions, place, after)) is not None:
        start, begun = opened
        cycle += 1
        clock, place, after = _clock(name, cycle, table, versions, start, begun, as_of)
        yield clock


def _next_start(name, table, versions, place, after):
    for at in range(place, len(table.rows)):
        one, _ = table.rows[at]
        clause = one.terms.clock(name)
        if clause is None or not versions.is_in_force(one.at) or (after is not None and one.at <= after):
            continue
        if table.mark(at, clause)[0]:
            return at
    return None


def _next_clock(name, table, versions, place, after):
    """What opens the next clock, and where it starts: waiting that ends without one is no cycle."""
    while (start := _next_start(name, table, versions, place, after)) is not None:
        begun, place = _begun(name, table, start)
        if begun is not None:
            return start, begun
        if place is None:
            return None
        after = None
    return None


def _begun(name, table, start):
    """Where the clock starts; or None and where to look for the next start (None: nowhere)."""
    clause = table.rows[start][0].terms.clock(name)
    if not clause.from_owner or table.person(start):
        return start, None
    count = 0
    for at in range(start + 1, len(table.rows)):
        clause = table.rows[at][0].terms.clock(name)
        if clause is None:
            return None, at + 1
        _, answers, excuses, cancels = table.mark(at, clause)
        count += answers
        if excuses or (answers and count >= clause.at_least) or cancels:
            return None, at
        if table.person(at):
            return at, None
        if not clause.from_owner and table.mark(at, clause)[0]:
            return None, at
    return None, None


def _clock(name, cycle, table, versions, start, begun, as_of):
    one, _ = table.rows[begun]
    clause = one.terms.clock(name)
    due, _ = clause.due(one.at, clause.tier(one.profile), one.owner)
    answer, end = _ends(clause, table, begun)
    times = [row[0].at for row in table.rows]
    if end is not None and times[end] <= due:
        state = "met" if answer == end else "cancelled"
        following, after, last = end if end > begun else begun + 1, None, end
        if end == begun:
            following = begun + 1
    else:
        state = "breached" if due < as_of else "running"
        following, after = begun + 1, due
        opened = _next_clock(name, table, versions, following, after)
        last = len(times) - 1 if opened is None else opened[1]
        if end is not None:
            last = min(last, end)
        if answer is not None and answer > last:
            answer = None
    answered = None if answer is None else times[answer]
    owned = next((times[at] for at in range(begun, last + 1) if table.person(at)), None)
    clock = Found(name, cycle, times[start], times[begun], due, state, answered, owned)
    return clock, following, after


def _ends(clause, table, begun):
    """Where the clock is answered, and where it is answered or cancelled, whichever is first."""
    count = int(clause.owner_answers and table.person(begun))
    if table.person(begun) and (clause.owner_excuses or count >= clause.at_least):
        return begun, begun
    for at in range(begun + 1, len(table.rows)):
        _, answers, excuses, cancels = table.mark(at, clause)
        count += answers
        if excuses or count >= clause.at_least:
            return at, at
        if cancels:
            return None, at
    return None, None
