"""What is said of promises as facts (§8.9): how each one stands in each period, with a revision for every change.

What holds is a pure function of the sums, the versions and the time (`standings`); `news` is what must be said so that
what was said becomes that. So the same events end in the same facts, whatever was said on the way.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec

from schemas.compact import time_text
from schemas.derived import PromiseKind, PromiseRef, PromiseStatement, Standing
from streams.funnel import Counts
from streams.judging import SECOND_US, Score, final_at, pace, reached_by, row, scores
from streams.terms import Versions

__all__ = ["HOUR_US", "Said", "hour_of", "news", "standings"]

HOUR_US: Final = 3_600 * SECOND_US
Said = Mapping[PromiseRef, PromiseStatement]
"""The last statement of each promise and period."""


def hour_of(now: int) -> int:
    """The last full hour (microseconds): where a promise should be by now moves on only then."""
    return now - now % HOUR_US


def standings(sums: Counts, versions: Versions, now: int) -> list[PromiseStatement]:
    """How every promise stands in every period until now (microseconds), as if nothing had been said before."""
    return [told for score in scores(sums, versions, now) if (told := _standing(score, now)) is not None]


def news(said: Said, found: Iterable[PromiseStatement], is_hour: bool) -> Iterator[PromiseStatement]:
    """What must be said so that what was said becomes what was found.

    A verdict, and its becoming final, at once. A pace, and the figures of a period that is over, only on the hour
    (`is_hour`): else both would be said anew with every other event.
    """
    kept: set[PromiseRef] = set()
    for one in found:
        kept.add(one.fact)
        before = said.get(one.fact)
        if before is None:
            yield one
        elif not _says_the_same(before, one) and (is_hour or _is_verdict(before, one)):
            yield msgspec.structs.replace(one, revision=before.revision + 1)
    for fact, before in said.items():
        if before.holds and fact not in kept:
            yield msgspec.structs.replace(before, revision=before.revision + 1, holds=False)


def _standing(score: Score, now: int) -> PromiseStatement | None:
    told = row(score, now)
    is_over = told.kept is not None
    standing: Standing | None = _pace(score, now) if not is_over else "kept" if told.kept else "missed"
    if standing is None:
        return None
    return PromiseStatement(
        fact=PromiseRef(told.id, told.period),
        revision=1,
        holds=True,
        kind=cast("PromiseKind", told.kind),
        standing=standing,
        provisional=told.provisional,
        begin=told.begin,
        end=told.end,
        at=_since(score, now, told.provisional),
        target=str(told.target),
        agreement_version=score.terms.version,
        owed_by=told.owed_by,
        numerator=str(told.numerator) if is_over else None,
        denominator=told.denominator if is_over else None,
    )


def _pace(score: Score, now: int) -> Standing | None:
    """On or off pace, while the period runs; None where there is nothing to judge, or no open time to judge it by."""
    if score.period.end <= now:
        return None
    expected, reached = pace(score, max(score.period.begin, hour_of(now))), reached_by(score)
    if expected is None or reached is None:
        return None
    return "on_pace" if reached >= expected else "off_pace"


def _since(score: Score, now: int, provisional: bool) -> str:
    """Since when it stands like that, as far as it can be told from sums."""
    end = score.period.end
    if end > now:
        return time_text(max(score.period.begin, hour_of(now)))
    return time_text(end if provisional else final_at(score))


def _says_the_same(one: PromiseStatement, other: PromiseStatement) -> bool:
    """Whether they differ in nothing but when it was said."""
    return msgspec.structs.replace(one, revision=other.revision, at=other.at) == other


def _is_verdict(before: PromiseStatement, now: PromiseStatement) -> bool:
    """Whether it is a verdict that was not given before, or another one, or a provisional one that is now final."""
    is_over = now.standing in ("kept", "missed")
    return is_over and (before.standing, before.provisional, before.holds) != (now.standing, now.provisional, True)
