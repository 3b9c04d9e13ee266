"""What is now, told when Prometheus asks: sums of the partitions that this process has open, each once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from agents.metrics import definitions
from agents.metrics.definitions import Metric
from streams.funnel import MONEY, Counts, add
from streams.rows import NO_CHANNEL
from streams.terms import Terms
from streams.totals import OTHER, bounded

Series = Mapping[tuple[str, ...], float]

LEADS_NOW: Final = "now"


class State:
    """A collector of gauges."""

    def __init__(self, terms: Terms, opened: Callable[[], Sequence[Counts]]) -> None:
        """`terms`: the latest version, whose stages and channels always have series; `opened`: sums by partition."""
        self._terms = terms
        self._opened = opened
        self._readings: list[tuple[Metric, Callable[[], float | None]]] = []

    def also(self, metric: Metric, reading: Callable[[], float | None]) -> None:
        """Tell this gauge too; it is left out while its reading is None."""
        self._readings.append((metric, reading))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, as they are now."""
        opened = self._opened()
        yield _gauge(definitions.PARTITIONS_OPEN, {(): len(opened)})
        counts: Counts = {}
        for part in opened:
            add(counts, bounded(part.copy(), self._terms))  # a copy is made at once: its thread changes it meanwhile
        yield _gauge(definitions.LEADS, self._leads(counts))
        yield _gauge(definitions.REVENUE, {(what, by): worth / MONEY for what, by, worth in _of(counts, "revenue")})
        yield _gauge(definitions.PIPELINE, _pipeline(counts))
        for metric, reading in self._readings:
            value = reading()
            if value is not None:
                yield _gauge(metric, {(): value})

    def _leads(self, counts: Counts) -> Series:
        channels = (*sorted(self._terms.channels), NO_CHANNEL)
        leads: dict[tuple[str, ...], float] = dict.fromkeys(product(self._terms.stages, channels), 0.0)
        leads.update({(stage, channel): amount for stage, channel, amount in _of(counts, LEADS_NOW)})
        return leads


def _pipeline(counts: Counts) -> Series:
    """By the stage of the deal, which is whatever a CRM calls it: so a bounded number of them."""
    named = set(islice(sorted({stage for _, stage, _ in _of(counts, "pipeline")}), definitions.DEAL_STAGES_KEPT))
    amounts: dict[tuple[str, ...], float] = {}
    for currency, stage, worth in _of(counts, "pipeline"):
        key = currency, stage if stage in named else OTHER
        amounts[key] = amounts.get(key, 0.0) + worth / MONEY
    return amounts


def _of(counts: Counts, wanted: str) -> list[tuple[str, str, int]]:
    return [(what, by, amount) for (measure, what, by), amount in counts.items() if measure == wanted]


def _gauge(metric: Metric, series: Series) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in sorted(series.items()):
        family.add_metric(labels, value)
    return family
