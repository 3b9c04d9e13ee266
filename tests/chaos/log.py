"""A seeded log of every type of event, in the disorder in which it is published."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from agents.simulation import simulate
from schemas.compact import Event
from schemas.decode import decode
from streams.topics import TOPIC_OF

DAY_S = 86_400
START = datetime(2026, 1, 5, tzinfo=UTC)
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """One record to publish."""

    topic: str
    key: str
    value: bytes


def make_log(seed: int, leads: int, disorder_days: float = 30.0, duplicates: float = 0.1) -> list[Line]:
    """The company's events, each moved by up to `disorder_days` in the order of publishing, a share of them twice."""
    rnd = random.Random(seed)
    lines: list[tuple[float, Line]] = []
    for event in simulate(seed, leads, START, 200, UNTIL):
        line = _line(event)
        due = datetime.fromisoformat(event["time"]).timestamp()
        times = 2 if rnd.random() < duplicates else 1
        lines += [(due + rnd.uniform(0, disorder_days * DAY_S), line) for _ in range(times)]
    lines.sort(key=lambda pair: pair[0])
    return [line for _, line in lines]


def _line(event: Any) -> Line:
    return Line(TOPIC_OF[event["type"]], event["subject"], msgspec.json.encode(event))


def by_lead(log: list[Line]) -> dict[str, list[Event]]:
    """The log's events, by subject, in the order of publishing."""
    events: dict[str, list[Event]] = {}
    for line in log:
        subject, event, _ = decode(line.value)
        events.setdefault(subject, []).append(event)
    return events
