"""What people are told of promises and goals by period: which, how it stands, the target, and who answers for it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from agents.agreeing.goals import goal_entry
from agents.agreeing.promises import clause_entry
from agents.agreeing.words import Words
from agents.language import N_
from agents.notifying.wording import Wording
from schemas.promises import AnyClause, AnyGoal, Goal, MoneyGoal
from streams.told_facts import PromiseFact

__all__ = ["PromiseTexts"]

_TITLES: Final = {
    "off_pace": N_("Behind: {promise}, {period}"),
    "on_pace": N_("Back on pace: {promise}, {period}"),
    "kept": N_("Target reached: {promise}, {period}"),
    "missed": N_("Target missed: {promise}, {period}"),
}
_PACES: Final = {
    "off_pace": N_(
        "{share} of the period is gone, and it is behind where it should be by now. The target is at least {target}."
    ),
    "on_pace": N_(
        "{share} of the period is gone, and it is again where it should be by now. The target is at least {target}."
    ),
}


class PromiseTexts:
    """Texts of promises, in a wording."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._say = wording.say

    def title(self, fact: PromiseFact) -> str:
        """How which promise stands in which period."""
        promise, period = self._words(fact).name(fact.promise), self._wording.period(fact.period)
        return self._say.gettext(_TITLES[fact.change], promise=promise, period=period)

    def body(self, fact: PromiseFact, due: int) -> Iterator[str]:
        """The same at length, as of an instant: figures, what was promised, the days, and who answers for it."""
        say, words, promise = self._say, self._words(fact), self._promise(fact)
        yield from self._stands(fact, due)
        if promise is not None:
            entry = goal_entry(words, promise) if isinstance(promise, Goal) else clause_entry(words, promise)
            yield entry.sentence
        yield say.gettext("Period: {days}.", days=self._wording.days(fact.period))
        party, person = self._party(fact), self._person(fact)
        if party is not None and person is not None:
            yield say.gettext("Owed by {party}; {person} answers for it.", party=party, person=person)
        elif party is not None:
            yield say.gettext("Owed by {party}.", party=party)
        elif person is not None:
            yield say.gettext("{person} answers for it.", person=person)

    def line(self, fact: PromiseFact) -> str:
        """The same in a line of several."""
        say, reached = self._say, self._reached(fact)
        named = {
            "promise": self._words(fact).name(fact.promise),
            "period": self._wording.period(fact.period),
            "target": self._amount(fact, fact.target),
            "who": self._person(fact) or self._party(fact) or say.gettext("nobody is named"),
        }
        if reached is None:
            return say.gettext("{promise}, {period}: target {target}; {who}", **named)
        return say.gettext("{promise}, {period}: {reached}, target {target}; {who}", reached=reached, **named)

    def _stands(self, fact: PromiseFact, due: int) -> Iterator[str]:
        say, target, reached = self._say, self._amount(fact, fact.target), self._reached(fact)
        if reached is None:
            share = say.percent(round((due - fact.begin) / (fact.end - fact.begin), 2))
            yield say.gettext(_PACES[fact.change], share=share, target=target)
            return
        yield say.gettext("It came to {reached}; the target is at least {target}.", reached=reached, target=target)
        if fact.provisional:
            yield say.gettext("The figure may still change.")

    def _reached(self, fact: PromiseFact) -> str | None:
        """What a promise came to in the end; None while its period runs."""
        if fact.numerator is None:
            return None
        if fact.denominator is None:
            return self._amount(fact, fact.numerator)
        part, whole = self._say.number(int(fact.numerator)), self._say.number(fact.denominator)
        share = self._say.percent(int(fact.numerator) / fact.denominator)
        return self._say.gettext("{share} ({part} of {whole})", share=share, part=part, whole=whole)

    def _amount(self, fact: PromiseFact, amount: str) -> str:
        """A share as a percentage, money in its goal's currency, and else a number."""
        promise = self._promise(fact)
        if isinstance(promise, MoneyGoal):
            return self._say.money(amount, promise.currency)
        return self._say.percent(float(amount)) if _is_share(fact) else self._say.number(Decimal(amount))

    def _party(self, fact: PromiseFact) -> str | None:
        promise = self._promise(fact)
        if fact.owed_by is not None:
            return self._words(fact).party(fact.owed_by)
        return self._say.gettext("all parties") if isinstance(promise, Goal) and promise.shared else None

    def _person(self, fact: PromiseFact) -> str | None:
        return None if fact.responsible is None else self._words(fact).person(fact.responsible)

    def _words(self, fact: PromiseFact) -> Words:
        return self._wording.words(fact.version)

    def _promise(self, fact: PromiseFact) -> AnyClause | AnyGoal | None:
        return self._wording.promise(fact.version, fact.promise)


def _is_share(fact: PromiseFact) -> bool:
    return fact.kind in {"ratio", "completeness"}
