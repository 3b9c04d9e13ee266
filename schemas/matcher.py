"""Which events, stages, exits and profiles the agreement means (DESIGN §3). No expressions and no code."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails

from schemas.condition import CONDITION_SCHEMA, Condition
from schemas.fields import FIELDS, EventType, check_field
from schemas.frozen import Frozen, Map, OneOrMore
from schemas.phrases import UNKNOWN_KEY, described, nearest, problem, raise_all, rephrase, unknown
from schemas.text import Id, Slug

Conditions: TypeAlias = Map[Id, Condition]


class ProfileMatcher(Frozen):
    """A lead's profile: every one of the conditions is met."""

    profile: Annotated[Conditions, Field(min_length=1)]


class EventMatcher(Frozen):
    """An event of one type, each of whose named fields, and of its profile's, meets its condition.

    In YAML the fields stand beside `type`.
    """

    type: EventType
    fields: Conditions = Field(default_factory=Map)
    profile: Conditions = Field(default_factory=Map)

    def covers(self, other: "EventMatcher") -> bool:
        """Whether every event that the other matches is surely one that this one matches too (the simple cases)."""
        return (
            self.type == other.type
            and all(name in other.fields and one.covers(other.fields[name]) for name, one in self.fields.items())
            and all(name in other.profile and one.covers(other.profile[name]) for name, one in self.profile.items())
        )

    @model_validator(mode="before")
    @classmethod
    def _gather_fields(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        own = {key: value[key] for key in ("type", "profile") if key in value}
        return own | {"fields": _named_fields(value)}

    @model_validator(mode="wrap")
    @classmethod
    def _names_fields_that_exist(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        problems = list(_field_problems(value)) if isinstance(value, Mapping) else []
        try:
            matcher = handler(value)
        except ValidationError as error:
            raise rephrase(error, also=problems) from None
        raise_all(cls.__name__, problems)
        return matcher

    @model_serializer(mode="wrap")
    def _spread_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        dumped = handler(self)
        profile = {"profile": dumped["profile"]} if self.profile else {}
        return {"type": dumped["type"], **dumped["fields"], **profile}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "title": "EventMatcher",
            "description": cls.__doc__ or "",
            "oneOf": [_schema_of(kind) for kind in FIELDS],
        }


def _named_fields(matcher: Mapping[str, object]) -> Mapping[str, object]:
    """The fields as they stand beside `type`, or as code gives them, already gathered."""
    gathered = matcher.get("fields")
    if isinstance(gathered, Map):
        return gathered
    return {name: value for name, value in matcher.items() if name not in {"type", "profile"}}


def _field_problems(matcher: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    kind = next((kind for kind in FIELDS if kind == matcher.get("type")), None)
    if kind is None:
        return
    known = (*FIELDS[kind], "profile") if kind == "lead" else FIELDS[kind]
    for name in (*_named_fields(matcher), *({"profile"} & matcher.keys())):
        if name not in known:
            yield problem((name,), unknown(f"field of a {kind}", name, known), UNKNOWN_KEY)
    for name, value in _named_fields(matcher).items():
        if name in FIELDS[kind] and (condition := _readable(value)):
            yield from (problem((name,), message, value=value) for message in check_field(kind, name, condition))


def _readable(value: object) -> Condition | None:
    try:
        return Condition.model_validate(value)
    except ValidationError:
        return None


def _schema_of(kind: EventType) -> JsonSchemaValue:
    fields: dict[str, object] = dict.fromkeys(FIELDS[kind], CONDITION_SCHEMA)
    if kind == "lead":
        fields["profile"] = {"type": "object", "additionalProperties": CONDITION_SCHEMA}
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **fields},
        "required": ["type"],
        "additionalProperties": False,
    }


class EntersStage(Frozen):
    """A lead enters a stage."""

    stage: Slug


class TakesExit(Frozen):
    """A lead takes an exit."""

    exit: Slug


class OwnedByPerson(Frozen):
    """An event leaves the lead with a person where none, or a queue, had it."""

    owner: Literal["person"]


_TAGS: Final[dict[str, str]] = {"stage": "a stage", "exit": "an exit", "owner": "an owner"}  # no key looks like these
_MEANT: Final = {"entered": "stage", "enters": "stage", "exited": "exit", "left": "exit"}
_FORMS: Final = "{type: lead, status: mql}, {stage: …}, {exit: …} or {owner: person}"


def _well_formed(value: object) -> object:
    """Refuse what is none of the forms of a matcher, in one error instead of one for each form."""
    if isinstance(value, Frozen):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a matcher such as {_FORMS}, not {described(value)}")  # noqa: TRY004  pydantic reports ValueError only
    if "type" in value or (len(value) == 1 and value.keys() <= _TAGS.keys()):
        return value
    raise ValueError(_no_matcher(value))


def _no_matcher(value: Mapping[str, object]) -> str:
    """What to write instead: with one key, the form that it was most likely meant to be."""
    key = str(next(iter(value), ""))
    if len(value) == 1 and (key in _MEANT or (meant := nearest(key, _TAGS))):
        return f"'{key}' is no key of a matcher: write {{{_MEANT.get(key) or meant}: …}}"
    return f"is no matcher: add 'type' ({', '.join(FIELDS)}), or write one of {_FORMS}"


def _of_a_lead(value: object) -> object:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    if kind == "spend":
        raise ValueError("a spend event is of no lead, so it never matches here: name another type")
    return value


def _not_circular(value: object) -> object:
    names_stage = isinstance(value, Mapping) and "type" not in value and value.keys() & {"stage", "exit"}
    if isinstance(value, EntersStage | TakesExit) or names_stage:
        raise ValueError("a stage or exit cannot wait for another: name the event, such as {type: lead, status: mql}")
    return value


def _tag(value: object) -> str:
    if isinstance(value, Mapping) and "type" not in value:
        return _TAGS[next(iter(value))]
    return next((_TAGS[key] for key in _TAGS if hasattr(value, key)), "an event")


Matcher = EventMatcher | EntersStage | TakesExit | OwnedByPerson

_AnyMatcher = Annotated[
    Annotated[EventMatcher, Tag("an event")]
    | Annotated[EntersStage, Tag(_TAGS["stage"])]
    | Annotated[TakesExit, Tag(_TAGS["exit"])]
    | Annotated[OwnedByPerson, Tag(_TAGS["owner"])],
    Discriminator(_tag),
    BeforeValidator(_well_formed),
]
_FunnelMatcher = Annotated[
    Annotated[EventMatcher, Tag("an event")] | Annotated[OwnedByPerson, Tag(_TAGS["owner"])],
    Discriminator(_tag),
    BeforeValidator(_of_a_lead),
    BeforeValidator(_well_formed),
    BeforeValidator(_not_circular),
]
Matchers = OneOrMore[_AnyMatcher]
"""One matcher or a list of them, any of which may match."""

LeadMatchers = OneOrMore[Annotated[_AnyMatcher, BeforeValidator(_of_a_lead)]]
"""The same, of what happens to a lead."""

FunnelMatchers = OneOrMore[_FunnelMatcher]
"""The same, of events only."""

ProfileMatchers = OneOrMore[ProfileMatcher]
"""One profile matcher or a list of them, any of which may match."""
