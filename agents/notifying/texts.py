"""What people are told: messages of one notice at length, or of several in a list (`clock_texts`, `promise_texts`).

Plain text for sales and marketing, in their language; the agreement's zone for times.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agents.language import N_, Language
from agents.notifying.clock_texts import ClockTexts
from agents.notifying.promise_texts import PromiseTexts
from agents.notifying.sending import Kind, Message
from agents.notifying.wording import Wording
from schemas.notifications import MANAGER, OWNER, RESPONSIBLE, Change
from streams.notices import FALLBACK, Notice
from streams.outbox import Batch
from streams.terms import Versions
from streams.told_facts import ClockFact

__all__ = ["Texts"]

LISTED: Final = 20
"""Notices that one message spells out; the others are counted."""
REFERENCE: Final = 8
"""Characters of the key that people are shown, to see that a message came before."""

_KINDS: Final[dict[Change, Kind]] = {
    "breached": "failure",
    "missed": "failure",
    "warned": "warning",
    "off_pace": "warning",
    "started": "info",
    "met": "success",
    "kept": "success",
    "on_pace": "success",
    "cancelled": "info",
}
"""Every change, the worst first, and what kind of message tells it."""
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
        self._wording = Wording(versions, language)
        self._clocks, self._promises = ClockTexts(self._wording), PromiseTexts(self._wording)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on; others may be asking meanwhile."""
        self._wording.adopt(versions)

    def message(self, batch: Batch) -> Message:
        """The message that tells a batch: one notice at length, or a list of several."""
        body = list(self._one(batch.notices[0]) if len(batch.notices) == 1 else self._list(batch.notices))
        zone, reference = self._wording.zone, batch.name[:REFERENCE]
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
        if isinstance(fact, ClockFact):
            return self._clocks.title(fact, notice.after_s)
        return self._promises.title(fact)

    def _one(self, notice: Notice) -> Iterator[str]:
        fact = notice.fact
        if isinstance(fact, ClockFact):
            yield from self._clocks.body(fact)
        else:
            yield from self._promises.body(fact, notice.due)
        if notice.role:
            yield self._say.gettext(_ROLES[notice.role])

    # Several.

    def _counts(self, notices: Sequence[Notice]) -> str:
        """Such as: 3 overdue, and 2 soon due."""
        return self._say.all_of(self._counted(change, len(found)) for change, found in _by_change(notices))

    def _counted(self, change: Change, number: int) -> str:  # noqa: PLR0911  one for each change, where it can be found
        say = self._say
        match change:
            case "breached":
                return say.ngettext("{number} overdue", "{number} overdue", number)
            case "missed":
                return say.ngettext("{number} target missed", "{number} targets missed", number)
            case "warned":
                return say.ngettext("{number} soon due", "{number} soon due", number)
            case "off_pace":
                return say.ngettext("{number} target behind", "{number} targets behind", number)
            case "started":
                return say.ngettext("{number} new", "{number} new", number)
            case "met":
                return say.ngettext("{number} answered in time", "{number} answered in time", number)
            case "kept":
                return say.ngettext("{number} target reached", "{number} targets reached", number)
            case "on_pace":
                return say.ngettext("{number} target back on pace", "{number} targets back on pace", number)
            case "cancelled":
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
        fact = notice.fact
        return self._clocks.line(fact, notice.after_s) if isinstance(fact, ClockFact) else self._promises.line(fact)


def _by_change(notices: Iterable[Notice]) -> list[tuple[Change, list[Notice]]]:
    """The notices by what has changed, the worst first, and then by when it was due."""
    ordered = sorted(notices, key=_place)
    found = ((change, [notice for notice in ordered if notice.fact.change == change]) for change in _KINDS)
    return [(change, some) for change, some in found if some]


def _place(notice: Notice) -> tuple[int, str, str]:
    fact = notice.fact
    due, name = (fact.due_at, fact.lead) if isinstance(fact, ClockFact) else (fact.end, fact.promise)
    return due, name, notice.key


def _kind(notices: Sequence[Notice]) -> Kind:
    return _KINDS[_by_change(notices)[0][0]]
