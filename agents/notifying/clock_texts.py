"""What people are told of clocks: which lead, which clause, whose turn, since when, until when, and what to do next."""

from collections.abc import Iterator
from typing import Final

from agents.agreeing.matchers import happenings
from agents.agreeing.words import Words
from agents.language import N_
from agents.notifying.wording import Wording
from schemas.promises import AttemptsClause, ResponseClause
from streams.told_facts import ClockFact

__all__ = ["ClockTexts"]

_TITLES: Final = {
    "started": N_("New: {clause}, lead {lead}"),
    "warned": N_("Soon due: {clause}, lead {lead}"),
    "met": N_("Answered in time: {clause}, lead {lead}"),
    "breached": N_("Overdue: {clause}, lead {lead}"),
    "cancelled": N_("No longer needed: {clause}, lead {lead}"),
}


class ClockTexts:
    """Texts of clocks, in a wording. `after_s`: for how long a breach went unanswered, if that is what is told."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._say = wording.say

    def title(self, fact: ClockFact, after_s: int) -> str:
        """What has become of whose clock."""
        named = {"clause": self._words(fact).name(fact.clause), "lead": fact.lead}
        if after_s:
            waited = self._say.elapsed(after_s)
            return self._say.gettext("Unanswered for {time}: {clause}, lead {lead}", time=waited, **named)
        return self._say.gettext(_TITLES[fact.change], **named)

    def body(self, fact: ClockFact) -> Iterator[str]:
        """The same at length."""
        say = self._say
        yield self._what(fact)
        since, due = self._wording.when(fact.started_at), self._wording.when(fact.due_at)
        yield say.gettext("Since {since}; due by {due}.", since=since, due=due)
        yield self._turn(fact)
        if fact.change in {"started", "warned", "breached"} and fact.answered_at is None:
            yield from self._next(fact)

    def line(self, fact: ClockFact, after_s: int) -> str:
        """The same in a line of several."""
        words, say = self._words(fact), self._say
        person = None if fact.owner is None else words.person(fact.owner)
        named = {
            "clause": words.name(fact.clause),
            "lead": fact.lead,
            "who": words.party(fact.owed_by) if person is None else person,
            "due": self._wording.when(fact.due_at),
        }
        if after_s:
            waited = self._say.elapsed(after_s)
            return say.gettext(
                "lead {lead}: {clause}, {who}, due by {due}, unanswered for {time}", time=waited, **named
            )
        return say.gettext("lead {lead}: {clause}, {who}, due by {due}", **named)

    def _what(self, fact: ClockFact) -> str:
        """What has become of the clock."""
        say = self._say
        if fact.change == "started":
            return say.gettext("The time for it has begun.")
        if fact.change == "warned":
            return say.gettext("{share} of the time is gone.", share=say.percent(fact.fraction or 0))
        if fact.change == "met":
            return say.gettext("Answered after {time} of open time.", time=say.elapsed(fact.elapsed_s or 0))
        if fact.change == "cancelled":
            return say.gettext("The lead went out before it was due: nothing more is to be done.")
        if fact.answered_at is not None:
            return say.gettext("It was answered late: {late}.", late=self._wording.when(fact.answered_at))
        return say.gettext("There is no answer yet.")

    def _turn(self, fact: ClockFact) -> str:
        """Whose turn it is, or was."""
        words, say = self._words(fact), self._say
        party = words.party(fact.owed_by)
        if fact.answered_by is not None:
            return say.gettext(
                "Answered by {person}; owed by {party}.", person=words.person(fact.answered_by), party=party
            )
        if fact.owner is None or fact.owner in words.queues:
            return say.gettext("Owed by {party}; nobody owns the lead yet.", party=party)
        return say.gettext("It is the turn of {person}, for {party}.", person=words.person(fact.owner), party=party)

    def _next(self, fact: ClockFact) -> Iterator[str]:
        """What to do: what the clause waits for."""
        clause, words, say = self._wording.promise(fact.version, fact.clause), self._words(fact), self._say
        if isinstance(clause, ResponseClause):
            yield say.gettext("It counts as answered when {happening}.", happening=happenings(words, clause.met_by))
        elif isinstance(clause, AttemptsClause):
            counted = happenings(words, clause.counts)
            yield say.ngettext(
                "It takes {number} attempt: when {happening}.",
                "It takes {number} attempts: each time that {happening}.",
                clause.at_least,
                happening=counted,
            )

    def _words(self, fact: ClockFact) -> Words:
        return self._wording.words(fact.version)
