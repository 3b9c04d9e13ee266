"""How the promises that are judged by period stand: the rows of `promises.json` (DESIGN §5.11 and §6).

Made from the sums of what every lead adds (`streams.pledges.contribution`), so that a replay and the running engine
say the same.
"""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias, TypeGuard

import msgspec

from schemas.compact import time_text
from schemas.promises import CompletenessClause, EntriesGoal, Goal, MoneyGoal, RatioClause, VolumeClause, WonGoal
from streams.funnel import MONEY, Counts, money_text
from streams.periods import Per, Period, following, read_label
from streams.pledges import DENOMINATOR, EVERY, FIRST, NUMERATOR, STOCK
from streams.promised import is_pipeline, plan_of
from streams.terms import Terms, Versions

__all__ = ["Row", "Score", "final_at", "forecast", "pace", "promises_document", "reached_by", "row", "rows", "scores"]

ByPeriod: TypeAlias = VolumeClause | RatioClause | CompletenessClause | MoneyGoal | WonGoal | EntriesGoal
SECOND_US: Final = 1_000_000
_encode: Final = msgspec.json.Encoder().encode


class Score(NamedTuple):
    """A promise in one period, by the version that judges it.

    `numerator` and `denominator` count leads, events or deals; money is in ten-thousandths of its currency's unit.
    The denominator is None where nothing is divided.
    """

    promise: ByPeriod
    period: Period
    terms: Terms
    numerator: int
    denominator: int | None


