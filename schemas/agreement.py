"""The agreement between marketing and sales, whole (contract v1, DESIGN §3), as plain data that never changes.

`schemas.loader` reads it from YAML. An agreement that exists is valid: every name in it is known.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from schemas.addressees import addressee_problems
from schemas.calendars import Calendar, Zone, is_zone
from schemas.day_targets import day_target_problems
from schemas.duration import Lookback, Span
from schemas.frozen import Distinct, Frozen, Items, Map, Some, filled
from schemas.hours import AwayText
from schemas.matcher import FunnelMatchers, ProfileMatchers
from schemas.notifications import Notifications
from schemas.phrases import raise_all, rephrase, written_path
from schemas.promises import AnyClause, AnyGoal
from schemas.references import reference_problems
from schemas.text import Id, Slug, Text, Time

Meaning = Annotated[str, Field(min_length=1, max_length=4096)]
Model: TypeAlias = Literal["first", "last", "linear", "u", "w", "time_decay", "markov"]


def _not_empty(parties: Map[str, "Party"]) -> Map[str, "Party"]:
    if not parties:
        raise ValueError("an agreement needs parties: name them, such as {marketing: {}, sales: {}}")
    return parties


class Party(Frozen):
    """One side of the agreement, and the person who answers for it."""

    responsible: Id | None = None


class Person(Frozen):
    """Somebody who can own a lead; a queue owns those that nobody owns yet. Days away are in the calendar's zone."""

    id: Id
    team: Text | None = None
    manager: Id | None = None
    calendar: Slug | None = None
    away: Items[AwayText] = ()
    queue: bool = False


class Stage(Frozen):
    """A stage of the funnel: entered by any of `enters`, once any of `requires` holds."""

    id: Slug
    enters: FunnelMatchers
    requires: ProfileMatchers | None = None
    reenters: bool = False


class Exit(Frozen):
    """A way out of the funnel, and the reasons that it knows."""

    id: Slug
    on: FunnelMatchers
    reasons: Distinct[Text] = ()


class Funnel(Frozen):
    """The stages in order, and the exits."""

    stages: Some[Stage]
    exits: Items[Exit] = ()


class Attribution(Frozen):
    """How revenue is credited to touchpoints.

    The headline is the first model unless said. With no `lookback`, the whole journey; `direct` touchpoints
    count as others do, or only where there are no others.
    """

    models: Annotated[Distinct[Model], BeforeValidator(filled)]
    headline: Model = Field(default=None, validate_default=True)
    lookback: Lookback | None = None
    direct: Literal["count", "ignore_unless_only"] = "count"

    @field_validator("headline", mode="before")
    @classmethod
    def _headline_is_a_model(cls, headline: object, info: ValidationInfo) -> object:
        models = info.data.get("models")
        if not models:
            return headline or "first"  # the models' own error says what is wrong
        if headline is not None and headline not in models:
            raise ValueError(
                f"'{headline}' is not among the models ({', '.join(models)}): add it there, or take one of them"
            )
        return headline or models[0]


class Agreement(Frozen):
    """One version of the agreement, in force from `effective` on.

    `timezone` is for periods; `calendar` is the one where none is named (None: always open); past `lateness`
    (None: never) an event comes too late.
    """

    agreement: Slug
    version: Annotated[int, Field(ge=1)]
    effective: Time
    timezone: Zone = "UTC"
    calendar: Slug | None = None
    parties: Annotated[Map[Slug, Party], AfterValidator(_not_empty)]
    people: Items[Person] = ()
    glossary: Map[Text, Meaning] = Field(default_factory=Map)
    channels: Distinct[Text] = ()
    calendars: Map[Slug, Calendar] = Field(default_factory=Map)
    funnel: Funnel
    clauses: Items[AnyClause] = ()
    goals: Items[AnyGoal] = ()
    attribution: Attribution | None = None
    notifications: Notifications | None = None
    lateness: Span | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _names_are_known(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Look up every name, also where something else is wrong, so that all errors are told at once."""
        problems = _problems(value) if isinstance(value, Mapping) else []
        try:
            agreement = handler(_with_zones(value) if isinstance(value, Mapping) else value)
        except ValidationError as error:
            told = {written_path(value, details["loc"]) for details in error.errors(include_url=False)}
            raise rephrase(error, also=(one for one in problems if one["loc"] not in told)) from None
        raise_all(cls.__name__, problems or _problems(agreement.model_dump(mode="json")))
        return agreement


def _problems(agreement: Mapping[str, object]) -> list[InitErrorDetails]:
    return [*reference_problems(agreement), *day_target_problems(agreement), *addressee_problems(agreement)]


def _with_zones(agreement: Mapping[str, object]) -> Mapping[str, object]:
    """Fill in the agreement's zone in the calendars that name none."""
    zone, calendars = agreement.get("timezone", "UTC"), agreement.get("calendars")
    if not isinstance(calendars, Mapping) or not isinstance(zone, str) or not is_zone(zone):
        return agreement
    zoned = {
        name: {"timezone": zone, **calendar} if isinstance(calendar, Mapping) else calendar
        for name, calendar in calendars.items()
    }
    return {**agreement, "calendars": zoned}
