"""Who is told what becomes of clocks and promises, where and when: the agreement's `notifications` (DESIGN §3).

Addresses are secrets, so an agreement names them and never holds them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from schemas.derived import ClockChange, Standing
from schemas.duration import AnyDuration, Duration, Span
from schemas.frozen import Frozen, Items, Map, OneOrMore, Some
from schemas.phrases import problem, raise_all
from schemas.text import Id, Slug, Text

__all__ = [
    "CLOCK_CHANGES",
    "MANAGER",
    "OWNER",
    "RESPONSIBLE",
    "ROLES",
    "STANDINGS",
    "Address",
    "Change",
    "Notifications",
    "Route",
    "Step",
    "subject_of",
]

OWNER: Final = "owner"
MANAGER: Final = "manager"
RESPONSIBLE: Final = "responsible"
ROLES: Final = (OWNER, MANAGER, RESPONSIBLE)
"""Whom a route may name beside targets and people: the lead's owner, the owner's manager, and who answers for the
promise. A promise that is judged by period is of no lead, so only the last one can be told of it."""

Change: TypeAlias = Literal[ClockChange, Standing]
"""What may become of the clock of a clause, and how a promise or a goal may stand in its period."""
CLOCK_CHANGES: Final[tuple[str, ...]] = get_args(ClockChange)
STANDINGS: Final[tuple[str, ...]] = get_args(Standing)

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


def subject_of(changes: Iterable[object]) -> Literal["clocks", "promises"] | None:
    """What a route with these changes is about, as they are written; None: both, or none that there is."""
    named = set(changes)
    clocks, promises = not named.isdisjoint(CLOCK_CHANGES), not named.isdisjoint(STANDINGS)
    if clocks == promises:
        return None
    return "clocks" if clocks else "promises"


class Route(Frozen):
    """Who is told of some changes of clocks, or of promises and goals that are judged by period, but never of both.

    Every route that matches counts; what it leaves out matches anything. `clause` may be a goal too. `owner` and
    `team` are those of the lead's owner when it came true. An `urgent` message goes out in quiet hours too.
    """

    change: OneOrMore[Change]
    clause: OneOrMore[Slug] | None = None
    owed_by: OneOrMore[Slug] | None = None
    owner: OneOrMore[Id] | None = None
    team: OneOrMore[Text] | None = None
    to: Addressees
    urgent: bool = False
    escalate: Annotated[Items[Step], AfterValidator(_one_after_another)] = ()

    @property
    def is_of_promises(self) -> bool:
        """Whether it is about promises and goals that are judged by period, and not about clocks."""
        return subject_of(self.change) == "promises"

    @model_validator(mode="after")
    def _keeps_to_its_subject(self) -> "Route":
        subject = subject_of(self.change)
        problems: list[InitErrorDetails] = []
        if subject is None:
            problems += _of_two_subjects(self)
        elif subject == "promises":
            problems += _of_leads(self)
        elif subject == "clocks" and self.escalate and "breached" not in self.change:
            message = "only a breach is escalated, and 'change' has none: add breached there, or leave the steps out"
            problems.append(problem(("escalate",), message))
        raise_all("Route", problems)
        return self


def _of_two_subjects(route: Route) -> Iterator[InitErrorDetails]:
    clock = next(change for change in route.change if change in CLOCK_CHANGES)
    standing = next(change for change in route.change if change in STANDINGS)
    message = f"'{clock}' is said of clocks, and '{standing}' of promises that are judged by period: write two routes"
    yield problem(("change",), message)


def _of_leads(route: Route) -> Iterator[InitErrorDetails]:
    """What a route about promises says that only the clock of a lead has."""
    for key, value in (("owner", route.owner), ("team", route.team)):
        if value is not None:
            yield problem((key,), f"a promise that is judged by period is of no lead and no owner: leave '{key}' out")
    if route.escalate:
        yield problem(("escalate",), "only the breach of a clock is escalated: leave the steps out")
    message = (
        "'{}' is of a lead, and a promise that is judged by period is of none: write responsible, or name a target or "
        "a person"
    )
    for place, name in enumerate(route.to):
        if name in {OWNER, MANAGER}:
            yield problem(("to", place), message.format(name))


class Notifications(Frozen):
    """Everything that is told of clocks and promises.

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
