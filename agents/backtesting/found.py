"""What a backtest finds, as it is written into `backtest.json`. What an agreement does not have is null."""

import msgspec

from streams.verdicts import State

__all__ = ["Backtest", "Flip", "FlipCount", "Group", "PromiseRow", "Promised", "Side", "StageRow", "Tally"]


class Side(msgspec.Struct):
    """One of the two agreements."""

    agreement: str
    version: int


class Tally(msgspec.Struct):
    """How many clocks came to each verdict; `share_met` is of those met or breached, null where there are none."""

    met: int = 0
    breached: int = 0
    cancelled: int = 0
    running: int = 0
    share_met: float | None = None

    def put(self, state: State) -> None:
        """Count one more clock."""
        setattr(self, state, getattr(self, state) + 1)
        judged = self.met + self.breached
        self.share_met = self.met / judged if judged else None


class Group(msgspec.Struct):
    """A clause's clocks: all (`value` null), or those of one owner, tier or channel."""

    clause: str
    value: str | None
    old: Tally | None
    new: Tally | None


class Promised(msgspec.Struct):
    """What is read of a row of `promises.json`."""

    id: str
    kind: str
    period: str
    numerator: int | str
    denominator: int | None
    target: int | float | str
    kept: bool | None


class PromiseRow(msgspec.Struct):
    """A promise in one period."""

    id: str
    period: str
    old: Promised | None
    new: Promised | None


class StageRow(msgspec.Struct):
    """How many leads ever entered a stage, and which did so by one agreement alone, where both have the stage."""

    stage: str
    old: int | None
    new: int | None
    only_old: list[str]
    only_new: list[str]


class Flip(msgspec.Struct, rename={"was": "from", "now": "to"}):
    """A clock with another verdict, or that there is by one agreement alone, of a clause that both have.

    A clock is told by its lead, clause and cycle.
    """

    lead: str
    clause: str
    cycle: int
    was: State | None
    now: State | None


class FlipCount(msgspec.Struct, rename={"was": "from", "now": "to"}):
    """How many clocks of a clause went from one verdict to another."""

    clause: str
    was: State | None
    now: State | None
    clocks: int


class Backtest(msgspec.Struct):
    """What two agreements make of the same events."""

    old: Side
    new: Side
    events: int
    clauses: list[Group]
    owners: list[Group]
    tiers: list[Group]
    channels: list[Group]
    promises: list[PromiseRow]
    stages: list[StageRow]
    flip_counts: list[FlipCount]
    flips: list[Flip]
