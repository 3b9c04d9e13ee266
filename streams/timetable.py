"""Which version of the agreement judges a period: the one in force at its start; the first one, before any (§5.11)."""

from bisect import bisect_right
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from streams.periods import Per, Period, following, period, period_at
from streams.terms import Versions
from streams.zones import YEARS, year_start

_CHUNK: Final = 2**45
"""Microseconds for which answers are laid out at once: about 400 days."""
_Labels: TypeAlias = tuple[list[int], list[tuple[str, ...]]]


class Judged(NamedTuple):
    """A period, and the place among the versions of the one that judges it."""

    period: Period
    place: int


class Timetable:
    """The periods of an agreement's versions.

    A period begins in the zone of its version. Where versions differ in their zone, that is the last version which
    was in force when the period so called began in its own zone: each label has one judge, and so one row.
    """

    def __init__(self, versions: Versions) -> None:
        self._terms = versions.all
        self._zones = tuple(dict.fromkeys(terms.agreement.timezone for terms in versions.all))
        self._judged: dict[tuple[Per, date], Judged] = {}
        self._all = frozenset(range(len(versions.all)))
        self._chunks: dict[tuple[Per, frozenset[int], int], _Labels] = {}

    def labels(self, per: Per, instant: int, places: frozenset[int]) -> tuple[str, ...]:
        """The periods that an instant is in, as far as these versions judge them, by their labels.

        That is one at most, but for the hours by which a change of zone shifts a midnight.
        """
        chunk = instant // _CHUNK
        known = self._chunks.get((per, places, chunk))
        if known is None:
            known = self._chunks[per, places, chunk] = self._laid_out(per, places, chunk * _CHUNK)
        begins, labels = known
        return labels[bisect_right(begins, instant) - 1]

    def closing(self, per: Per, instant: int) -> str:
        """The label of the first period that ends after an instant: of the one that it is in, where it is in any."""
        labels = self.labels(per, instant, self._all)
        if labels:
            return labels[0]
        return next(one.period.label for one in self._near(per, instant) if instant < one.period.end)

    def judged(self, per: Per, first: date) -> Judged:
        """The period that has this first day, and its judge."""
        known = self._judged.get((per, first))
        if known is None:
            known = self._judged[per, first] = self._judge(per, first)
        return known

    def _judge(self, per: Per, first: date) -> Judged:
        periods = [period(per, first, terms.agreement.timezone) for terms in self._terms]
        in_force = [place for place, terms in enumerate(self._terms) if terms.effective <= periods[place].begin]
        place = in_force[-1] if in_force else 0
        return Judged(periods[place], place)

    def _laid_out(self, per: Per, places: frozenset[int], begin: int) -> _Labels:
        """What `labels` answers in the chunk that begins there, and where each answer begins to hold."""
        end, periods = begin + _CHUNK, [self._near(per, max(begin, year_start(YEARS.start)))[0]]
        while periods[-1].period.begin < end:
            periods.append(self.judged(per, following(per, periods[-1].period.first)))
        spans = [(one.period.begin, one.period.end, one.period.label) for one in periods if one.place in places]
        edges = {edge for start, stop, _ in spans for edge in (start, stop)}
        begins = [begin, *sorted(edge for edge in edges if begin < edge < end)]
        return begins, [tuple(label for start, stop, label in spans if start <= edge < stop) for edge in begins]

    def _near(self, per: Per, instant: int) -> list[Judged]:
        """The periods of each zone's reading, in order."""
        days = {period_at(per, instant, zone).first for zone in self._zones}
        return [self.judged(per, day) for day in sorted(days)]
