"""What one value must be for a matcher to match: a value, one of several, not some, known, within bounds."""

import math
from collections.abc import Mapping
from typing import Annotated, Final, Self, TypeAlias

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas.frozen import Frozen, OneOrMore
from schemas.phrases import described

Scalar: TypeAlias = str | bool | int | float
Number: TypeAlias = int | float

_SCALAR: Final[JsonSchemaValue] = {"type": ["string", "boolean", "number"]}
_ONE_OR_MORE: Final[JsonSchemaValue] = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
CONDITION_SCHEMA: Final[JsonSchemaValue] = {
    "anyOf": [
        *_ONE_OR_MORE["anyOf"],
        {
            "type": "object",
            "properties": {
                "not": _ONE_OR_MORE,
                "known": {"type": "boolean"},
                "at_least": {"type": "number"},
                "at_most": {"type": "number"},
            },
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}
"""A condition as it is written."""


def _scalar(value: object) -> object:
    if value is None:
        raise ValueError("must be a value, not nothing (null): write {known: false} for what must be absent")
    if not isinstance(value, Scalar):
        raise ValueError(f"must be text, a number, true or false, not {described(value)}")  # noqa: TRY004  pydantic reports ValueError only
    return _finite(value)


def _number(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, Number)):
        raise ValueError(f"must be a number, not {described(value)}")
    return _finite(value)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


Scalars = OneOrMore[Annotated[Scalar, BeforeValidator(_scalar)]] | None
Bound = Annotated[Number | None, BeforeValidator(_number)]


class Condition(Frozen):
    """All that is given must hold of the value. In YAML, `one_of` is a value or a list by itself."""

    one_of: Scalars = None
    none_of: Scalars = Field(default=None, alias="not")
    known: bool | None = None
    at_least: Bound = None
    at_most: Bound = None

    @classmethod
    def written_keys(cls) -> tuple[str, ...]:
        """The keys that a condition may have where it is written as an object."""
        return ("not", "known", "at_least", "at_most")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, Mapping | Condition):
            return {"one_of": value if isinstance(value, list | tuple) else (value,)}
        if isinstance(value, Mapping) and not isinstance(value.get("one_of", ()), tuple):
            raise ValueError("'one_of' is not written: put the values themselves, as a list")  # noqa: TRY004  same
        return value

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        options = (self.one_of, self.none_of, self.known, self.at_least, self.at_most)
        given = [option for option in options if option is not None]
        if not given:
            raise ValueError(
                f"says nothing: give a value, a list of values, or one of {', '.join(self.written_keys())}"
            )
        if self.known is False and len(given) > 1:
            raise ValueError("can never be met: what is not known has no other condition; leave one of them out")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"can never be met: at_least {self.at_least} is above at_most {self.at_most}; write the lower one as "
                "at_least, or leave one of them out"
            )
        return self

    def covers(self, other: "Condition") -> bool:
        """Whether all that meets the other surely meets this one too (the simple cases only)."""
        if self.one_of is not None:
            return other.one_of is not None and all(_among(value, self.one_of) for value in other.one_of)
        if self.none_of is not None and not all(_among(value, other.none_of or ()) for value in self.none_of):
            return False
        if self.known is not None and self.known != (True if other._needs_a_value else other.known):
            return False
        return other._is_within(self.at_least, self.at_most)

    @property
    def _needs_a_value(self) -> bool:
        """Whether nothing that is absent meets it."""
        return any(option is not None for option in (self.one_of, self.at_least, self.at_most)) or self.known is True

    def _is_within(self, low: Number | None, high: Number | None) -> bool:
        """Whether only numbers from `low` to `high` meet it; None: no bound."""
        if low is None and high is None:
            return True
        if self.one_of is not None:
            return all(
                not isinstance(value, str | bool) and (low is None or value >= low) and (high is None or value <= high)
                for value in self.one_of
            )
        above = low is None or (self.at_least is not None and self.at_least >= low)
        return above and (high is None or (self.at_most is not None and self.at_most <= high))

    @model_serializer
    def _write(self) -> object:
        if self.one_of is not None:
            return _unlisted(self.one_of)
        written = {
            "not": None if self.none_of is None else _unlisted(self.none_of),
            "known": self.known,
            "at_least": self.at_least,
            "at_most": self.at_most,
        }
        return {key: value for key, value in written.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show how a condition is written, not how it is kept."""
        return CONDITION_SCHEMA


def _unlisted(values: tuple[Scalar, ...]) -> object:
    return values[0] if len(values) == 1 else list(values)


def _among(value: Scalar, values: tuple[Scalar, ...]) -> bool:
    """Whether one of them is the value: true is not 1."""
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values)
