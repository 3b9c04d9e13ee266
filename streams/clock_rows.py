"""What is kept of a lead's clocks, as it stands in memory between events and in the changelog.

Instants and durations are in microseconds; instants since 1970.
"""

import msgspec


class Cause(msgspec.Struct, array_like=True, frozen=True):
    """An event by its source and id."""

    source: str
    id: str


class Clock(msgspec.Struct, array_like=True):
    """One clock: of a clause, in a cycle. Instants and durations in microseconds.

    `opened`: the event that made `starts` true; `owned`: when a person first had the lead from there on. `warns`: the
    instants of the warnings; `warned_owners`: who had the lead at those that events have passed. `answered` and
    `cancelled`: the first answer, and what ended it or the wait for a late one, `due` regardless; `closed`: nothing
    of these can come any more. `owner_at_end`: who had the lead when the verdict fell, where an event has passed that.
    `count`: attempts so far. `hold`: live only, the now before which nothing is said of what is overdue.
    """

    clause: str
    version: int
    cycle: int
    opened: int
    started: int
    due: int
    target: int
    warns: list[int]
    tier: int | None
    owner_at_start: str | None
    cause: Cause
    owned: int | None = None
    count: int = 0
    answered: int | None = None
    answered_by: str | None = None
    answer: Cause | None = None
    cancelled: int | None = None
    cancel: Cause | None = None
    closed: bool = False
    is_past: bool = False
    owner_at_end: str | None = None
    warned_owners: list[str | None] = []
    hold: int = 0

    @property
    def ended_by_event(self) -> int | None:
        """When an event gave the verdict: the answer or the exit, if at or before the due time."""
        if self.answered is not None and self.answered <= self.due:
            return self.answered
        if self.cancelled is not None and self.cancelled <= self.due:
            return self.cancelled
        return None

    @property
    def is_settled(self) -> bool:
        """Whether no event that is to come can change it."""
        return self.closed and self.is_past


class Waiting(msgspec.Struct, array_like=True):
    """A clock that begins when a person owns the lead (`from: owner`): since when, and attempts so far."""

    opened: int
    count: int = 0


class Clocks(msgspec.Struct, array_like=True):
    """What a lead keeps of its clocks: those of which something can still come or be said, oldest first.

    `cycles`: clocks so far, by clause; `waiting`: by clause; `told`: the now at which what time brings was last said.
    """

    running: list[Clock] = []
    cycles: dict[str, int] = {}
    waiting: dict[str, Waiting] = {}
    told: int = 0
