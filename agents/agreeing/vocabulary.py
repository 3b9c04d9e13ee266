"""The words that an agreement and events must have in common: statuses, channels, people, kinds of touchpoints …"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.agreement import Agreement
from schemas.condition import Condition
from schemas.fields import EventType
from schemas.frozen import Frozen
from schemas.matcher import EventMatcher, ProfileMatcher
from schemas.promises import CompletenessClause
from streams.matching import Test

__all__ = ["CATEGORIES", "LEAD", "Category", "Vocabulary", "reason_of", "vocabulary"]

Category: TypeAlias = Literal[
    "statuses",
    "channels",
    "reasons",
    "owners",
    "reps",
    "parties",
    "deal_stages",
    "kinds",
    "outcomes",
    "profile_fields",
]
CATEGORIES: Final[dict[Category, str]] = {
    "statuses": "status of a lead",
    "channels": "channel",
    "reasons": "reason",
    "owners": "owner",
    "reps": "representative",
    "parties": "party",
    "deal_stages": "stage of a deal",
    "kinds": "kind of touchpoint",
    "outcomes": "outcome of a touchpoint",
    "profile_fields": "field of a profile",
}
"""What is compared, and what one is called."""

LEAD: Final = "lead"
"""The party that every agreement knows."""
_ENDS: Final = ("won", "lost")
"""The stages of a deal that every agreement knows."""
_WITH_REASONS: Final[tuple[EventType, ...]] = ("lead", "deal")


class Vocabulary(NamedTuple):
    """The values of one category that an agreement names, and whether it knows a value that events use.

    `is_listed`: whether it lists values of that category at all; if not, it knows any.
    """

    named: tuple[str, ...]
    knows: Callable[[str], bool]
    is_listed: bool = True


def reason_of(way_out: str, reason: str) -> str:
    """A reason of an exit as this module names it: each exit has its own."""
    return f"{way_out}: {reason}"


def vocabulary(agreement: Agreement) -> dict[Category, Vocabulary]:
    """What an agreement knows, by category."""
    people = [person.id for person in agreement.people]
    reasons = [reason_of(one.id, reason) for one in agreement.funnel.exits for reason in one.reasons]
    matched = [value for kind in _WITH_REASONS for value in _matched(agreement, kind, "reason").named]
    return {
        "statuses": _matched(agreement, "lead", "status"),
        "channels": _closed(agreement.channels),
        "reasons": _closed(reasons, *matched),
        "owners": Vocabulary(tuple(_who_own(agreement)), lambda owner: not people or owner in people, bool(people)),
        "reps": Vocabulary((), lambda rep: not people or rep in people, bool(people)),
        "parties": _closed(agreement.parties, LEAD),
        "deal_stages": _matched(agreement, "deal", "stage", *_ENDS),
        "kinds": _matched(agreement, "touchpoint", "kind"),
        "outcomes": _matched(agreement, "touchpoint", "outcome"),
        "profile_fields": Vocabulary(tuple(_profile_fields(agreement)), lambda _: True),
    }


def _closed(names: Iterable[str], *also: str) -> Vocabulary:
    named = tuple(names)
    return Vocabulary(named, lambda value: value in named or value in also)


def _matched(agreement: Agreement, kind: EventType, field: str, *also: str) -> Vocabulary:
    """What matchers name, to be or not to be. A value that some matcher takes is known too."""
    matchers = [one for one in _models(agreement) if isinstance(one, EventMatcher) and one.type == kind]
    conditions = [one.fields[field] for one in matchers if field in one.fields]
    named = tuple(dict.fromkeys(value for one in conditions for value in _texts(one)))
    tests = [Test(one) for one in conditions]
    return Vocabulary(named, lambda value: value in (*named, *also) or any(test.holds(value) for test in tests))


def _texts(condition: Condition) -> list[str]:
    values = (*(condition.one_of or ()), *(condition.none_of or ()))
    return [value for value in values if isinstance(value, str)]


def _who_own(agreement: Agreement) -> Iterator[str]:
    """The people who are there to own leads: not those who only manage or answer for others."""
    above = {person.manager for person in agreement.people}
    above |= {party.responsible for party in agreement.parties.values()}
    above |= {one.responsible for one in (*agreement.clauses, *agreement.goals)}
    return (person.id for person in agreement.people if person.id not in above)


def _profile_fields(agreement: Agreement) -> dict[str, None]:
    found: dict[str, None] = {}
    for model in _models(agreement):
        if isinstance(model, EventMatcher | ProfileMatcher):
            found |= dict.fromkeys(model.profile)
        elif isinstance(model, CompletenessClause):
            found |= dict.fromkeys(model.fields)
    return found


def _models(value: object) -> Iterator[Frozen]:
    """Every model in a model, itself included."""
    if isinstance(value, Frozen):
        yield value
        value = tuple(getattr(value, name) for name in type(value).model_fields)
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from _models(item)
