"""What people are told: which lead, which clause, whose turn, since when, until when, and what to do next.

Plain text for sales and marketing, in their language; the agreement's zone for times.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from agents.agreeing.matchers import happenings
from agents.agreeing.words import Words
from agents.language import N_, Language
from agents.notifying.sending import Kind, Message
from schemas.compact import EPOCH, MICROSECOND
from schemas.notifications import MANAGER, OWNER, RESPONSIBLE
from schemas.promises import AttemptsClause, ResponseClause
from streams.notices import FALLBACK, ClockFact, Notice
from streams.outbox import Batch
from streams.terms import Versions

__all__ = ["Texts"]

LISTED: Final = 20
"""Notices that one message spells out; the others are counted."""
REFERENCE: Final = 8
"""Characters of the key that people are shown, to see that a message came before."""

_KINDS: Final[dict[str, Kind]] = {
    "started": "info",
    "warned": "warning",
    "met": "success",
    "breached": "failure",
    "cancelled": "info",
}
_WORST_FIRST: Final = ("breached", "warned", "started", "met", "cancelled")
_TITLES: Final = {
    "started": N_("New: {clause}, lead {lead}"),
    "warned": N_("Soon due: {clause}, lead {lead}"),
    "met": N_("Answered in time: {clause}, lead {lead}"),
    "breached": N_("Overdue: {clause}, lead {lead}"),
    "cancelled": N_("No longer needed: {clause}, lead {lead}"),
}
_ROLES: Final = {
    OWNER: N_("You are told as the lead's owner."),
    MANAGER: N_("You are told as the manager of the lead's owner."),
    RESPONSIBLE: N_("You are told because you answer for this promise."),
    FALLBACK: N_("You are told in the place of a person who has no address for this."),
}


class Texts:
    """Messages in a language, by the agreement's versions."""

    def __init__(self, versions: Versions, language: Language) -> None:
        self._say = language
        self.adopt(versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on; others may be asking meanwhile."""
        self._words = {terms.version: Words(terms.agreement, self._say) for terms in versions.all}
        self._latest = versions.latest.version
        self._zone = versions.latest.agreement.timezone

    def message(self, batch: Batch) -> Message:
        """The message that tells a batch: one notice at length, or a list of several."""
        body = list(self._one(batch.notices[0]) if len(batch.notices) == 1 else self._list(batch.notices))
        zone, reference = self._say.zone(self._zone), batch.name[:REFERENCE]
        body += ["", self._say.gettext("Times: {zone}. Ref. {reference}", zone=zone, reference=reference)]
        title = self._title(batch.notices[0]) if len(batch.notices) == 1 else self._counts(batch.notices)
        return Message(title, "\n".join(body), _kind(batch.notices), batch.name)

    def test_message(self, target: str, agreement: str) -> Message:
        """What `baton notify test` sends."""
        say = self._say
        title = say.gettext("Test: Baton reaches {target}", target=target)
        body = say.gettext(
            "This address is “{target}” in the agreement {agreement}. Nothing is to be done.",
            target=target,
            agreement=agreement,
        )
        return Message(title, body, "info", f"test-{target}")

    # One notice.

    def _title(self, notice: Notice) -> str:
        fact = notice.fact
        named = {"clause": self._words_of(fact).name(fact.clause), "lead": fact.lead}
        if notice.after_s:
            waited = self._say.elapsed(notice.after_s)
            return self._say.gettext("Unanswered for {time}: {clause}, lead {lead}", time=waited, **named)
        return self._say.gettext(_TITLES[fact.change], **named)

    def _one(self, notice: Notice) -> Iterator[str]:
        fact, say = notice.fact, self._say
        yield self._what(fact)
        since, due = self._when(fact.started_at), self._when(fact.due_at)
        yield say.gettext("Since {since}; due by {due}.", since=since, due=due)
        yield self._turn(fact)
        if fact.change in {"started", "warned", "breached"} and fact.answered_at is None:
            yield from self._next(fact)
        if notice.role:
            yield say.gettext(_ROLES[notice.role])

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
            return say.gettext("It was answered late: {late}.", late=self._when(fact.answered_at))
        return say.gettext("There is no answer yet.")

    def _turn(self, fact: ClockFact) -> str:
        """Whose turn it is, or was."""
        words, say = self._words_of(fact), self._say
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
        clause, words, say = self._clause(fact), self._words_of(fact), self._say
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

    # Several.

    def _counts(self, notices: Sequence[Notice]) -> str:
        """Such as: 3 overdue, and 2 soon due."""
        return self._say.all_of(self._counted(change, len(found)) for change, found in _by_change(notices))

    def _counted(self, change: str, number: int) -> str:
        say = self._say
        if change == "breached":
            return say.ngettext("{number} overdue", "{number} overdue", number)
        if change == "warned":
            return say.ngettext("{number} soon due", "{number} soon due", number)
        if change == "started":
            return say.ngettext("{number} new", "{number} new", number)
        if change == "met":
            return say.ngettext("{number} answered in time", "{number} answered in time", number)
        return say.ngettext("{number} no longer needed", "{number} no longer needed", number)

    def _list(self, notices: Sequence[Notice]) -> Iterator[str]:
        left = LISTED
        for change, found in _by_change(notices):
            yield f"{self._counted(change, len(found))}:"
            yield from (f"• {self._line(notice)}" for notice in found[:left])
            left = max(0, left - len(found))
        if len(notices) > LISTED:
            number = len(notices) - LISTED
            yield self._say.ngettext("… and {number} more.", "… and {number} more.", number)

    def _line(self, notice: Notice) -> str:
        fact, words, say = notice.fact, self._words_of(notice.fact), self._say
        person = None if fact.owner is None else words.person(fact.owner)
        named = {
            "clause": words.name(fact.clause),
            "lead": fact.lead,
            "who": words.party(fact.owed_by) if person is None else person,
            "due": self._when(fact.due_at),
        }
        if notice.after_s:
            waited = self._say.elapsed(notice.after_s)
            return say.gettext(
                "lead {lead}: {clause}, {who}, due by {due}, unanswered for {time}", time=waited, **named
            )
        return say.gettext("lead {lead}: {clause}, {who}, due by {due}", **named)

    # What facts are about.

    def _words_of(self, fact: ClockFact) -> Words:
        return self._words.get(fact.version) or self._words[self._latest]

    def _clause(self, fact: ClockFact) -> object:
        clauses = self._words_of(fact).agreement.clauses
        return next((clause for clause in clauses if clause.id == fact.clause), None)

    def _when(self, instant: int) -> str:
        """A day and a time of day, in the zone of the agreement."""
        local = (EPOCH + instant * MICROSECOND).astimezone(ZoneInfo(self._zone))
        return f"{self._say.short_date(local.date())}, {self._say.time(local.time())}"


def _by_change(notices: Iterable[Notice]) -> list[tuple[str, list[Notice]]]:
    """The notices by what became of their clocks, the worst first, and then by when they were due."""
    ordered = sorted(notices, key=lambda notice: (notice.fact.due_at, notice.fact.lead, notice.key))
    found = ((change, [notice for notice in ordered if notice.fact.change == change]) for change in _WORST_FIRST)
    return [(change, some) for change, some in found if some]


def _kind(notices: Sequence[Notice]) -> Kind:
    return _KINDS[_by_change(notices)[0][0]]
