"""What a matcher of the agreement means, as half a sentence that follows «when», or as things that are counted."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agents.agreeing.words import LEAD, Words
from schemas.condition import Condition, Scalar
from schemas.fields import EventType
from schemas.matcher import EntersStage, EventMatcher, Matcher, OwnedByPerson, ProfileMatcher, TakesExit

__all__ = ["alternatives", "are_touchpoints_of", "gives_owner", "happenings", "profiles", "stage_of", "things"]

_NAMED: Final = frozenset({"party", "channel", "reason"})
"""Fields whose values have names for people; those of the others are the company's own words."""
_PEOPLE: Final = frozenset({"owner", "rep"})


def alternatives(words: Words, options: Sequence[str]) -> str:
    """Half sentences of which any will do, with semicolons where they have a comma, «or» or «and» of their own."""
    if len(options) < 2:
        return "".join(options)
    marks = (",", ";", *(join(["x", "y"]).strip("xy") for join in (words.language.any_of, words.language.all_of)))
    if not any(mark in option for option in options for mark in marks):
        return words.language.any_of(options)
    last = words.language.gettext("or {option}", option=options[-1])
    return "; ".join([*options[:-1], last])


def happenings(words: Words, matchers: Sequence[Matcher]) -> str:
    """What happens when any of the matchers matches: a lead enters the stage MQL."""
    return alternatives(words, [_happening(words, matcher) for matcher in matchers])


def things(words: Words, matchers: Sequence[Matcher], by: str | None = None) -> str:
    """What is counted, as several: leads that enter the stage MQL for the first time, calls by Sales.

    That they are by the party `by` goes without saying.
    """
    return alternatives(words, [_things(words, matcher, by) for matcher in matchers])


def are_touchpoints_of(party: str, matchers: Sequence[Matcher]) -> bool:
    """Whether all that matches is what that party does."""
    return all(isinstance(one, EventMatcher) and _only(one, "party") == (party,) for one in matchers)


def gives_owner(matchers: Sequence[Matcher]) -> bool:
    """Whether all that matches is that a person becomes the owner."""
    return all(isinstance(matcher, OwnedByPerson) for matcher in matchers)


def profiles(words: Words, matchers: Sequence[ProfileMatcher]) -> str:
    """What a profile must hold: segment “enterprise” and score at least 50."""
    return alternatives(words, [_conditions(words, matcher.profile) for matcher in matchers])


def stage_of(matchers: Sequence[Matcher]) -> str | None:
    """The stage, where entering one is all that matches."""
    only = matchers[0] if len(matchers) == 1 else None
    return only.stage if isinstance(only, EntersStage) else None


def _happening(words: Words, matcher: Matcher) -> str:
    say = words.language
    if isinstance(matcher, EntersStage):
        return say.gettext("a lead enters the stage {stage}", stage=words.name(matcher.stage))
    if isinstance(matcher, TakesExit):
        return say.gettext("a lead leaves the funnel as {exit}", exit=words.name(matcher.exit))
    if isinstance(matcher, OwnedByPerson):
        return say.gettext("a person becomes the lead's owner")
    return _EVENTS[matcher.type](words, matcher)


def _touch_happens(words: Words, matcher: EventMatcher) -> str:
    kinds = _only(matcher, "kind")
    what = words.language.any_of(map(words.kind, kinds)) if kinds else words.language.gettext("a touchpoint")
    return words.language.gettext("there is {touchpoint}", touchpoint=_by_whom(words, what, matcher))


def _by_whom(words: Words, what: str, matcher: EventMatcher, but: str | None = None) -> str:
    """Touchpoints, who makes them (but the party that goes without saying), and the conditions on the rest."""
    say, parties = words.language, _only(matcher, "party")
    if parties == (but,):
        pass
    elif parties == (LEAD,):
        what = say.gettext("{touchpoint} by the lead", touchpoint=what)
    elif parties:
        what = say.gettext("{touchpoint} by {party}", touchpoint=what, party=say.any_of(map(words.party, parties)))
    return _with(words, what, matcher, "kind", "party")


def _status_happens(words: Words, matcher: EventMatcher) -> str:
    say, statuses = words.language, _only(matcher, "status")
    if not statuses:
        return _with(words, say.gettext("the lead's record changes"), matcher)
    told = say.gettext("the lead's status becomes {status}", status=say.any_of(map(say.quoted, statuses)))
    return _with(words, told, matcher, "status")


