"""How the promises and goals stand in the period that runs, from the sums that all partitions say on `baton.totals`.

Read in a thread of its own, with or without a Redis, while this worker has partition 0 open: so one worker tells it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import confluent_kafka as ck
from prometheus_client.core import GaugeMetricFamily

from agents.clock import wall
from agents.metrics import definitions
from agents.metrics.families import Values, gauge
from agents.offsets import Brokers
from agents.projection.model import Source
from agents.projection.reading import OutOfRange, Reader
from agents.settings import Settings
from agents.sums import take_totals
from schemas.promises import Goal, MoneyGoal
from streams import topics
from streams.funnel import MONEY
from streams.judging import Score, pace, reached_by, scores
from streams.terms import Versions
from streams.totals import TotalsRow, all_promised

log = logging.getLogger("baton.promises")

WAIT_S: Final = 0.25
RETRY_S: Final = 2.0
SOURCE: Final = Source(topics.TOTALS, 0)


class Sums:
    """The last row of each partition, kept up to date while it is wanted."""

    def __init__(self, settings: Settings, wanted: Callable[[], bool]) -> None:
        """Connect when it runs."""
        self._settings = settings
        self._wanted = wanted
        self._rows: dict[int, TotalsRow] | None = None

    def rows(self) -> list[TotalsRow] | None:
        """The rows; None while they are not wanted, or not all are read yet."""
        rows = self._rows
        return list(rows.values()) if rows is not None and self._wanted() else None

    def start(self) -> None:
        """Read on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="totals", daemon=True).start()

    def _run(self) -> None:
        reader, brokers = Reader(self._settings), Brokers(self._settings)
        while True:
            try:
                self._follow(reader, brokers)
            except OutOfRange:
                self._rows = None  # the topic was made anew
            except ck.KafkaException as error:
                log.info("the sums of all partitions cannot be read now: %s", error)
            except Exception:
                log.exception("reading the sums of all partitions failed; beginning again")
            time.sleep(RETRY_S)

    def _follow(self, reader: Reader, brokers: Brokers) -> None:
        """Read from the beginning for as long as it is wanted; until all is read, what was known before is told."""
        if self._wanted():
            rows: dict[int, TotalsRow] = {}
            reader.assign({SOURCE: None})
            end = brokers.ends([SOURCE])[SOURCE]
            while self._wanted():
                for record in reader.read(WAIT_S).get(SOURCE, ()):
                    take_totals(record.value, rows)
                if reader.reached[SOURCE] >= end:
                    self._rows = rows.copy()
            reader.assign({})
        self._rows = None


class Promises:
    """A collector of the gauges; without rows it tells nothing."""

    def __init__(
        self, versions: Versions, rows: Callable[[], list[TotalsRow] | None], now: Callable[[], int] = wall
    ) -> None:
        """`now`: by which a period runs, in microseconds."""
        self._versions = versions
        self._rows = rows
        self._now = now

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on."""
        self._versions = versions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, as they are now."""
        rows = self._rows()
        now = self._now()
        found = [] if rows is None else self._running(rows, now)
        clauses, goals = _told_apart(found)
        yield gauge(definitions.PROMISE_RATIO, _ratios(clauses))
        yield gauge(definitions.PROMISE_LEADS, _leads(found))
        yield gauge(definitions.GOAL_RATIO, _ratios(goals))
        yield gauge(definitions.PROMISE_PACE, _paces(clauses, now))
        yield gauge(definitions.GOAL_PACE, _paces(goals, now))
        yield gauge(definitions.PROMISE_EXPECTED, _expected(clauses, now))
        yield gauge(definitions.GOAL_EXPECTED, _expected(goals, now))

    def _running(self, rows: Iterable[TotalsRow], now: int) -> list[Score]:
        return [score for score in scores(all_promised(rows), self._versions, now) if score.period.end > now]


def _told_apart(found: Iterable[Score]) -> tuple[list[Score], list[Score]]:
    """Clauses and goals; of an id that two versions have, for periods of another length, the last begun comes last."""
    clauses: list[Score] = []
    goals: list[Score] = []
    for score in sorted(found, key=lambda score: score.period.begin):
        (goals if isinstance(score.promise, Goal) else clauses).append(score)
    return clauses, goals


def _paces(found: Iterable[Score], now: int) -> dict[Values, float]:
    """By id: what is reached over where it should be by now, where that is anywhere yet."""
    paces: dict[Values, float] = {}
    for score in found:
        expected, reached = pace(score, now), reached_by(score)
        if expected and reached is not None:
            paces[score.promise.id,] = float(reached / expected)
    return paces


def _expected(found: Iterable[Score], now: int) -> dict[Values, float]:
    """By id: where it should be by now over what is promised."""
    expected: dict[Values, float] = {}
    for score in found:
        by_now, target = pace(score, now), _target(score)
        if by_now is not None and target:
            expected[score.promise.id,] = float(by_now) / target
    return expected


def _leads(found: Iterable[Score]) -> dict[Values, float]:
    """Of how many leads each share is, by id; of two periods the one that began last."""
    ordered = sorted(found, key=lambda score: score.period.begin)
    return {(score.promise.id,): float(score.denominator) for score in ordered if score.denominator is not None}


def _ratios(found: Iterable[Score]) -> dict[Values, float]:
    """By id."""
    ratios = {(score.promise.id,): ratio(score) for score in found}
    return {labels: value for labels, value in ratios.items() if value is not None}


def ratio(score: Score) -> float | None:
    """What is reached over what is promised; None for a share of no leads at all. A promise of nothing is kept."""
    promise, reached = score.promise, float(score.numerator)
    if score.denominator is not None:
        if score.denominator == 0:
            return None
        reached /= score.denominator
    elif isinstance(promise, MoneyGoal):
        reached /= MONEY
    target = _target(score)
    return reached / target if target else 1.0


def _target(score: Score) -> float:
    promise = score.promise
    return float(promise.target) if isinstance(promise, Goal) else float(promise.at_least)
