"""What was fetched of a partition's inputs and is not folded yet, given out side by side by the events' time.

Topics are fetched at different paces: while a worker catches up, one may be months ahead of another. Folded as they
come, an answer would often be read before its question, and what was said would be corrected later, at a cost. So a
record waits for the topics that are behind it, as long as they have more to give. What it waits by is the time of its
event, as in Kafka Streams: the broker's time is that of a publisher's batch, and of a backfill it is today.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate, chain
from typing import Final

from agents.engine.records import Record, weight
from agents.engine.transport import Batch

MOST: Final = 22 * 1024 * 1024
"""So much of one topic (bytes, by `weight`) may wait before its fetching is paused: 20,000 events of 440 bytes."""
PATIENT_S: Final = 10.0
"""How long records wait for a topic that is behind and of which nothing comes: its broker may be away."""


class Intake:
    """The records of each topic that wait, and where each topic's fetching has to continue.

    `following`: the next offset of each topic, behind all that was fetched of it.
    """

    def __init__(self, positions: Mapping[str, int]) -> None:
        self.following = dict(positions)
        self._waiting: dict[str, list[Record]] = {topic: [] for topic in positions}
        self._times: dict[str, list[int]] = {topic: [] for topic in positions}
        self._weights = dict.fromkeys(positions, 0)
        self._latest = dict.fromkeys(positions, 0)
        self._missed_since: dict[str, float] = {}

    def accept(self, topic: str, batch: Batch) -> bool:
        """Take in a batch; False if it leaves a gap, and the topic must be fetched again from `following`."""
        at = self.following[topic]
        if batch.prev is None or batch.prev > at:
            return False
        new = batch if batch and batch[0].offset >= at else [record for record in batch if record.offset >= at]
        if new:
            times = list(accumulate(chain((self._latest[topic],), (record.time for record in new)), max))
            self._latest[topic] = times[-1]
            self._times[topic] += times[1:]
            self._waiting[topic] += new
            self._weights[topic] += batch.weight if new is batch else weight(new)
        self.following[topic] = max(at, batch.next)
        self._missed_since.pop(topic, None)
        return True

    def is_full(self, topic: str) -> bool:
        """Whether enough of the topic waits."""
        return self._weights[topic] >= MOST

    def __len__(self) -> int:
        """How many records wait."""
        return sum(map(len, self._waiting.values()))

    def give(self, ends: Mapping[str, int] | None, clock_s: float) -> tuple[list[Record], dict[str, int]]:
        """The records that need not wait, by their time, and each topic's position behind them.

        `ends`: where topics end, once that is known: one that is there has nothing older to give. `clock_s`: monotonic
        seconds.
        """
        until = self._horizon(ends, clock_s)
        given: list[tuple[list[int], list[Record]]] = []
        positions: dict[str, int] = {}
        for topic, waiting in self._waiting.items():
            times = self._times[topic]
            count = len(waiting) if until is None else bisect_right(times, until)
            if count:
                given.append((times[:count], waiting[:count]))
                del times[:count], waiting[:count]
                self._weights[topic] -= weight(given[-1][1]) if waiting else self._weights[topic]
            positions[topic] = waiting[0].offset if waiting else self.following[topic]
        return _by_time(given), positions

    def _horizon(self, ends: Mapping[str, int] | None, clock_s: float) -> int | None:
        """The time up to which nothing older can come; None where nothing has to be waited for."""
        behind = [topic for topic, at in self.following.items() if ends is None or at < ends.get(topic, 0)]
        return min((self._latest[topic] for topic in behind if self._is_coming(topic, clock_s)), default=None)

    def _is_coming(self, topic: str, clock_s: float) -> bool:
        """Whether more of a topic that is behind may be waited for; a full one is not fetched, and comes after that."""
        if self.is_full(topic):
            self._missed_since.pop(topic, None)
            return True
        return clock_s - self._missed_since.setdefault(topic, clock_s) < PATIENT_S


def _by_time(given: Iterable[tuple[list[int], list[Record]]]) -> list[Record]:
    """Records of several topics in one order, each topic's own order kept."""
    parts = list(given)
    if len(parts) < 2:
        return parts[0][1] if parts else []
    times = list(chain.from_iterable(times for times, _ in parts))
    records = list(chain.from_iterable(records for _, records in parts))
    return [records[place] for place in sorted(range(len(records)), key=times.__getitem__)]
