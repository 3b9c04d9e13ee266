"""What is so of a clock at a given now: its state, what is said of it, and its line in the report (DESIGN §5, §6)."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from schemas.compact import time_text
from schemas.derived import CauseRef, ClockChange, ClockStatement, FactRef
from streams.clauses import ClockTerms
from streams.clock_rows import Cause, Clock, Clocks
from streams.clocks import is_over
from streams.funnel import Counts
from streams.terms import Versions

State: TypeAlias = Literal["running", "met", "breached", "cancelled"]
SECOND: Final = 1_000_000


class ClockFact(msgspec.Struct, frozen=True):
    """One statement about a clock, to be said as `baton.clock.v1`. Instants in microseconds, durations in seconds."""

    change: ClockChange
    clock: str
    cycle: int
    owed_by: str
    responsible: str | None
    at: int
    started: int
    due: int
    target_s: float
    tier: int | None
    version: int
    owner_at_start: str | None
    owner: str | None
    place: int | None = None
    fraction: float | None = None
    answered: int | None = None
    answered_by: str | None = None
    elapsed_s: float | None = None
    routing_s: float | None = None
    human_s: float | None = None
    cause: Cause | None = None

    @property
    def kind(self) -> str:
        """What is said, without the cycle."""
        place = "" if self.place is None else f".{self.place}"
        return f"{self.change}.{self.clock}{place}"

    @property
    def key(self) -> str:
        """The fact's identity within its lead."""
        return f"{self.kind}#{self.cycle}"


def state(clock: Clock, now: int) -> State:
    """§5.9: at now = `due` a clock still runs; after it, it is breached, unless an event had ended it by then."""
    ended = clock.ended_by_event
    if ended is not None:
        return "met" if clock.answered == ended else "cancelled"
    return "breached" if clock.due < now else "running"


def facts(clock: Clock, versions: Versions, owner: str | None, now: int) -> Iterator[ClockFact]:
    """What holds of a clock at a now; `owner`: who has the lead now. What waits for `hold` is left out."""
    own = versions.clock_terms(clock.version, clock.clause)
    yield _fact(clock, own, "started", clock.started, clock.owner_at_start, cause=clock.cause)
    ended, held = clock.ended_by_event, now < clock.hold
    if not held:
        for place, (warning, fraction) in enumerate(zip(clock.warns, own.fractions, strict=True)):
            if warning <= now and (ended is None or warning < ended):
                noted = clock.warned_owners
                had = noted[place] if place < len(noted) else owner
                yield _fact(clock, own, "warned", warning, had, place=place, fraction=fraction)
    is_now = state(clock, now)
    if is_now == "met":
        yield _ended(clock, own, "met", clock.answered or 0, clock.owner_at_end, clock.answer)
    elif is_now == "cancelled":
        yield _ended(clock, own, "cancelled", clock.cancelled or 0, clock.owner_at_end, clock.cancel)
    elif is_now == "breached" and not held:
        had = clock.owner_at_end if clock.is_past else owner
        yield _ended(clock, own, "breached", clock.due, had, clock.answer or clock.cancel)


def next_instant(clocks: Clocks) -> int | None:
    """The earliest now at which time brings something new to say of these clocks, after what was told."""
    return min([at for clock in clocks.running for at in _instants(clock) if at > clocks.told], default=None)


def _instants(clock: Clock) -> list[int]:
    """The nows from which something new is so."""
    hold, ended = clock.hold, clock.ended_by_event
    if ended is None:
        instants = [*clock.warns, clock.due + 1]
    else:
        instants = [warning for warning in clock.warns if warning < ended]
    return [hold, *(max(instant, hold) for instant in instants)] if hold else instants


def clock_counts(clocks: Clocks) -> Counts:
    """What a lead adds to the counts of clocks: by clause, those that run, are at risk (warned of), or are overdue.

    As it was last told; an overdue clock counts until it is answered, or nothing can answer it any more.
    """
    counts: Counts = {}
    for clock in clocks.running:
        how = standing(clock, clocks.told)
        if how is not None:
            key = ("clocks", clock.clause, how)
            counts[key] = counts.get(key, 0) + 1
    return counts


def standing(clock: Clock, told: int) -> str | None:
    """`running`, `at_risk` or `overdue`, as it was last told; None for one that is over."""
    if clock.closed:
        return None
    if clock.due < told:
        return "overdue" if clock.hold <= told else "running"
    return "at_risk" if clock.warns and clock.warns[0] <= told else "running"