def _deal_happens(words: Words, matcher: EventMatcher) -> str:
    say, stages = words.language, _only(matcher, "stage")
    if stages == ("won",):
        return _with(words, say.gettext("a deal is won"), matcher, "stage")
    if stages == ("lost",):
        return _with(words, say.gettext("a deal is lost"), matcher, "stage")
    if stages:
        told = say.gettext("a deal reaches the stage {stage}", stage=say.any_of(map(say.quoted, stages)))
        return _with(words, told, matcher, "stage")
    if _is_open(matcher):
        return _with(words, say.gettext("a deal is open"), matcher, "stage")
    return _with(words, say.gettext("a deal is opened or changes"), matcher)


def _spend_happens(words: Words, matcher: EventMatcher) -> str:
    return _with(words, words.language.gettext("spend is reported"), matcher)


_EVENTS: Final[dict[EventType, Callable[[Words, EventMatcher], str]]] = {
    "touchpoint": _touch_happens,
    "lead": _status_happens,
    "deal": _deal_happens,
    "spend": _spend_happens,
}


def _is_open(matcher: EventMatcher) -> bool:
    condition = matcher.fields.get("stage")
    return condition is not None and set(condition.none_of or ()) == {"won", "lost"} and condition.known is None


def _things(words: Words, matcher: Matcher, by: str | None) -> str:
    say = words.language
    if isinstance(matcher, EntersStage):
        return say.gettext("leads that enter the stage {stage} for the first time", stage=words.name(matcher.stage))
    if isinstance(matcher, TakesExit):
        return say.gettext("leads that leave the funnel as {exit} for the first time", exit=words.name(matcher.exit))
    if isinstance(matcher, OwnedByPerson):
        return say.gettext("times that a person becomes a lead's owner")
    if matcher.type == "touchpoint":
        kinds = _only(matcher, "kind")
        return _by_whom(words, say.any_of(map(words.kinds, kinds)) or say.gettext("touchpoints"), matcher, by)
    return say.gettext("times that {happening}", happening=_happening(words, matcher))


def _with(words: Words, told: str, matcher: EventMatcher, *told_of: str) -> str:
    """Add the conditions that the words do not say yet, in brackets."""
    left = {name: one for name, one in matcher.fields.items() if not (name in told_of and _is_told(name, matcher))}
    said = [text for text in (_conditions(words, left), _conditions(words, matcher.profile)) if text]
    return f"{told} ({'; '.join(said)})" if said else told


def _is_told(name: str, matcher: EventMatcher) -> bool:
    return bool(_only(matcher, name)) or (name == "stage" and _is_open(matcher))


def _only(matcher: EventMatcher, name: str) -> tuple[str, ...]:
    """The texts of which the field must be one; none where it has another condition, or any value will do."""
    condition = matcher.fields.get(name)
    return () if condition is None else tuple(str(value) for value in condition.one_of or ())


def _conditions(words: Words, conditions: Mapping[str, Condition]) -> str:
    """Such as: segment “enterprise” and score at least 50."""
    return words.language.all_of(_condition(words, name, one) for name, one in conditions.items())


def _condition(words: Words, name: str, condition: Condition) -> str:
    say = words.language
    if name == "automated" and condition.one_of == (True,):
        return say.gettext("by automation")
    if name == "automated" and condition.one_of == (False,):
        return say.gettext("not by automation")
    return say.gettext("{field} {condition}", field=words.within(name), condition=_met(words, name, condition))


def _met(words: Words, name: str, condition: Condition) -> str:
    say, parts = words.language, []
    if condition.one_of is not None:
        parts.append(say.any_of(_value(words, name, value) for value in condition.one_of))
    if condition.none_of is not None:
        without = say.any_of(_value(words, name, value) for value in condition.none_of)
        parts.append(say.gettext("anything but {values}", values=without))
    if condition.known is not None:
        parts.append(say.gettext("filled in") if condition.known else say.gettext("empty"))
    parts += _bounds(words, condition)
    return say.all_of(parts)


def _bounds(words: Words, condition: Condition) -> list[str]:
    say, least, most = words.language, condition.at_least, condition.at_most
    if least is not None and most is not None:
        return [say.gettext("from {least} to {most}", least=say.number(least), most=say.number(most))]
    if least is not None:
        return [say.gettext("at least {number}", number=say.number(least))]
    return [] if most is None else [say.gettext("at most {number}", number=say.number(most))]


def _value(words: Words, name: str, value: Scalar) -> str:
    say = words.language
    if isinstance(value, bool):
        return say.gettext("yes") if value else say.gettext("no")
    if not isinstance(value, str):
        return say.number(value)
    if name in _PEOPLE:
        return words.person(value)
    return say.quoted(words.within(value) if name in _NAMED else value)
