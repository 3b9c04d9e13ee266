"""What was said of clocks and of promises, as far as people are told it.

Times are microseconds since the Unix epoch, UTC.
"""

from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from schemas.compact import micros
from schemas.derived import ClockChange, ClockEvent, PromiseEvent, PromiseKind, Standing

__all__ = ["ClockFact", "PromiseFact", "ToldFact", "clock_fact", "key_of", "promise_fact"]

SUBJECT: Final = "subject"
"""The field by which a kept fact is known to be of a clock or of a promise."""


class ClockFact(msgspec.Struct, frozen=True, tag_field=SUBJECT, tag="clock"):
    """What was said of a clock."""

    lead: str
    kind: str
    cycle: int
    revision: int
    holds: bool
    change: ClockChange
    clause: str
    version: int
    owed_by: str
    at: int
    started_at: int
    due_at: int
    responsible: str | None = None
    owner_at_start: str | None = None
    owner: str | None = None
    fraction: float | None = None
    answered_at: int | None = None
    answered_by: str | None = None
    elapsed_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the wait: neither an answer, late or not, nor an exit."""
        return self.answered_at is None and self.elapsed_s is None

    @property
    def series(self) -> tuple[str, ...]:
        """The clocks of one clause and lead: one after another, by cycle."""
        return self.lead, self.clause

    @property
    def which(self) -> tuple[str, ...]:
        """Which fact of its series it is, whatever its revision."""
        return self.kind, str(self.cycle)

    @property
    def promised(self) -> str:
        """The clause, as routes name it."""
        return self.clause

    @property
    def told_apart_by(self) -> tuple[str, ...]:
        """What makes it another message to the same address: not its revision."""
        return self.lead, *self.which

    def __str__(self) -> str:
        """In a word or two, for a log."""
        return f"{self.kind} of lead {self.lead}"


class PromiseFact(msgspec.Struct, frozen=True, tag_field=SUBJECT, tag="promise"):
    """What was said of a promise or a goal in a period; `target` and `numerator` as the statement has them.

    `responsible` is whoever answers for it when people are to be told.
    """

    promise: str
    period: str
    revision: int
    holds: bool
    change: Standing
    kind: PromiseKind
    provisional: bool
    version: int
    begin: int
    end: int
    at: int
    target: str
    owed_by: str | None = None
    numerator: str | None = None
    denominator: int | None = None
    responsible: str | None = None

    @property
    def series(self) -> tuple[str, ...]:
        """The promise in this period."""
        return "promise", self.promise, self.period

    @property
    def which(self) -> tuple[str, ...]:
        """There is one fact of each promise and period: each revision takes the place of the one before."""
        return ()

    @property
    def promised(self) -> str:
        """The clause or goal, as routes name it."""
        return self.promise

    @property
    def told_apart_by(self) -> tuple[str, ...]:
        """What makes it another message to the same address: how it stands, and neither revision nor figures."""
        return *self.series, self.change

    def __str__(self) -> str:
        """In a word or two, for a log."""
        return f"{self.change}.{self.promise} of {self.period}"


ToldFact: TypeAlias = ClockFact | PromiseFact


def clock_fact(event: ClockEvent) -> ClockFact:
    """What is told of an event of `baton.clocks`."""
    data = event.data
    return ClockFact(
        lead=data.fact.lead,
        kind=data.fact.kind,
        cycle=data.cycle,
        revision=data.revision,
        holds=data.holds,
        change=data.change,
        clause=data.clause,
        version=data.agreement_version,
        owed_by=data.owed_by,
        at=micros(data.at),
        started_at=micros(data.started_at),
        due_at=micros(data.due_at),
        responsible=data.responsible,
        owner_at_start=data.owner_at_start,
        owner=data.owner,
        fraction=data.fraction,
        answered_at=None if data.answered_at is None else micros(data.answered_at),
        answered_by=data.answered_by,
        elapsed_s=data.elapsed_s,
    )


def promise_fact(event: PromiseEvent) -> PromiseFact:
    """What is told of an event of `baton.promises`."""
    data = event.data
    return PromiseFact(
        promise=data.fact.promise,
        period=data.fact.period,
        revision=data.revision,
        holds=data.holds,
        change=data.standing,
        kind=data.kind,
        provisional=data.provisional,
        version=data.agreement_version,
        begin=micros(data.begin),
        end=micros(data.end),
        at=micros(data.at),
        target=data.target,
        owed_by=data.owed_by,
        numerator=data.numerator,
        denominator=data.denominator,
    )


def key_of(fact: ToldFact, after_s: int, to: str) -> str:
    """The de-duplicating key: a hash of what is told (without its revision), at which step, and of the address."""
    return sha256("\0".join((*fact.told_apart_by, str(after_s), to)).encode()).hexdigest()[:32]