def statement(lead: str, fact: ClockFact, revision: int, holds: bool) -> ClockStatement:
    """A fact as it is said in a `baton.clock.v1` event."""
    cause = fact.cause
    return ClockStatement(
        FactRef(lead, fact.kind, fact.cycle),
        revision,
        holds,
        fact.change,
        fact.clock,
        fact.cycle,
        fact.owed_by,
        time_text(fact.at),
        time_text(fact.started),
        time_text(fact.due),
        fact.target_s,
        fact.version,
        fact.responsible,
        fact.tier,
        fact.owner_at_start,
        fact.owner,
        fact.fraction,
        None if fact.answered is None else time_text(fact.answered),
        fact.answered_by,
        fact.elapsed_s,
        fact.routing_s,
        fact.human_s,
        None if cause is None else CauseRef(cause.source, cause.id),
    )


def drop_what_is_over(clocks: Clocks) -> None:
    """Forget the clocks of which nothing can come or be said any more."""
    if any(is_over(clock, clocks.told) for clock in clocks.running):
        clocks.running = [clock for clock in clocks.running if not is_over(clock, clocks.told)]


def _fact(
    clock: Clock,
    own: ClockTerms,
    change: ClockChange,
    at: int,
    owner: str | None,
    *,
    place: int | None = None,
    fraction: float | None = None,
    cause: Cause | None = None,
) -> ClockFact:
    return ClockFact(
        change,
        clock.clause,
        clock.cycle,
        own.owed_by,
        own.responsible,
        at,
        clock.started,
        clock.due,
        clock.target / SECOND,
        clock.tier,
        clock.version,
        clock.owner_at_start,
        owner,
        place,
        fraction,
        cause=cause,
    )


def _ended(
    clock: Clock, own: ClockTerms, change: ClockChange, at: int, owner: str | None, cause: Cause | None
) -> ClockFact:
    """A verdict, with how long it took: to the answer, also a late one, or to the exit."""
    routing, human = people_s(clock, own)
    return msgspec.structs.replace(
        _fact(clock, own, change, at, owner, cause=cause),
        answered=clock.answered,
        answered_by=clock.answered_by,
        elapsed_s=elapsed_s(clock, own, None),
        routing_s=routing,
        human_s=human,
    )


def elapsed_s(clock: Clock, own: ClockTerms, as_of: int | None) -> float | None:
    """Open seconds from the start to the answer, to what ended it or the wait for one, or else to as-of."""
    end = clock.answered if clock.answered is not None else clock.cancelled
    if end is None:
        end = as_of
    return None if end is None else own.calendar(clock.owner_at_start).open_us(clock.started, end) / SECOND


def people_s(clock: Clock, own: ClockTerms) -> tuple[float | None, float | None]:
    """§5.8: open seconds until a person had the lead (`routing_s`), and from there to the answer (`human_s`)."""
    if clock.owned is None:
        return None, None
    calendar = own.calendar(clock.owner_at_start)
    routing = calendar.open_us(clock.opened, clock.owned) / SECOND
    if clock.answered is None:
        return routing, None
    return routing, calendar.open_us(clock.owned, clock.answered) / SECOND


class ClockLine(msgspec.Struct):
    """A line of `clocks.jsonl` (§6)."""

    lead: str
    clause: str
    cycle: int
    owed_by: str
    responsible: str | None
    owner_at_start: str | None
    owner: str | None
    answered_by: str | None
    tier: int | None
    started_at: str
    due_at: str
    state: State
    ended_at: str | None
    answered_at: str | None
    elapsed_s: float | None
    target_s: float
    routing_s: float | None
    human_s: float | None
    agreement_version: int


def clock_lines(
    lead: str, clocks: Iterable[Clock], versions: Versions, owner: str | None, as_of: int
) -> list[ClockLine]:
    """The lines of a lead's clocks as they are at as-of, by clause and cycle; `owner`: who has the lead then."""
    ordered = sorted(clocks, key=lambda clock: (clock.clause, clock.cycle))
    return [_line(lead, clock, versions, owner, as_of) for clock in ordered]


def _line(lead: str, clock: Clock, versions: Versions, owner: str | None, as_of: int) -> ClockLine:
    own = versions.clock_terms(clock.version, clock.clause)
    is_now = state(clock, as_of)
    ended = clock.due if is_now == "breached" else clock.ended_by_event
    had = clock.owner_at_end if ended is not None and (clock.is_past or clock.closed) else owner
    routing, human = people_s(clock, own)
    return ClockLine(
        lead,
        clock.clause,
        clock.cycle,
        own.owed_by,
        own.responsible,
        clock.owner_at_start,
        had,
        clock.answered_by,
        clock.tier,
        time_text(clock.started),
        time_text(clock.due),
        is_now,
        None if ended is None else time_text(ended),
        None if clock.answered is None else time_text(clock.answered),
        elapsed_s(clock, own, as_of),
        clock.target / SECOND,
        routing,
        human,
        clock.version,
    )