class Row(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """A row of `promises.json`. Money is decimal text, and a goal's target as the agreement has it."""

    id: str
    kind: str
    owed_by: str | None
    period: str
    begin: str
    end: str
    numerator: int | str
    denominator: int | None
    target: int | float | str
    kept: bool | None
    provisional: bool
    pace: float | str | None


def promises_document(sums: Counts, versions: Versions, as_of: int) -> bytes:
    """`promises.json`, from the sums of all leads, as of an instant (microseconds) after all that was folded."""
    return _encode(rows(sums, versions, as_of))


def rows(sums: Counts, versions: Versions, as_of: int) -> list[Row]:
    """The rows of `promises.json`, by id and then period."""
    return [row(score, as_of) for score in scores(sums, versions, as_of)]


def scores(sums: Counts, versions: Versions, as_of: int) -> list[Score]:
    """Every promise in every period from the first event's to as-of's, by id and then period.

    A period is judged by the version in force at its start, with the promises that this has.
    """
    found = [
        _score(promise, period, terms, sums)
        for period, terms in _periods(sums, versions, as_of)
        for promise in (*terms.agreement.clauses, *terms.agreement.goals)
        if isinstance(promise, ByPeriod) and promise.per == period.per
    ]
    return sorted(found, key=lambda score: (score.promise.id, score.period.begin, score.period.end))


def row(score: Score, as_of: int) -> Row:
    """A score as it is told."""
    promise, period = score.promise, score.period
    return Row(
        promise.id,
        "goal" if isinstance(promise, Goal) else promise.kind,
        promise.owed_by,
        period.label,
        time_text(period.begin),
        time_text(period.end),
        money_text(score.numerator) if isinstance(promise, MoneyGoal) else score.numerator,
        score.denominator,
        promise.target if isinstance(promise, Goal) else promise.at_least,
        _kept(score, as_of),
        _is_provisional(score, as_of),
        _told(pace(score, as_of), promise),
    )


def pace(score: Score, as_of: int) -> Fraction | None:
    """Where a promise should be by now, in units of its target; None once the period is over.

    What adds up: the target times the part of the period's open time that has gone; None where the whole period has
    no open time. What stands at a level, a share of leads or the pipeline: the target, at any time.
    """
    if score.period.end <= as_of:
        return None
    target = _target(score.promise)
    if _is_level(score.promise):
        return target
    gone, whole = _open_time(score, as_of)
    return target * gone / whole if whole else None


def forecast(score: Score, as_of: int) -> float | None:
    """What a promise comes to at the period's end, in units of its target, if it goes on as it went so far.

    What adds up grows with open time; a share of leads, or the pipeline, stays where it is. None where that cannot be
    told: before any open time, or without any leads.
    """
    reached = reached_by(score)
    if reached is None or score.period.end <= as_of or _is_level(score.promise):
        return None if reached is None else float(reached)
    gone, whole = _open_time(score, as_of)
    return float(reached * whole / gone) if gone else None


def _periods(sums: Counts, versions: Versions, as_of: int) -> Iterator[tuple[Period, Terms]]:
    """Every period from the first event's to as-of's, each with the version that judges it."""
    plan = plan_of(versions)
    firsts = [read_label(label) for promise, label, part in sums if (promise, part) == (EVERY, FIRST)]
    for per in plan.pers:
        days = [day for kind, day in firsts if kind == per]
        if not days:
            continue
        judged = plan.timetable.judged(per, min(days))
        while judged.period.begin <= as_of:
            yield judged.period, versions.all[judged.place]
            judged = plan.timetable.judged(per, following(per, judged.period.first))


def _score(promise: ByPeriod, period: Period, terms: Terms, sums: Counts) -> Score:
    if is_pipeline(promise):
        return Score(promise, period, terms, _stock(promise.currency, period, sums), None)
    numerator = sums.get((promise.id, period.label, NUMERATOR), 0)
    is_share = isinstance(promise, RatioClause | CompletenessClause)
    denominator = sums.get((promise.id, period.label, DENOMINATOR), 0) if is_share else None
    return Score(promise, period, terms, numerator, denominator)


def _stock(currency: str, period: Period, sums: Counts) -> int:
    """The open pipeline at a period's end, or by now: all by which it grew until then."""
    return sum(
        growth
        for (owner, label, part), growth in sums.items()
        if owner == currency and part == STOCK and _is_until(period, *read_label(label))
    )


def _is_until(period: Period, per: Per, first: date) -> bool:
    return per == period.per and first <= period.first


def _kept(score: Score, as_of: int) -> bool | None:
    """Whether it was kept; None while the period runs, and for a share of no leads at all.

    A volume or a goal is judged also where nothing happened: nothing is then too little.
    """
    reached = reached_by(score)
    return None if reached is None or as_of < score.period.end else reached >= _target(score.promise)


def reached_by(score: Score) -> Fraction | None:
    """What a promise has come to, in units of its target; None: a share of no leads at all."""
    if score.denominator is not None:
        return Fraction(score.numerator, score.denominator) if score.denominator else None
    return Fraction(score.numerator, MONEY if isinstance(score.promise, MoneyGoal) else 1)


def _target(promise: ByPeriod) -> Fraction:
    """The target as the decimal that is written, not as the float nearest to it."""
    return Fraction(promise.target if isinstance(promise, Goal) else str(promise.at_least))


def final_at(score: Score) -> int:
    """When its figure is final: at the period's end, or once a cohort has had time to settle."""
    promise, end = score.promise, score.period.end
    return end + promise.settles.seconds * SECOND_US if _is_cohort(promise) else end


def _is_provisional(score: Score, as_of: int) -> bool:
    """Only a cohort's figure settles: its leads may yet enter `of`."""
    return _is_cohort(score.promise) and as_of < final_at(score)


def _is_cohort(promise: ByPeriod) -> TypeGuard[RatioClause]:
    return isinstance(promise, RatioClause) and promise.basis == "cohort"


def _is_level(promise: ByPeriod) -> bool:
    """Whether it stands at some level at any time, and does not add up over the period."""
    return isinstance(promise, RatioClause | CompletenessClause) or is_pipeline(promise)


def _open_time(score: Score, as_of: int) -> tuple[int, int]:
    """The open time of the period that has gone, and all of it, on the clause's calendar or else the agreement's."""
    promise, period = score.promise, score.period
    calendar = score.terms.calendars.named(None if isinstance(promise, Goal) else promise.calendar)
    return calendar.open_us(period.begin, as_of), calendar.open_us(period.begin, period.end)


def _told(amount: Fraction | None, promise: ByPeriod) -> float | str | None:
    if amount is None:
        return None
    return money_text(round(amount * MONEY)) if isinstance(promise, MoneyGoal) else float(amount)
