"""The simulated world: processes that sleep and speak, in time order, and the leads they speak of."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from heapq import heappop, heappush, heapreplace
from random import Random
from typing import Final, TypeAlias, TypeVar

from agents.files import Event
from agents.simulation.company import DAY, Channel, Market, Odds, Rep, Segment
from agents.simulation.office import AlwaysOpen, Hours, Shifts, day_of

T = TypeVar("T")

Process: TypeAlias = Generator[float, None, None]
"""Somebody's doings: yields the moment at which it wants to go on, never earlier than the last."""

Said: TypeAlias = tuple[float, Event]
"""An event and its time in seconds since 1970."""

LOCAL_TIME: Final = {"/crm": timezone(timedelta(hours=-3)), "/telephony": timezone(timedelta(hours=-3))}
"""Systems that write the company's own offset; the others write UTC."""


class Lead:
    """What the company can come to know of one person, and how far it knows it."""

    __slots__ = (
        "caller", "campaign", "channel", "company", "country", "deals", "domain", "email", "employees",
        "fit", "id", "known", "market", "phone", "returns", "score", "segment", "spoken",
    )  # fmt: skip

    def __init__(self, ident: str, channel: Channel, market: Market, segment: Segment) -> None:
        self.id = ident
        self.channel = channel
        self.campaign: str | None = None
        self.market = market
        self.segment = segment
        self.fit = channel.fit * segment.fit
        self.company = self.email = self.phone = self.domain = ""
        self.employees = self.score = 0
        self.known: set[str] = set()
        self.caller: Rep | None = None
        self.returns = self.deals = self.spoken = 0


class World:
    """A clock, a chance and a list of sleepers, ordered by when they wake.

    All times in here are seconds since 1970 of the world's own time; `real` turns them into those that
    events carry. Each call of `say` makes one event of the present moment.
    """

    def __init__(
        self,
        seed: int,
        *,
        prefix: str,
        begin: float,
        visitors_per_day: float,
        real: Callable[[float], float] | None = None,
        always_open: bool = False,
    ) -> None:
        self.prefix = prefix
        self.begin = begin
        self.now = begin
        self.visitors_per_day = visitors_per_day
        self.last_email = ""
        self.real = real or float
        self._always_open = always_open
        self._random = Random(seed)  # noqa: S311  a story, not a secret
        self.share = self._random.random
        self._hours: dict[str, Hours] = {}
        self._sleepers: list[tuple[float, int, Process]] = []
        self._started = 0
        self._said: list[Said] = []

    def start(self, process: Process, at: float) -> None:
        """Let a process begin at `at`."""
        self._started += 1
        heappush(self._sleepers, (at, self._started, process))

    def run(self, until: float = math.inf) -> Iterator[Said]:
        """Everything that is said up to and with `until`, in time order."""
        sleepers = self._sleepers
        while sleepers and sleepers[0][0] <= until:
            self.now, turn, process = sleepers[0]
            wakes = next(process, None)
            # A process may have started others; they wake later than now, so it is still the first.
            if wakes is None:
                heappop(sleepers)
            else:
                heapreplace(sleepers, (wakes, turn, process))
            if self._said:
                yield from self._said
                self._said.clear()

    def say(self, subject: str, number: int | str, kind: str, source: str, data: Event) -> None:
        """State an event now; `number` tells it from the others of its subject."""
        moment = self.real(self.now)
        event: Event = {
            "specversion": "1.0",
            "id": f"{subject}.{number}",
            "source": source,
            "type": f"baton.{kind}.v1",
            "time": self.text(moment, source),
            "subject": subject,
            "data": data,
        }
        self._said.append((moment, event))

    @staticmethod
    def text(moment: float, source: str) -> str:
        """RFC 3339 with milliseconds (cut, so that order is kept), in the speaking system's offset."""
        zone = LOCAL_TIME.get(source)
        if zone is None:
            return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        return datetime.fromtimestamp(moment, zone).isoformat(timespec="milliseconds")

    def touch(self, lead: Lead, source: str, kind: str, party: str = "lead", /, **more: object) -> None:
        """State a touchpoint of this lead."""
        lead.spoken += 1
        self.say(lead.id, lead.spoken, "touchpoint", source, {"kind": kind, "party": party, **more})

    def change(self, lead: Lead, source: str, status: str | None = None, **more: object) -> None:
        """State a change of this lead's status, owner or profile."""
        lead.spoken += 1
        self.say(lead.id, lead.spoken, "lead", source, {"status": status, **more})

    def deal(self, lead: Lead, deal_id: str, stage: str, **more: object) -> None:
        """State what is now so of a deal of this lead."""
        lead.spoken += 1
        self.say(lead.id, lead.spoken, "deal", "/crm", {"deal_id": deal_id, "stage": stage, **more})

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.share() < probability

    def pick(self, odds: Odds[T]) -> T:
        """One of these, by their weights."""
        return odds.at(self.share())

    def one_of(self, things: Sequence[T]) -> T:
        """One of these, all alike."""
        return things[int(self.share() * len(things))]

    def between(self, low: float, high: float) -> float:
        """Somewhere from `low` to `high`."""
        return low + self.share() * (high - low)

    def wait(self, mean: float) -> float:
        """Seconds until something that comes by chance, `mean` seconds on average; at least one."""
        return 1.0 - math.log(1.0 - self.share()) * mean

    def later(self, mean: float) -> float:
        """The moment at which something comes that takes `mean` seconds on average."""
        return self.now + self.wait(mean)

    def at_work(self, rep: Rep, mean: float) -> float:
        """The moment at which this person has worked `mean` seconds on average from now."""
        hours = self._hours.get(rep.id)
        if hours is None:
            hours = AlwaysOpen() if self._always_open else Shifts(rep, day_of(self.begin - DAY))
            self._hours[rep.id] = hours
        return hours.after(self.now, self.wait(mean))
