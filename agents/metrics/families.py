"""Series as Prometheus wants them: histograms of spans of time, and families made by the metrics' definitions."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from agents.metrics.definitions import Metric

MICROSECONDS: Final = 1_000_000

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


def counter(metric: Metric, values: Counter[Values]) -> CounterMetricFamily:
    """A counter's family, its series in the order of their labels."""
    family = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, times in sorted(values.items()):
        family.add_metric(labels, times)
    return family


def histogram(metric: Metric, series: dict[Values, Histogram]) -> HistogramMetricFamily:
    """A histogram's family, its series in the order of their labels."""
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, one in sorted(series.items()):
        buckets, total = one.told()
        family.add_metric(labels, buckets, total)
    return family


def gauge(metric: Metric, series: Mapping[Values, float]) -> GaugeMetricFamily:
    """A gauge's family, its series in the order of their labels."""
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in sorted(series.items()):
        family.add_metric(labels, value)
    return family
