"""What this process has committed since it started: counters and histograms, counted batch by batch.

It runs in the partitions' threads, between two transactions: so it costs little, and a lock keeps them apart.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from threading import Lock
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from agents.engine.batch import Outgoing, Work
from agents.metrics import definitions
from agents.metrics.definitions import Metric
from agents.metrics.families import MICROSECONDS, Histogram, Values, counter, histogram
from schemas.compact import TYPES
from streams import topics
from streams.funnel import Counts
from streams.rows import NO_CHANNEL, NO_STAGE, Said
from streams.terms import Terms
from streams.totals import OTHER, bounded

LONGEST_FIELD: Final = 64
COUNTERS: Final = (
    definitions.STAGE_ENTRIES,
    definitions.EVENTS,
    definitions.QUARANTINED,
    definitions.UNKNOWN_FIELDS,
)

FROM_NOTHING: Final = (
    *product(TYPES.values(), ("folded", "duplicate", "conflict", "too_late", "condensed", "quarantined")),
    *product(("unknown",), ("quarantined", "routed")),
)
"""Types and outcomes that have series from the beginning: `increase` does not see a first value that is not 0."""


class Counting:
    """Is told of every commit (the engine's Watcher), and tells Prometheus (a collector)."""

    def __init__(self, terms: Terms) -> None:
        """`terms`: the latest version, whose stages and channels have series from the beginning."""
        self._lock = Lock()
        self._fields: set[str] = set()
        self._counters: dict[Metric, Counter[Values]] = {metric: Counter() for metric in COUNTERS}
        self._counters[definitions.EVENTS].update(dict.fromkeys(FROM_NOTHING, 0))
        self._delay = Histogram(definitions.EVENT_DELAY.buckets)
        self._in_stage: dict[str, Histogram] = {}
        self._last_commit: float | None = None
        self.adopt(terms)

    def adopt(self, terms: Terms) -> None:
        """Go by another latest version from now on; what was counted stays."""
        with self._lock:
            self._terms = terms
            for stage in terms.stages:
                self._in_stage.setdefault(stage, Histogram(definitions.STAGE_SECONDS.buckets))
                for channel in (*sorted(terms.channels), NO_CHANNEL):
                    self._counters[definitions.STAGE_ENTRIES].setdefault((stage, channel), 0)

    def committed(self, _partition: int, work: Work, _seconds: float) -> None:
        """Count what a transaction held."""
        now = time.time()
        delays = sorted(int(now * MICROSECONDS) - at for at in work.times)
        entries = self._entries(work)
        stays = _stays(work.said) if work.outcomes else {}
        reasons = _reasons(work.outgoing) if len(work.outgoing) > len(work.said) else Counter()
        with self._lock:
            self._last_commit = now
            self._delay.observe(delays)
            for stage, spans in stays.items():
                self._in_stage.setdefault(stage, Histogram(definitions.STAGE_SECONDS.buckets)).observe(spans)
            self._counters[definitions.EVENTS].update(work.outcomes)
            self._counters[definitions.STAGE_ENTRIES].update(entries)
            self._counters[definitions.QUARANTINED].update(reasons)
            for (kind, field), times in work.unknown.items():
                self._counters[definitions.UNKNOWN_FIELDS][kind, self._kept_field(field)] += times

    def _entries(self, work: Work) -> dict[Values, int]:
        counts: Counts = {("entries", stage, channel): times for (stage, channel), times in work.entries.items()}
        return {(stage, channel): times for (_, stage, channel), times in bounded(counts, self._terms).items()}

    def _kept_field(self, field: str) -> str:
        """The field's own name, while there is room for it: what a publisher calls its fields is not bounded."""
        if field in self._fields:
            return field
        if len(field) > LONGEST_FIELD or len(self._fields) >= definitions.UNKNOWN_FIELDS_KEPT:
            return OTHER
        self._fields.add(field)
        return field

    def collect(self) -> Iterator[Family]:
        """The families, as they are now."""
        with self._lock:
            families: list[Family] = [counter(metric, values) for metric, values in self._counters.items()]
            families.append(histogram(definitions.EVENT_DELAY, {(): self._delay}))
            families.append(
                histogram(definitions.STAGE_SECONDS, {(stage,): stays for stage, stays in self._in_stage.items()})
            )
        yield from families

    @property
    def last_commit(self) -> float | None:
        """When anything was last committed, in seconds since 1970; None before."""
        return self._last_commit


def _stays(said: Iterable[Said]) -> dict[str, list[int]]:
    """How long leads had been in the stages that they left, by stage, where that is said for the first time."""
    stays: dict[str, list[int]] = {}
    for fact, revision, _ in said:
        if fact.name == "left" and revision == 1 and fact.since is not None and fact.stage != NO_STAGE:
            stays.setdefault(fact.stage, []).append(fact.at - fact.since)
    return stays


def _reasons(outgoing: Iterable[Outgoing]) -> Counter[Values]:
    """How many records go to the quarantine, by the header that says why."""
    return Counter(
        (reason.decode(),)
        for record in outgoing
        if record.topic == topics.QUARANTINE and isinstance(reason := dict(record.headers).get("baton_reason"), bytes)
    )
