"""Whether a target in days of 24 hours stands on a calendar that never closes (DESIGN §3).

Works on the agreement as it is written, as `schemas.references` does; what is wrong in another way is passed over.
"""

from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from schemas.calendars import Calendar
from schemas.duration import parse_duration
from schemas.phrases import Loc, problem
from schemas.promises import OWNERS_CALENDAR
from schemas.references import CLOCKS, Written, objects

_AWAY: Final = "the owner's days away"


def day_target_problems(agreement: Written) -> list[InitErrorDetails]:
    """Every target in `d` whose clock can run while a calendar is closed."""
    return [
        problem(
            loc,
            f"'{target}' counts all 24 hours of a day, but {closed} would stop the clock: "
            "write open time such as 40h, business days such as 2bd, or name a calendar that never closes",
            value=target,
        )
        for clause_loc, clause in objects(agreement, "clauses")
        if clause.get("kind") in CLOCKS and (closed := _what_closes(agreement, clause))
        for loc, target in _targets(clause_loc, clause)
        if _in_days(target)
    ]


def _targets(loc: Loc, clause: Written) -> Iterator[tuple[Loc, object]]:
    yield (*loc, "within"), clause.get("within")
    for place, tier in objects(clause, "tiers"):
        yield (*loc, *place, "within"), tier.get("within")


def _in_days(target: object) -> bool:
    try:
        return parse_duration(target).unit == "d"
    except ValueError:
        return False


def _what_closes(agreement: Written, clause: Written) -> str | None:
    """What can stop the clause's clock, in words; None if nothing does."""
    fallback = agreement.get("calendar")
    name = clause.get("calendar") or fallback
    if name != OWNERS_CALENDAR:
        return _closing(agreement, name)
    people = [person for _, person in objects(agreement, "people") if person.get("queue") is not True]
    if any(person.get("away") for person in people):
        return _AWAY
    calendars = [fallback, *(person.get("calendar") for person in people)]
    return next((closing for calendar in calendars if (closing := _closing(agreement, calendar))), None)


def _closing(agreement: Written, name: object) -> str | None:
    written = next((calendar for loc, calendar in objects(agreement, "calendars") if loc[-1] == name), None)
    try:
        closes = written is not None and Calendar.model_validate(written).ever_closes
    except ValidationError:
        return None
    return f"calendar '{name}'" if closes else None
