"""What is now, told when Prometheus asks: sums of the partitions that this process has open, each once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from agents.metrics import definitions
from agents.metrics.clocks import owed_by
from agents.metrics.definitions import Metric
from agents.metrics.families import MICROSECONDS, gauge
from streams.funnel import MONEY, Counts, add
from streams.rows import NO_CHANNEL
from streams.terms import Versions
from streams.totals import OTHER, bounded

Series = Mapping[tuple[str, ...], float]

LEADS_NOW: Final = "now"
STANDINGS: Final = ("running", "at_risk", "overdue")


class State:
    """A collector of gauges."""

    def __init__(self, versions: Versions, opened: Callable[[], Sequence[Counts]]) -> None:
        """The latest version's stages, channels and clauses always have series; `opened`: sums by partition."""
        self._opened = opened
        self._readings: list[tuple[Metric, Callable[[], float | None]]] = []
        self.adopt(versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on."""
        self._terms = versions.latest
        self._effective: Series = {
            (terms.agreement.agreement, str(terms.version)): terms.effective / MICROSECONDS for terms in versions.all
        }
        self._owed_by = owed_by(versions)

    def also(self, metric: Metric, reading: Callable[[], float | None]) -> None:
        """Tell this gauge too; it is left out while its reading is None."""
        self._readings.append((metric, reading))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, as they are now."""
        opened = self._opened()
        yield gauge(definitions.PARTITIONS_OPEN, {(): len(opened)})
        counts: Counts = {}
        for part in opened:
            add(counts, bounded(part.copy(), self._terms))  # a copy is made at once: its thread changes it meanwhile
        yield gauge(definitions.AGREEMENT, self._effective)
        yield gauge(definitions.STAGE_POSITION, self._positions())
        yield gauge(definitions.CLAUSE_INFO, self._clauses())
        yield gauge(definitions.LEADS, self._leads(counts))
        yield gauge(definitions.CLOCKS, self._clocks(counts))
        yield gauge(definitions.REVENUE, {(what, by): worth / MONEY for what, by, worth in _of(counts, "revenue")})
        yield gauge(definitions.PIPELINE, _pipeline(counts))
        for metric, reading in self._readings:
            value = reading()
            if value is not None:
                yield gauge(metric, {(): value})

    def _positions(self) -> Series:
        stages = self._terms.stages
        return {
            (stage, before): place + 1.0
            for place, (before, stage) in enumerate(zip(("", *stages), stages, strict=False))
        }

    def _clauses(self) -> Series:
        return {(clause.id, clause.owed_by, clause.kind): 1.0 for clause in self._terms.agreement.clauses}

    def _leads(self, counts: Counts) -> Series:
        channels = (*sorted(self._terms.channels), NO_CHANNEL)
        leads: dict[tuple[str, ...], float] = dict.fromkeys(product(self._terms.stages, channels), 0.0)
        leads.update({(stage, channel): amount for stage, channel, amount in _of(counts, LEADS_NOW)})
        return leads

    def _clocks(self, counts: Counts) -> Series:
        """Also those of clauses that only earlier versions have, while any run."""
        clauses = [(clause.id, clause.owed_by) for clause in self._terms.clocks]
        clocks: dict[tuple[str, ...], float] = {(*one, how): 0.0 for one, how in product(clauses, STANDINGS)}
        for clause, how, amount in _of(counts, "clocks"):
            clocks[clause, self._owed_by.get(clause, OTHER), how] = amount
        return clocks


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


def oldest(nows: Iterable[int]) -> float | None:
    """The earliest now (microseconds; 0: none yet) in seconds; None where there is none, or one has none yet."""
    earliest = min(nows, default=0)
    return earliest / MICROSECONDS if earliest else None
