"""What this process has committed since it started: counters and histograms, counted batch by batch.

It runs in the partitions' threads, between two transactions: so it costs little, and a lock keeps them apart.
"""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from threading import Lock
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from agents.engine.batch import Outgoing, Work
from agents.metrics import definitions
from agents.metrics.definitions import Metric
from streams import topics
from streams.funnel import Counts
from streams.rows import NO_CHANNEL, NO_STAGE, Said
from streams.terms import Terms
from streams.totals import OTHER, bounded

MICROSECONDS: Final = 1_000_000
LONGEST_FIELD: Final = 64

Values: TypeAlias = tuple[str, ...]
"""A series' label values, in the order of its metric's labels."""


class Histogram:
    """One series of a histogram over spans of time."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: the upper ends of the buckets, included, in seconds."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0

    def observe(self, spans: Iterable[int]) -> None:
        """Count spans, in microseconds, many at once; a negative one is 0."""
        ordered = sorted(spans)
        ends = [bisect_right(ordered, bound * MICROSECONDS) for bound in self._bounds]
        for index, (begin, end) in enumerate(zip([0, *ends], [*ends, len(ordered)], strict=True)):
            self._counts[index] += end - begin
        self._sum += sum(ordered[bisect_right(ordered, 0) :])

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """The buckets, each with all below it, and the sum in seconds, as Prometheus wants them."""
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True)), self._sum / MICROSECONDS


class Counting:
    """Is told of every commit (the engine's Watcher), and tells Prometheus (a collector)."""

    def __init__(self, terms: Terms) -> None:
        """`terms`: the latest version, whose stages and channels have series from the beginning."""
        self._terms = terms
        self._lock = Lock()
        self._fields: set[str] = set()
        self._counters: dict[Metric, Counter[Values]] = {
            metric: Counter() for metric in definitions.ALL if metric.kind == "counter"
        }
        self._delay = Histogram(definitions.EVENT_DELAY.buckets)
        self._in_stage = {stage: Histogram(definitions.STAGE_SECONDS.buckets) for stage in terms.stages}
        self._last_commit: float | None = None
        for stage in terms.stages:
            for channel in (*sorted(terms.channels), NO_CHANNEL):
                self._counters[definitions.STAGE_ENTRIES][stage, channel] = 0

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
            families: list[Family] = [_counter(metric, values) for metric, values in self._counters.items()]
            families.append(_histogram(definitions.EVENT_DELAY, {(): self._delay}))
            families.append(
                _histogram(
                    definitions.STAGE_SECONDS, {(stage,): histogram for stage, histogram in self._in_stage.items()}
                )
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


def _counter(metric: Metric, values: Counter[Values]) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, times in sorted(values.items()):
        family.add_metric(labels, times)
    return family


def _histogram(metric: Metric, series: dict[Values, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, histogram in sorted(series.items()):
        buckets, total = histogram.told()
        family.add_metric(labels, buckets, total)
    return family
