"""Whether each stage and exit of a funnel can ever be entered or taken, as events move leads (DESIGN §5, funnel).

Works on the funnel as it is written, as `schemas.references` does; what is wrong in another way is passed over.
Only what is sure is refused: a matcher that another one covers.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

from schemas.condition import Condition
from schemas.matcher import EventMatcher, FunnelMatchers, OwnedByPerson
from schemas.phrases import Loc, problem
from schemas.references import Written, objects

MOVING_KINDS: Final = ("new", "renewal", "expansion")
"""The kinds of deal that move a lead; `streams.journey` moves by the same."""

_MATCHERS: Final[TypeAdapter[tuple[EventMatcher | OwnedByPerson, ...]]] = TypeAdapter(FunnelMatchers)
_NEW: Final = Condition(one_of=("new",))


class _Way(NamedTuple):
    """A stage or an exit, and what leads into it."""

    name: str
    loc: Loc
    matchers: tuple[EventMatcher | OwnedByPerson, ...]
    requires: bool
    reenters: bool


def reach_problems(agreement: Written) -> list[InitErrorDetails]:
    """Every stage that nothing can enter, and every exit that nothing can take."""
    stages = list(_ways(agreement, "stages", "enters"))
    exits = list(_ways(agreement, "exits", "on"))
    return [
        *_stages_never_entered(stages, exits),
        *_exits_never_taken(exits),
        *(found for way in (*stages, *exits) for found in _of_deals_that_move_nobody(way)),
    ]


def _ways(agreement: Written, kind: str, key: str) -> Iterator[_Way]:
    for loc, item in objects(agreement, "funnel", kind):
        try:
            matchers = _MATCHERS.validate_python(item.get(key))
        except ValidationError:
            continue
        name = str(item.get("id", loc[-1]))
        yield _Way(name, (*loc, key), matchers, item.get("requires") is not None, item.get("reenters") is True)


def _stages_never_entered(stages: Sequence[_Way], exits: Sequence[_Way]) -> Iterator[InitErrorDetails]:
    """A lead goes to the furthest stage that an event matches, and takes an exit rather than any (funnel 1)."""
    for place, stage in enumerate(stages):
        further = [later for later in stages[place + 1 :] if not later.requires]
        takers = [_taker(matcher, stage, further, exits) for matcher in stage.matchers]
        if names := _all(takers):
            yield problem(
                stage.loc,
                f"nothing ever enters this stage: what it matches goes to {names}; write what only this stage means, "
                "or take the stage out",
            )


def _taker(
    matcher: EventMatcher | OwnedByPerson, stage: _Way, further: Sequence[_Way], exits: Sequence[_Way]
) -> str | None:
    """What takes every event that the matcher means before the stage does; None: nothing surely does."""
    is_deal = isinstance(matcher, EventMatcher) and matcher.type == "deal"
    is_touch = isinstance(matcher, EventMatcher) and matcher.type == "touchpoint"
    for way_out in exits:
        if not is_deal and _takes(way_out, matcher):  # a lost deal takes no exit while another one is open
            return f"exit '{way_out.name}'"
    for later in further:
        if _takes(later, matcher) and (later.reenters or not (is_touch and stage.reenters)):
            return f"stage '{later.name}'"
    return None


def _exits_never_taken(exits: Sequence[_Way]) -> Iterator[InitErrorDetails]:
    """A lead takes the first exit that an event matches."""
    for place, way_out in enumerate(exits):
        takers = [
            next((f"exit '{earlier.name}'" for earlier in exits[:place] if _takes(earlier, matcher)), None)
            for matcher in way_out.matchers
        ]
        if names := _all(takers):
            yield problem(
                way_out.loc,
                f"nothing ever takes this exit: what it matches takes {names}, which is before it; put the narrower "
                "one first, or take one of them out",
            )


def _of_deals_that_move_nobody(way: _Way) -> Iterator[InitErrorDetails]:
    """A refund, or a deal of an unknown kind, moves nobody (funnel 6)."""
    kinds = [_kinds(matcher) for matcher in way.matchers]
    if all(named is not None and not set(named) & set(MOVING_KINDS) for named in kinds):
        told = ", ".join(dict.fromkeys(str(kind) for named in kinds for kind in named or ()))
        yield problem(
            way.loc,
            f"nothing ever matches here: a deal of kind {told} moves no lead; name {', '.join(MOVING_KINDS)}, or leave "
            "'kind' out",
        )


def _kinds(matcher: EventMatcher | OwnedByPerson) -> Sequence[object] | None:
    """The kinds of deal that a matcher names; None: it names none, or is of something else."""
    if not isinstance(matcher, EventMatcher) or matcher.type != "deal" or "kind" not in matcher.fields:
        return None
    return matcher.fields["kind"].one_of


def _takes(way: _Way, matcher: EventMatcher | OwnedByPerson) -> bool:
    return any(_covers(one, matcher) for one in way.matchers)


def _covers(wide: EventMatcher | OwnedByPerson, narrow: EventMatcher | OwnedByPerson) -> bool:
    if isinstance(wide, EventMatcher) and isinstance(narrow, EventMatcher):
        return _of_new_deals(wide).covers(_of_new_deals(narrow))
    return isinstance(wide, OwnedByPerson) and isinstance(narrow, OwnedByPerson)


def _of_new_deals(matcher: EventMatcher) -> EventMatcher:
    """A matcher of deals that names no kind means new ones (§3)."""
    if matcher.type != "deal" or "kind" in matcher.fields:
        return matcher
    return EventMatcher.model_validate({"type": "deal", **matcher.fields, "kind": _NEW})


def _all(takers: Sequence[str | None]) -> str:
    """Who takes all of them, in words; empty where something is left."""
    if not all(takers):
        return ""
    return " or ".join(dict.fromkeys(str(taker) for taker in takers))
