"""What the read model says of promises and goals: the period that runs and the one before, of each. Pure."""

from collections.abc import Iterable

import msgspec

from schemas.compact import time_text
from streams.judging import Row, Score, forecast, row, scores
from streams.terms import Versions
from streams.totals import TotalsRow, all_promised


class _Standing(Row, frozen=True, rename={"begin": "from", "end": "to"}, kw_only=True):
    """A row of `promises.json`, and what it comes to at the period's end if it goes on as it went so far."""

    forecast: float | None


class _Promises(msgspec.Struct):
    agreement: str
    version: int
    as_of: str
    partitions: list[int]
    offset: int
    promises: list[_Standing]


def promises_document(rows: Iterable[TotalsRow], versions: Versions, as_of: int, offset: int) -> str:
    """How promises and goals stand over all partitions, as of an instant (microseconds), as JSON.

    `offset` is that of the last row on `baton.totals`.
    """
    given, terms = list(rows), versions.latest
    found = _latest(scores(all_promised(given), versions, as_of), as_of)
    return (
        msgspec.json.Encoder()
        .encode(
            _Promises(
                terms.agreement.agreement,
                terms.version,
                time_text(as_of),
                sorted(one.partition for one in given),
                offset,
                [_standing(score, as_of) for score in found],
            )
        )
        .decode()
    )


def _latest(found: Iterable[Score], as_of: int) -> list[Score]:
    """Those that run, and the last that ended of each id and length of period; by id, and then in time."""
    running: list[Score] = []
    ended: dict[tuple[str, str], Score] = {}
    for score in found:
        if score.period.end > as_of:
            running.append(score)
        else:
            ended[score.promise.id, score.period.per] = score
    return sorted([*ended.values(), *running], key=lambda score: (score.promise.id, score.period.begin))


def _standing(score: Score, as_of: int) -> _Standing:
    return _Standing(*msgspec.structs.astuple(row(score, as_of)), forecast=forecast(score, as_of))
