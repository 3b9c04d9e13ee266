"""Who is told what becomes of clocks, where and when: the agreement's optional `notifications` (DESIGN §3).

Addresses are secrets, so an agreement names them and never holds them.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.derived import ClockChange
from schemas.duration import AnyDuration, Duration, Span
from schemas.frozen import Frozen, Items, Map, OneOrMore, Some
from schemas.phrases import problem, raise_all
from schemas.text import Id, Slug, Text

__all__ = ["MANAGER", "OWNER", "RESPONSIBLE", "ROLES", "Address", "Notifications", "Route", "Step"]

OWNER: Final = "owner"
MANAGER: Final = "manager"
RESPONSIBLE: Final = "responsible"
ROLES: Final = (OWNER, MANAGER, RESPONSIBLE)
"""Whom a route may name beside targets and people: the lead's owner, the owner's manager, and who answers for the
clause."""

NAME_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_LONGEST_GROUP_S: Final = 3_600


def _secret_name(name: object) -> object:
    """Refuse what is no name; what was written is not repeated, for it may be the secret itself."""
    if isinstance(name, str) and not re.fullmatch(NAME_PATTERN, name, re.ASCII):
        raise ValueError(
            "a secret is named here, never written: put the address into the environment or a file, such "
            "as SLACK_SALES, and write that name (letters, digits and '_')"
        )
    return name


def _open_time(duration: Duration) -> Duration:
    if duration.amount == 0:
        raise ValueError(f"'{duration}' is the breach itself: put whom to tell into 'to', or write a longer one")
    if duration.unit in ("d", "bd"):
        raise ValueError(
            f"'{duration}' is refused: write open time of the clause's calendar, such as 30m, or 8h for a working day"
        )
    return duration


def _at_most_an_hour(duration: Duration) -> Duration:
    if duration.seconds > _LONGEST_GROUP_S:
        raise ValueError(f"'{duration}' is too long to keep anybody waiting: write 1h or less")
    return duration


SecretName = Annotated[str, BeforeValidator(_secret_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
OpenTime = Annotated[AnyDuration, AfterValidator(_open_time)]
Addressees = OneOrMore[Id]
"""Roles, targets, or people of `notifications.people`."""


class Address(Frozen):
    """Where messages go: the name of a secret that holds a URL of apprise's.

    They wait while the calendar `quiet_outside` is closed; without one, that of `notifications` counts.
    """

    secret: SecretName
    quiet_outside: Slug | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_its_secret(cls, value: object) -> object:
        """An address that stands here itself is not repeated either."""
        if not isinstance(value, Mapping | Address):
            raise ValueError("an address is an object: write the name of its secret, such as {secret: SLACK_SALES}")  # noqa: TRY004  pydantic reports ValueError only
        return value


class Step(Frozen):
    """Who is told when a breach goes unanswered for so much open time of the clause's calendar."""

    after: OpenTime
    to: Addressees
    urgent: bool = False


def _one_after_another(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    message = "must be more than the {} of the step before: the steps of an escalation follow one another"
    problems = [
        problem((place, "after"), message.format(before.after))
        for place, (before, step) in enumerate(pairwise(steps), 1)
        if step.after.seconds <= before.after.seconds
    ]
    raise_all("escalate", problems)
    return steps


class Route(Frozen):
    """Who is told of some changes of clocks. Every route that matches counts; what it leaves out matches anything.

    `owner` and `team` are those of the lead's owner when it came true. An `urgent` message goes out in quiet hours
    too.
    """

    change: OneOrMore[ClockChange]
    clause: OneOrMore[Slug] | None = None
    owed_by: OneOrMore[Slug] | None = None
    owner: OneOrMore[Id] | None = None
    team: OneOrMore[Text] | None = None
    to: Addressees
    urgent: bool = False
    escalate: Annotated[Items[Step], AfterValidator(_one_after_another)] = ()

    @model_validator(mode="after")
    def _escalates_breaches(self) -> "Route":
        if self.escalate and "breached" not in self.change:
            message = "only a breach is escalated, and 'change' has none: add breached there, or leave the steps out"
            raise_all("Route", [problem(("escalate",), message)])
        return self


class Notifications(Frozen):
    """Everything that is told of clocks.

    `people` have addresses of their own. `fallback` is told in the place of a person who is not there or has no
    address. `group` is how long messages are collected before one is sent for many.
    """

    targets: Map[Slug, Address] = Field(default_factory=Map)
    people: Map[Id, Address] = Field(default_factory=Map)
    fallback: Slug | None = None
    quiet_outside: Slug | None = None
    group: Annotated[Span, AfterValidator(_at_most_an_hour)] = Duration(30, "s")
    routes: Some[Route]

    def address(self, name: str) -> Address | None:
        """The address of that name: a target's, or a person's."""
        return self.targets.get(name) or self.people.get(name)

    def calendar_of(self, name: str) -> str | None:
        """The name of the calendar outside of which the address is quiet; None: it never is."""
        address = self.address(name)
        return self.quiet_outside if address is None or address.quiet_outside is None else address.quiet_outside
