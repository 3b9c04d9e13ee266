"""The contract as JSON Schema (2020-12): one document for each type of event, and one for the agreement.

They say what a schema can say. What only `schemas.decode` and `schemas.loader` know (a time's year in UTC, a name
that must exist) stands in the descriptions, and is refused there.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas import derived
from schemas.agreement import Agreement
from schemas.events import MODELS, CloudEvent
from schemas.text import Id, Text

__all__ = ["AGREEMENT", "DIALECT", "event_models", "json_schemas"]

Document: TypeAlias = dict[str, object]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
AGREEMENT: Final = "agreement.v1"

TIME_PATTERN: Final = (
    r"^(?:1999|20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
PRINTABLE_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029\ufeff]*$"
"""Refuses what is surely not printable; the decoder knows the rest of Unicode."""


def json_schemas() -> dict[str, Document]:
    """Every schema by its name: the event's type, or `AGREEMENT`."""
    models: Mapping[str, type[BaseModel]] = {**event_models(), AGREEMENT: Agreement}
    return {name: _schema(model) for name, model in models.items()}


def event_models() -> dict[str, type[CloudEvent]]:
    """Every event's model by its type: those that are read, then those that Baton says."""
    said = [
        model
        for model in vars(derived).values()
        if isinstance(model, type) and issubclass(model, CloudEvent) and "type" in model.model_fields
    ]
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in (*MODELS, *said)}


def _schema(model: type[BaseModel]) -> Document:
    return {"$schema": DIALECT, **model.model_json_schema(by_alias=True, schema_generator=_Generator)}


def _check_of(annotated: object) -> object:
    """The function that checks an annotated text beyond what its constraints say."""
    return next(part.func for part in get_args(annotated) if hasattr(part, "func"))


_PRINTABLE: Final = (_check_of(Id), _check_of(Text))


class _Generator(GenerateJsonSchema):
    """Pydantic's schemas, with patterns for what is checked by functions, and without titles that say nothing."""

    schema_dialect = DIALECT

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  the signature is pydantic's
        """Never: a field has its name."""
        return False

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """A time as the contract writes it."""
        return {**super().datetime_schema(schema), "pattern": TIME_PATTERN}

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """A text that must be printable says so."""
        inner = super().function_after_schema(schema)
        return {**inner, "pattern": PRINTABLE_PATTERN} if schema["function"]["function"] in _PRINTABLE else inner
