"""An event in a few words, and what it was to a clock."""

from collections.abc import Iterator
from typing import Final

from agents.agreeing.words import Words
from agents.language import N_
from schemas.compact import Deal, Event, Lead, ProfileValue, Spend, Touch
from schemas.promises import AttemptsClause
from streams.explaining import Happening, Role, Story

__all__ = ["Happened"]

_ROLES: Final[dict[Role, str]] = {
    "answered": N_("answered it"),
    "excused": N_("excused further attempts"),
    "cancelled": N_("cancelled it"),
    "next_cycle": N_("began the next cycle, so no later answer counts"),
    "automated": N_("did not count: a machine did it"),
    "not_by_owner": N_("did not count: not by the lead's owner"),
    "not_cancelling": N_("an exit that does not cancel it"),
    "not_restarted": N_("the start again, which does not restart it"),
    "is_start": N_("did not count: it started the clock"),
    "before_start": N_("did not count: before the clock started"),
}
_LATE: Final[dict[Role, str]] = {
    "answered": N_("answered it, too late"),
    "excused": N_("excused further attempts, too late"),
    "cancelled": N_("an exit after the due time: no later answer counts"),
}


class Happened:
    """Says what events say, in the words of an agreement."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._say = words.language

    def role(self, one: Happening, story: Story) -> str:
        """What an event was to a clock."""
        say = self._say
        if one.role == "attempt":
            of = story.clause.at_least if isinstance(story.clause, AttemptsClause) else 1
            named = {"number": say.number(one.attempts), "total": say.number(of)}
            if one.late:
                return say.gettext("attempt {number} of {total}, too late", **named)
            return say.gettext("attempt {number} of {total}", **named)
        if one.role == "owner":
            return say.gettext("gave the lead to {person}", person=self._words.person(one.owner or ""))
        if one.late and one.role == "cancelled" and story.clause.cancel_on is not None:
            return say.gettext("would have cancelled it before the due time: no later answer counts")
        return say.gettext(_LATE.get(one.role, _ROLES[one.role]) if one.late else _ROLES[one.role])

    def event(self, event: Event) -> str:
        """What an event says."""
        if isinstance(event, Touch):
            return ", ".join(self._touch(event))
        if isinstance(event, Lead):
            return ", ".join(self._lead(event))
        return ", ".join(self._money(event))

    def _touch(self, event: Touch) -> Iterator[str]:
        words, say = self._words, self._say
        by = words.party(event.party) if event.rep is None else words.person(event.rep)
        yield say.gettext("{touchpoint} by {person}", touchpoint=words.kind(event.kind), person=by)
        if event.outcome is not None:
            yield words.within(event.outcome)
        if event.automated:
            yield say.gettext("automated")

    def _lead(self, event: Lead) -> Iterator[str]:
        words, say = self._words, self._say
        if event.status is not None:
            yield say.gettext("status {status}", status=words.name(event.status))
        if event.reason is not None:
            yield words.within(event.reason)
        if event.owner is not None:
            yield say.gettext("owner {person}", person=words.person(event.owner))
        for name, value in (event.profile or {}).items():
            yield f"{words.within(name)} {self._value(value)}"

    def _value(self, value: ProfileValue) -> str:
        if isinstance(value, list):
            return self._say.all_of(value)
        if value is None:
            return "\N{EN DASH}"
        return value if isinstance(value, str) else str(value)

    def _money(self, event: Deal | Spend) -> Iterator[str]:
        words, say = self._words, self._say
        if isinstance(event, Deal):
            yield say.gettext("deal {deal}: {stage}", deal=event.deal_id, stage=words.within(event.stage))
        else:
            yield say.gettext("spent on {channel}", channel=words.name(event.channel))
        if event.amount is not None and event.currency is not None:
            yield say.money(event.amount, event.currency)
