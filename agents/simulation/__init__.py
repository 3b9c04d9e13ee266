"""A believable business-to-business company in Brazil and Spanish America, as a stream of events.

Deterministic for a seed, in time order, in memory bounded by the leads alive at once. Nothing here reads
a clock or does I/O: `live` is given its clock.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count

from agents.files import Event
from agents.simulation.company import DAY, HOUR
from agents.simulation.marketing import spending, visitor
from agents.simulation.world import Process, World

__all__ = ["live", "simulate"]

EVENTS_PER_LEAD = 9.0
LIVE_DAY_S = 3.0
"""Real seconds that a day of the company lasts in `live`."""
LIVE_SLACK_S = 30.0
LIVE_OPENING = 60
"""So many visitors come ten times as fast, so that there is something to see in the first minute."""

_BY_HOUR = (3, 2, 1, 1, 1, 2, 4, 7, 11, 15, 17, 17, 14, 14, 16, 17, 16, 14, 11, 10, 10, 9, 7, 5)
_BY_WEEKDAY = (10, 11, 11, 10, 9, 4, 4)


def simulate(seed: int, leads: int, start: datetime, days: int, until: datetime | None = None) -> Iterator[Event]:
    """Events in time order of `leads` leads who first appear in the `days` days from `start` on.

    In: an aware `start`; `leads` and `days` of at least 1. Every life is told to its end (a renewal comes
    about a year after the first sale), or to `until` when it is given. Raises ValueError for a naive time
    or a number below 1.
    """
    if start.tzinfo is None or (until is not None and until.tzinfo is None):
        raise ValueError("start and until need a time zone")
    if leads < 1 or days < 1:
        raise ValueError(f"leads and days must be at least 1, not {leads} and {days}")
    begin = start.timestamp()
    world = World(seed, prefix=f"s{seed}", begin=begin, visitors_per_day=leads / days)
    world.start(_arrivals(world, leads, days), begin)
    world.start(spending(world, _month_ends(begin, days)), begin)
    return (event for _, event in world.run(math.inf if until is None else until.timestamp()))


def live(seed: int, clock: Callable[[], datetime], events_per_second: float = 20.0) -> Iterator[tuple[datetime, Event]]:
    """The same company without an end and in a hurry: when each event is due, and the event with that time.

    A day lasts `LIVE_DAY_S` seconds and nobody sleeps, so a lead lives minutes. The rate is reached once
    the first leads have grown up. `clock` gives aware times; the taker waits until an event is due and
    then asks for the next. One who comes more than `LIVE_SLACK_S` late (a machine that slept) goes on
    from the clock's now instead of catching up. Ids carry the first reading of the clock, so another run
    repeats none.
    """
    began = clock()
    hurry = _Hurry(began.timestamp())
    world = World(
        seed,
        prefix=f"live-{began.astimezone(UTC):%Y%m%dT%H%M%S}-{seed}",
        begin=began.timestamp(),
        visitors_per_day=events_per_second / EVENTS_PER_LEAD * LIVE_DAY_S,
        real=hurry,
        always_open=True,
    )
    world.start(_endless_arrivals(world), world.begin)
    world.start(spending(world, count(world.begin + 30 * DAY, 30 * DAY)), world.begin)
    for moment, event in world.run():
        yield datetime.fromtimestamp(moment, UTC), event
        behind = clock().timestamp() - hurry(world.now)
        if behind > LIVE_SLACK_S:
            hurry.skip(behind)


class _Hurry:
    """Turns the world's time, which begins at `began`, into real time that passes more slowly."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._shift = 0.0

    def __call__(self, moment: float) -> float:
        return self._began + (moment - self._began) * LIVE_DAY_S / DAY + self._shift

    def skip(self, seconds: float) -> None:
        """Let everything from here on come later."""
        self._shift += seconds


def _arrivals(world: World, leads: int, days: int) -> Process:
    """Visitors by the hour of the day and the day of the week, in the company's own time."""
    local = world.begin - 3 * HOUR
    moments = (datetime.fromtimestamp(local + hour * HOUR, UTC) for hour in range(days * 24))
    edges = list(accumulate((_BY_HOUR[m.hour] * _BY_WEEKDAY[m.weekday()] for m in moments), initial=0))
    for number in range(leads):
        place = (number + world.share()) / leads * edges[-1]
        hour = bisect_right(edges, place) - 1
        part = (place - edges[hour]) / (edges[hour + 1] - edges[hour])
        yield world.begin + (hour + part) * HOUR
        world.start(visitor(world, number), world.now)


def _endless_arrivals(world: World) -> Process:
    for number in count():
        pace = 10 if number < LIVE_OPENING else 1
        yield world.now - math.log(1 - world.share()) * DAY / world.visitors_per_day / pace
        world.start(visitor(world, number), world.now)


def _month_ends(begin: float, days: int) -> Iterator[float]:
    """The first moment of every month (UTC) that begins in the `days` after `begin`, and the end of these."""
    end = begin + days * DAY
    day = datetime.fromtimestamp(begin, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while True:
        day = (day + timedelta(days=32)).replace(day=1)
        if day.timestamp() >= end:
            break
        yield day.timestamp()
    yield end
