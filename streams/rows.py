"""What is kept of a lead, as it stands in memory between events and in the changelog.

A lead is one head row, and a page row for every eight events beyond the newest few. The events are the
truth; the rest of the head is their fold, kept so that an event in order costs one step.
"""

from typing import TypeAlias

import msgspec

from schemas.compact import OrderKey, Profile
from streams.clock_rows import Clocks
from streams.pledge_rows import Pledges

NO_STAGE = "(none)"
NO_CHANNEL = "(none)"


class Standing(msgspec.Struct, array_like=True):
    """A deal as it now stands (§5, funnel 6): what was last said of it."""

    deal_id: str
    stage: str
    kind: str = "new"
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    account: str | None = None
    reason: str | None = None


class Journey(msgspec.Struct, array_like=True):
    """The fold of a lead's events: a pure function of their set and of the agreement's versions."""

    last: OrderKey | None = None
    touches: int = 0
    spends: int = 0
    others: int = 0
    touched: bool = False
    channel: str | None = None
    owner: str | None = None
    account: str | None = None
    status: str | None = None
    stage: str | None = None
    since: int = 0
    highest: str | None = None
    exit: str | None = None
    exit_reason: str | None = None
    waiting: str | None = None
    entered: dict[str, int] = {}
    entries: dict[str, int] = {}
    exits: dict[str, dict[str, int]] = {}
    profile: Profile = {}
    deals: dict[str, Standing] = {}
    kept: dict[str, int] = {}

    @property
    def is_lead(self) -> bool:
        """Whether anything but spend was said under this subject."""
        return self.touches > 0 or self.others > 0


class Head(msgspec.Struct, array_like=True):
    """A lead's head row.

    `tail` holds the newest `count` events as encoded, one after the other; `pages` is how many page rows there
    are beside it. `condensed`: touchpoints were left out (§4.4); `full` has, for parties and kinds of which no
    more are kept, the last one that is, where known. `corrections` has the last revision of each corrected fact.
    `clocks` are those that run, or of which something is still to be said; `pledges` is what counts for promises.
    """

    journey: Journey
    pages: int = 0
    count: int = 0
    tail: bytes = b""
    condensed: bool = False
    full: dict[str, OrderKey] = {}
    corrections: dict[str, int] = {}
    clocks: Clocks = msgspec.field(default_factory=Clocks)
    pledges: Pledges = msgspec.field(default_factory=Pledges)


class Fact(msgspec.Struct, frozen=True):
    """That a lead entered or left a stage: `name` and `number` identify it, the rest is what is said.

    `at` is microseconds since 1970; `since` is when the stage that was left had been entered.
    """

    name: str
    number: int
    stage: str
    at: int
    source: str
    event: str
    other: str | None = None
    exit: str | None = None
    reason: str | None = None
    since: int | None = None

    @property
    def key(self) -> str:
        """The fact's identity within its lead."""
        return f"{self.name}.{self.stage}#{self.number}"


Said: TypeAlias = tuple[Fact, int, bool]
"""A fact, its revision (from 1), and whether it holds."""
