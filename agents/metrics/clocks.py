"""The clocks' metrics: verdicts as they are said for the first time, corrections beside them, and how long it took."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from agents.clock import wall
from agents.engine.batch import Work
from agents.metrics import definitions
from agents.metrics.families import MICROSECONDS, Histogram, Values, counter, histogram
from schemas.promises import ClockClause
from streams.terms import Versions
from streams.verdicts import ClockFact

VERDICTS: Final = ("met", "breached", "cancelled")
RECENT: Final = ("met", "breached", "late")
WITHDRAWN: Final = "withdrawn"
CHANGED: Final = "changed"
LATE_ANSWER_BY: Final = 2
"""The revision with which a late answer to a breach is said, where nothing else of it is corrected before."""


class ClockCounting:
    """Is told of every commit (the engine's Watcher), and tells Prometheus (a collector).

    What is said because history is folded again by other versions of the agreement does not come here.
    """

    def __init__(self, versions: Versions, recent_s: float, clock: Callable[[], int] = wall) -> None:
        """`versions`: the latest one's clauses have series from the beginning; `recent_s`: how long ago is recent."""
        self._recent_us, self._clock = round(recent_s * MICROSECONDS), clock
        self._recent: Counter[Values] = Counter()
        self._lock = Lock()
        self._buckets: dict[str, tuple[float, ...]] = {}
        self._verdicts: Counter[Values] = Counter()
        self._corrections: Counter[Values] = Counter()
        self._seconds: dict[str, Histogram] = {}
        self.adopt(versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on; what was counted stays.

        The histogram of a clause with another target begins anew: nobody knows which of its spans were within that.
        """
        with self._lock:
            before, self._buckets = self._buckets, {clause: _buckets(versions, clause) for clause in owed_by(versions)}
            for clause in versions.latest.clocks:
                self._begin((clause.id, clause.owed_by))
            for name in self._seconds:
                if before.get(name) != self._buckets.get(name):
                    self._seconds[name] = self._histogram(name)

    def _begin(self, clause: Values) -> None:
        """Have the series of a clause, which are its id and who owes it."""
        for said in VERDICTS:
            self._verdicts.setdefault((*clause, said), 0)
            for how in (WITHDRAWN, CHANGED):
                self._corrections.setdefault((*clause, said, how), 0)
        for said in RECENT:
            self._recent.setdefault((*clause, said), 0)
        self._seconds.setdefault(clause[0], self._histogram(clause[0]))

    def committed(self, _partition: int, work: Work, _seconds: float) -> None:
        """Count the verdicts that a transaction held."""
        if not work.clocks_said:
            return
        since = self._clock() - self._recent_us
        with self._lock:
            for fact, revision, holds in work.clocks_said:
                if fact.change in VERDICTS:
                    self._count(fact, revision, holds, since)

    def _count(self, fact: ClockFact, revision: int, holds: bool, since: int) -> None:
        verdict = fact.clock, fact.owed_by, fact.change
        if revision > 1:
            self._corrections[*verdict, CHANGED if holds else WITHDRAWN] += 1
        elif holds:
            self._verdicts[verdict] += 1
            if fact.change in RECENT and fact.at >= since:
                self._recent[verdict] += 1
        if holds and _is_first_answer(fact, revision):
            if fact.change == "breached" and fact.answered is not None and fact.answered >= since:
                self._recent[fact.clock, fact.owed_by, "late"] += 1
            if fact.clock not in self._seconds:
                self._seconds[fact.clock] = self._histogram(fact.clock)
            self._seconds[fact.clock].observe([round((fact.elapsed_s or 0) * MICROSECONDS)])

    def _histogram(self, clause: str) -> Histogram:
        return Histogram(self._buckets.get(clause, definitions.CLOCK_SECONDS.buckets))

    def collect(self) -> Iterator[Family]:
        """The families, as they are now."""
        with self._lock:
            families: list[Family] = [
                counter(definitions.CLOCK_VERDICTS, self._verdicts),
                counter(definitions.CLOCK_RECENT, self._recent),
                counter(definitions.CLOCK_CORRECTIONS, self._corrections),
                histogram(definitions.CLOCK_SECONDS, {(clause,): spans for clause, spans in self._seconds.items()}),
            ]
        yield from families


def owed_by(versions: Versions) -> dict[str, str]:
    """The party that owes each clause with a clock, by the last version that has it."""
    return {clause.id: clause.owed_by for terms in versions.all for clause in terms.clocks}


def _is_first_answer(fact: ClockFact, revision: int) -> bool:
    """Whether the fact is the first to say that the clock was answered: in time at once, late after the breach."""
    if fact.answered is None or fact.change == "cancelled":
        return False
    return revision == 1 or (fact.change == "breached" and revision == LATE_ANSWER_BY)


def _buckets(versions: Versions, clause: str) -> tuple[float, ...]:
    """The usual bounds, and every target that any version gives the clause."""
    targets = (
        target
        for terms in versions.all
        for written in terms.agreement.clauses
        if isinstance(written, ClockClause) and written.id == clause
        for target in _targets(written)
    )
    return tuple(sorted({*definitions.CLOCK_SECONDS.buckets, *targets}))


def _targets(clause: ClockClause) -> Iterable[float]:
    """In seconds; a target in business days has no length of its own."""
    durations = (clause.within, *(tier.within for tier in clause.tiers))
    return (duration.seconds for duration in durations if duration.unit != "bd")
