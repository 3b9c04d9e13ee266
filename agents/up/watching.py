"""What is known of a running Baton from the records that were read: sums, movements, verdicts, rates, lag, delays."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from agents.clock import wall
from agents.engine.ownership import POSITIONS
from agents.up.feed import Record
from agents.view import VERDICTS, Movement, Pace, Snapshot
from schemas.compact import micros
from streams import topics
from streams.percentiles import percentile
from streams.terms import Terms
from streams.totals import TotalsRow, read_totals, whole

RATE_S: Final = 10
"""Rates are means over so many whole seconds."""
PULSE_S: Final = 16
DELAYS_S: Final = 60.0
MOVEMENTS: Final = 40

Place: TypeAlias = tuple[str, int]
"""A topic and a partition."""


class _StageData(msgspec.Struct):
    revision: int
    holds: bool
    change: str
    stage: str
    at: datetime
    other: str | None = None
    exit: str | None = None
    reason: str | None = None


class _StageEvent(msgspec.Struct):
    subject: str
    data: _StageData


class _Fact(msgspec.Struct):
    number: int


class _ClockData(msgspec.Struct):
    fact: _Fact
    holds: bool
    change: str
    clause: str


class _ClockEvent(msgspec.Struct):
    subject: str
    data: _ClockData


_stage_event = msgspec.json.Decoder(_StageEvent).decode
_clock_event = msgspec.json.Decoder(_ClockEvent).decode
_positions = msgspec.json.Decoder(dict[str, int]).decode


class Rate:
    """Events by whole second."""

    def __init__(self, began: float) -> None:
        self._began = int(began)
        self._counts: Counter[int] = Counter()
        self.total = 0

    def add(self, now: float, events: int) -> None:
        """Count some, now."""
        self.total += events
        self._counts[int(now)] += events
        for second in [second for second in self._counts if second < now - max(RATE_S, PULSE_S) - 1]:
            del self._counts[second]

    def each(self, now: float, seconds: int) -> tuple[int, ...]:
        """The count of each of the last whole seconds, the oldest first, of those since the beginning."""
        return tuple(self._counts[second] for second in range(max(self._began, int(now) - seconds), int(now)))

    def mean(self, now: float) -> float:
        """Events a second."""
        counts = self.each(now, RATE_S)
        return sum(counts) / len(counts) if counts else 0.0


class Watched:
    """What the records say. `monotonic` gives seconds, `wall` microseconds since 1970."""

    def __init__(
        self,
        terms: Terms,
        partitions: int,
        began_at: Mapping[Place, int],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall,
    ) -> None:
        """`began_at`: the offsets from which the records are."""
        self._terms = terms
        self._partitions = partitions
        self._monotonic, self._wall = monotonic, wall
        self._began_at = {place: offset for place, offset in began_at.items() if place[0] in topics.INPUTS}
        self._ends = dict(self._began_at)
        self._positions: dict[int, dict[str, int]] = {}
        self._rows: dict[int, TotalsRow] = {}
        self._delays: deque[tuple[float, int]] = deque()
        self._movements: deque[Movement] = deque(maxlen=MOVEMENTS)
        self._verdicts: defaultdict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        """The leads and cycles of those that hold, by clause and verdict."""
        self.committed_at: float | None = None
        """When the last commit was seen."""
        self.begin()

    def begin(self) -> None:
        """Count time and events from now on."""
        self._began = self._monotonic()
        self._incoming, self._committed = Rate(self._began), Rate(self._began)

    def take(self, records: Iterable[Record]) -> None:
        """Take records in, in their order."""
        now = self._monotonic()
        moved: list[Movement] = []
        for record in records:
            topic = record.topic
            if topic == topics.CHANGELOG:
                if record.key == POSITIONS:
                    self._commit(now, record.partition, _positions(record.value))
            elif topic == topics.STAGES:
                moved += self._move(now, _stage_event(record.value))
            elif topic == topics.CLOCKS:
                self._judge(_clock_event(record.value))
            elif topic == topics.TOTALS:
                row = read_totals(record.value)
                self._rows[row.partition] = row
            else:
                self._come(now, record)
        self._movements.extendleft(sorted(moved, key=lambda movement: movement.at))

    def _come(self, now: float, record: Record) -> None:
        self._ends[record.topic, record.partition] = record.offset + 1
        if record.topic != topics.ROUTED:  # it came on another topic first
            self._incoming.add(now, 1)

    def _commit(self, now: float, partition: int, positions: dict[str, int]) -> None:
        """A transaction of the partition's: its positions say how far."""
        before = self._positions.get(partition, {})
        for topic, position in positions.items():
            if topic != topics.ROUTED:
                begin = before.get(topic, self._began_at.get((topic, partition), 0))
                self._committed.add(now, max(0, position - begin))
        self._positions[partition] = positions
        self.committed_at = now

    def _move(self, now: float, event: _StageEvent) -> list[Movement]:
        """A movement, to be shown: not leaving for another stage, which entering that tells, nor an arrival."""
        said = event.data
        movement = Movement(
            said.at, event.subject, said.change, said.stage, said.other, said.exit, said.reason, said.holds
        )
        if said.holds and said.revision == 1:
            self._delays.append((now, max(0, self._wall() - micros(said.at))))
        arrived = movement.other is None and movement.stage == self._terms.stages[0]
        shown = not arrived if movement.change == "entered" else movement.exit is not None
        return [movement] if shown else []

    def _judge(self, event: _ClockEvent) -> None:
        said = event.data
        if said.change in VERDICTS:
            of = self._verdicts[said.clause, said.change]
            (of.add if said.holds else of.discard)((event.subject, said.fact.number))

    def snapshot(self) -> Snapshot:
        """What is known now."""
        now = self._monotonic()
        agreement = self._terms.agreement
        return Snapshot(
            f"{agreement.agreement}, version {agreement.version}",
            self._terms.stages,
            self._partitions,
            whole(self._rows.values()) | {("verdicts", *verdict): len(of) for verdict, of in self._verdicts.items()},
            self._pace(now),
            tuple(self._movements),
            now - self._began,
            tuple(clause.id for clause in self._terms.clocks),
        )

    def _pace(self, now: float) -> Pace:
        while self._delays and self._delays[0][0] < now - DELAYS_S:
            self._delays.popleft()
        delays = sorted(delay for _, delay in self._delays)
        return Pace(
            self._incoming.mean(now),
            self._committed.mean(now),
            self._committed.total,
            self._committed.each(now, PULSE_S),
            self._lag(),
            _in_seconds(percentile(delays, 50)),
            _in_seconds(percentile(delays, 99)),
            None if self.committed_at is None else now - self.committed_at,
        )

    def _lag(self) -> int | None:
        """Events that are published and not committed; None until every partition has said where it is."""
        if len(self._positions) < self._partitions:
            return None
        return sum(
            max(0, end - self._positions[partition].get(topic, 0)) for (topic, partition), end in self._ends.items()
        )


def _in_seconds(delay: int | None) -> float | None:
    return None if delay is None else delay / 1_000_000
