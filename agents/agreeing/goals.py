"""What the teams mean to reach, in words, and how revenue is credited (DESIGN §3)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from agents.agreeing.entries import Entry, Term
from agents.agreeing.promises import each, owed_terms, period
from agents.agreeing.words import Words
from agents.language import N_
from schemas.agreement import Attribution, Model
from schemas.promises import AnyGoal, EntriesGoal, MoneyGoal, WonGoal

__all__ = ["attribution_terms", "goal_entry"]

_MODELS: Final[dict[Model, str]] = {
    "first": N_("first touch"),
    "last": N_("last touch"),
    "linear": N_("linear (all touchpoints alike)"),
    "u": N_("U-shaped"),
    "w": N_("W-shaped"),
    "time_decay": N_("time decay (the later, the more)"),
    "markov": N_("Markov"),
}
_METRICS: Final = {
    "revenue": N_("revenue"),
    "pipeline": N_("open deals"),
    "won": N_("deals won"),
    "entries": N_("leads that enter a stage"),
}


def goal_entry(words: Words, goal: AnyGoal) -> Entry:
    """A goal: how much of what, in each period."""
    terms = tuple(_goal_terms(words, goal))
    return Entry(
        goal.id, words.name(goal.id), terms, _sentence(words, goal), each(words, _amount(words, goal), goal.per)
    )


def _amount(words: Words, goal: AnyGoal) -> str:
    if isinstance(goal, MoneyGoal):
        return words.language.money(goal.target, goal.currency)
    return words.language.number(Decimal(goal.target))


def _sentence(words: Words, goal: AnyGoal) -> str:
    say, each_period, amount = words.language, period(words, goal.per), _amount(words, goal)
    match goal:
        case MoneyGoal(metric="revenue"):
            return say.gettext("Each {period}: revenue of at least {amount}.", period=each_period, amount=amount)
        case MoneyGoal():
            return say.gettext(
                "At the end of each {period}: open deals worth at least {amount}.", period=each_period, amount=amount
            )
        case WonGoal():
            return say.gettext("Each {period}: deals won, at least {amount}.", period=each_period, amount=amount)
        case EntriesGoal():
            return say.gettext(
                "Each {period}: leads that enter the stage {stage} for the first time, at least {amount}.",
                period=each_period,
                amount=amount,
                stage=words.name(goal.stage),
            )


def _goal_terms(words: Words, goal: AnyGoal) -> Iterator[Term]:
    say = words.language
    yield Term("metric", say.gettext("Measured by"), say.gettext(_METRICS[goal.metric]), shown=False)
    if isinstance(goal, EntriesGoal):
        yield Term("stage", say.gettext("Stage"), words.name(goal.stage), shown=False)
    yield Term("target", say.gettext("Target"), _amount(words, goal), shown=False)
    if isinstance(goal, MoneyGoal):
        yield Term("currency", say.gettext("Currency"), goal.currency, shown=False)
    yield Term("per", say.gettext("Period"), period(words, goal.per), shown=False)
    shared = say.gettext("yes, by all parties") if goal.shared else say.gettext("no")
    yield Term("shared", say.gettext("Shared"), shared, shown=goal.shared)
    nobody = say.gettext("all parties") if goal.shared else say.gettext("no party")
    yield from owed_terms(words, goal.owed_by, goal.responsible, nobody)


def attribution_terms(words: Words, attribution: Attribution) -> Iterator[Term]:
    """How revenue is credited to touchpoints."""
    say = words.language
    models = say.all_of(say.gettext(_MODELS[model]) for model in attribution.models)
    yield Term("models", say.gettext("Models"), models)
    yield Term("headline", say.gettext("The one that counts in reports"), say.gettext(_MODELS[attribution.headline]))
    lookback = say.gettext("the whole journey")
    if attribution.lookback is not None:
        lookback = say.gettext("{time} before the deal is won", time=say.duration(attribution.lookback))
    yield Term("lookback", say.gettext("How far back it looks"), lookback)
    direct = say.gettext("count as any other")
    if attribution.direct == "ignore_unless_only":
        direct = say.gettext("count only where there are no others")
    yield Term("direct", say.gettext("Direct touchpoints"), direct)
