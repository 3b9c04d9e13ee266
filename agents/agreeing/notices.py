"""Who is told what becomes of clocks and promises, in words: the agreement's notifications (DESIGN §3)."""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.agreeing.entries import Entry, Term
from agents.agreeing.words import Words, capital
from agents.language import N_
from schemas.notifications import MANAGER, OWNER, RESPONSIBLE, Address, Change, Notifications, Route, Step

__all__ = ["address_entry", "notice_terms", "route_entry"]

_CHANGES: Final[dict[Change, str]] = {
    "started": N_("the time of a promise begins"),
    "warned": N_("the time of a promise is running out"),
    "met": N_("a promise is kept"),
    "breached": N_("a promise is broken"),
    "cancelled": N_("a promise is cancelled"),
    "off_pace": N_("a target falls behind"),
    "on_pace": N_("a target is back on pace"),
    "kept": N_("a target is reached"),
    "missed": N_("a target is missed"),
}
_ROLES: Final = {
    OWNER: N_("the lead's owner"),
    MANAGER: N_("the manager of the lead's owner"),
    RESPONSIBLE: N_("who answers for the promise"),
}


def route_entry(words: Words, ident: str, route: Route) -> Entry:
    """A route: of what, of which promises, and to whom."""
    say = words.language
    happening = say.any_of(say.gettext(_CHANGES[change]) for change in route.change)
    told = _addressees(words, route.to)
    sentence = say.gettext("When {happening}, this is told to: {people}.", happening=happening, people=told)
    terms = (
        Term("change", say.gettext("When"), happening, shown=False),
        Term("to", say.gettext("Told to"), told, shown=False),
        *_about(words, route),
        _urgency(words, urgent=route.urgent),
        _escalation(words, route.escalate),
    )
    return Entry(ident, capital(happening), terms, sentence)


def address_entry(words: Words, ident: str, address: Address, title: str) -> Entry:
    """Where messages to a target or a person go: only the name of the secret is in the agreement."""
    say = words.language
    quiet = say.gettext("that of all notifications")
    if address.quiet_outside is not None:
        quiet = words.calendar(address.quiet_outside)
    terms = (
        Term("secret", say.gettext("Address (name of the secret)"), address.secret),
        Term("quiet_outside", say.gettext("Not disturbed outside"), quiet, shown=address.quiet_outside is not None),
    )
    return Entry(ident, title, terms)


def notice_terms(words: Words, notifications: Notifications) -> Iterator[Term]:
    """What holds of all notifications."""
    say = words.language
    fallback = say.gettext("nobody") if notifications.fallback is None else words.name(notifications.fallback)
    yield Term("fallback", say.gettext("Told when a person cannot be reached"), fallback)
    quiet = say.gettext("never: messages go out at any hour")
    if notifications.quiet_outside is not None:
        quiet = words.calendar(notifications.quiet_outside)
    yield Term("quiet_outside", say.gettext("Messages wait outside"), quiet)
    yield Term("group", say.gettext("Messages are collected for"), say.duration(notifications.group))


def _about(words: Words, route: Route) -> Iterator[Term]:
    say = words.language
    for key, label, named, name in (
        ("clause", _promises(words, route), route.clause, words.name),
        ("owed_by", say.gettext("Owed by"), route.owed_by, words.name),
        ("owner", say.gettext("Leads owned by"), route.owner, words.person),
        ("team", say.gettext("Leads owned by the team"), route.team, words.name),
    ):
        yield Term(key, label, say.any_of(map(name, named)) if named else say.gettext("any"), shown=bool(named))


def _promises(words: Words, route: Route) -> str:
    return words.language.gettext("Promises and goals") if route.is_of_promises else words.language.gettext("Promises")


def _escalation(words: Words, steps: Sequence[Step]) -> Term:
    say = words.language
    return Term(
        "escalate",
        say.gettext("If it stays unanswered"),
        "\n".join(_step(words, step) for step in steps) or say.gettext("nothing more"),
        shown=bool(steps),
    )


def _step(words: Words, step: Step) -> str:
    say, time, people = words.language, words.language.duration(step.after), _addressees(words, step.to)
    if step.urgent:
        return say.gettext("{time} later, urgently: {people}", time=time, people=people)
    return say.gettext("{time} later: {people}", time=time, people=people)


def _urgency(words: Words, *, urgent: bool) -> Term:
    say = words.language
    told = say.gettext("yes, also in quiet hours") if urgent else say.gettext("no")
    return Term("urgent", say.gettext("Urgent"), told, shown=urgent)


def _addressees(words: Words, names: Sequence[str]) -> str:
    return words.language.all_of(_addressee(words, name) for name in names)


def _addressee(words: Words, name: str) -> str:
    notifications = words.agreement.notifications
    if name in _ROLES:
        return words.language.gettext(_ROLES[name])
    if notifications is not None and name in notifications.targets:
        return words.name(name)
    return words.person(name)
