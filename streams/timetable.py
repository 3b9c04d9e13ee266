"""Which version of the agreement judges a period: the one in force at its start; the first one, before any (§5.11)."""

from bisect import bisect_right
from datetime import date
from typing import Final, NamedTuple

from streams.periods import Per, Period, following, period, period_at
from streams.terms import Terms, Versions

_CHUNK: Final = 2**45
"""Microseconds for which answers are laid out at once: about 400 days."""


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
        self._chunks: dict[tuple[Per, int], tuple[list[int], list[list[Judged]]]] = {}

    def terms(self, judged: Judged) -> Terms:
        """The version that judges."""
        return self._terms[judged.place]

    def at(self, per: Per, instant: int) -> list[Judged]:
        """The periods that an instant is in: one, but for the hours by which a change of zone shifts a midnight."""
        chunk = instant // _CHUNK
        known = self._chunks.get((per, chunk))
        if known is None:
            known = self._chunks[per, chunk] = self._laid_out(per, chunk * _CHUNK, (chunk + 1) * _CHUNK)
        begins, answers = known
        return answers[bisect_right(begins, instant) - 1]

    def closing(self, per: Per, instant: int) -> Judged:
        """The first period that ends after an instant: the one that it is in, where it is in any."""
        found = self.at(per, instant) or [one for one in self._near(per, instant) if instant < one.period.end]
        return found[0]

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

    def _laid_out(self, per: Per, begin: int, end: int) -> tuple[list[int], list[list[Judged]]]:
        """The answers of `at` from one instant to another, and where each begins to hold."""
        periods = [self._near(per, begin)[0]]
        while periods[-1].period.begin < end:
            periods.append(self.judged(per, following(per, periods[-1].period.first)))
        edges = {edge for one in periods for edge in (one.period.begin, one.period.end)}
        begins = [begin, *sorted(edge for edge in edges if begin < edge < end)]
        answers = [[one for one in periods if one.period.begin <= edge < one.period.end] for edge in begins]
        return begins, answers

    def _near(self, per: Per, instant: int) -> list[Judged]:
        """The periods of each zone's reading, in order."""
        days = {period_at(per, instant, zone).first for zone in self._zones}
        return [self.judged(per, day) for day in sorted(days)]
