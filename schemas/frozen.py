"""What every model of the agreement is made of: frozen objects, lists and maps that refuse what they do not know.

Plain data all through: equal by content, hashable, and written back (by alias, JSON mode) as it stands in YAML.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Self, TypeAlias, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    Strict,
    WrapSerializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ValidationError, core_schema

from schemas.phrases import problem, raise_all, rephrase

K = TypeVar("K")
V = TypeVar("V")


def filled(value: object) -> object:
    """Refuse an empty list. Raises ValueError."""
    if isinstance(value, list | tuple) and not value:
        raise ValueError("an empty list says nothing: give at least one")
    return value


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _as_written(value: object, handler: SerializerFunctionWrapHandler) -> object:
    dumped = handler(value)
    return dumped[0] if isinstance(dumped, list | tuple) and len(dumped) == 1 else dumped


def _distinct(items: tuple[V, ...]) -> tuple[V, ...]:
    twice = [(place, item) for place, item in enumerate(items) if item in items[:place]]
    raise_all(
        "Distinct", [problem((place,), f"'{item}' is in the list before: write it once") for place, item in twice]
    )
    return items


class _OneOrMoreSchema:
    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], {**array, "minItems": 1}]}


Items: TypeAlias = Annotated[tuple[V, ...], Strict(False)]
"""A list, kept as a tuple (strict pydantic would take no list for it)."""

Some: TypeAlias = Annotated[tuple[V, ...], Strict(False), BeforeValidator(filled)]
"""A list with at least one item."""

Distinct: TypeAlias = Annotated[tuple[V, ...], Strict(False), AfterValidator(_distinct)]
"""A list in which nothing is twice."""

OneOrMore: TypeAlias = Annotated[
    tuple[V, ...],
    Strict(False),
    BeforeValidator(filled),
    BeforeValidator(_as_list),
    WrapSerializer(_as_written),
    _OneOrMoreSchema(),
]
"""One by itself, or a list with at least one."""


class Frozen(BaseModel):
    """An object of the agreement: unknown keys are refused, and its errors say what to write instead."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_plain_words(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            raise rephrase(error, keys=cls.written_keys()) from None

    @classmethod
    def written_keys(cls) -> tuple[str, ...]:
        """The keys that the object may have, as they are written in YAML."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())


class Map(Mapping[K, V]):
    """A mapping that never changes: hashable, equal to any mapping of the same content, in the order written."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"Map({self._items!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Self], handler: GetCoreSchemaHandler) -> CoreSchema:
        key, value = get_args(source)
        inner = handler.generate_schema(dict[key, value])  # type: ignore[valid-type]  # known at run time only
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.no_info_before_validator_function(_as_dict, inner),
            serialization=core_schema.wrap_serializer_function_ser_schema(_dump, schema=inner),
        )


def _as_dict(value: object) -> object:
    return dict(value) if isinstance(value, Map) else value


def _dump(value: Mapping[K, V], handler: core_schema.SerializerFunctionWrapHandler) -> object:
    dumped: object = handler(dict(value))
    return dumped
