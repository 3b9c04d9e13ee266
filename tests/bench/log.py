"""The log that every system reads: a simulated company's events, of every type, in time order, by a seed.

It lasts less than the agreement's `lateness`, so nothing is too late whatever order a system reads topics in.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from agents.publishing import Record
from agents.simulation import simulate
from streams.topics import TOPIC_OF

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 60
LAST = START + timedelta(days=85)


def make_log(seed: int, leads: int) -> Iterator[Record]:
    """The events of so many leads, about nine each, as they are published."""
    encode = msgspec.json.Encoder().encode
    for event in simulate(seed, leads, START, DAYS, LAST):
        yield Record(TOPIC_OF[str(event["type"])], str(event["subject"]).encode(), encode(event))
