"""What a mapping file says: which events each row of a company's CSV files becomes. Declared, with no code in it.

A value is a constant, `{column: NAME}`, or a list of these that are joined to one text. A column may go
through a `lookup` into another file, through a table of `values`, and be read `as` something other than text.
"""

import codecs
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from agents.errors import BatonError
from schemas.events import DealData, LeadData, SpendData, TouchpointData
from schemas.frozen import Frozen, Items, Some
from schemas.lines import Document, Place, SyntaxFaultError, read_lines
from schemas.phrases import Loc, written_path
from schemas.text import Slug

EventKind: TypeAlias = Literal["touchpoint", "lead", "deal", "spend"]
DATA_MODELS: Final[dict[EventKind, type[BaseModel]]] = {
    "touchpoint": TouchpointData,
    "lead": LeadData,
    "deal": DealData,
    "spend": SpendData,
}
Reading: TypeAlias = Literal["text", "integer", "number", "decimal", "boolean", "date", "time"]


class MappingError(BatonError):
    """A mapping file that cannot be used: `problems` are all of its errors, each with file, line and path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write it such as America/Sao_Paulo or UTC") from None
    return name


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"{name!r} is no encoding; write it such as utf-8 or latin-1") from None
    return name


def _known_format(written: str) -> str:
    sample = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    try:
        datetime.strptime(sample.strftime(written), written)
    except ValueError as error:
        raise ValueError(f"is no format of strptime: {error}; write it such as %Y-%m-%d %H:%M:%S") from None
    return written


Name = Annotated[str, Field(min_length=1)]
Character = Annotated[str, Field(min_length=1, max_length=1)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
Format = Annotated[str, AfterValidator(_known_format)]
Constant: TypeAlias = str | bool | int | float


class Moment(Frozen):
    """The time of an event: `format` is Python's strptime (without one: ISO 8601).

    `date_only`: the column has no time of day, and the first instant of the day is meant. A local time that
    happens twice is its first; one that never happens is as much later as the clocks were put forward.
    """

    column: Name
    format: Format | None = None
    timezone: Zone | None = None
    date_only: bool = False


class Column(Frozen):
    """The content of a column; none when the column is empty."""

    column: Name
    lookup: Name | None = None
    values: dict[str, Constant] | None = None
    read_as: Reading = Field(default="text", alias="as")
    format: Format | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.values is not None and self.read_as != "text":
            raise ValueError("`values` says already what comes out; leave `as` away")
        if self.format is not None and self.read_as not in ("date", "time"):
            raise ValueError("`format` needs `as: date` or `as: time`")
        if self.timezone is not None and self.read_as != "time":
            raise ValueError("`timezone` needs `as: time`")
        return self


def _shape(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return "(joined)"
    return _part_shape(value)


def _part_shape(value: object) -> str | None:
    if isinstance(value, dict | Column):
        return "(column)"
    return "(constant)" if isinstance(value, str | bool | int | float) else None


Part: TypeAlias = Annotated[
    Annotated[Constant, Tag("(constant)")] | Annotated[Column, Tag("(column)")],
    Discriminator(_part_shape, "wrong", "must be a text, a number or {column: NAME}"),
]
Value: TypeAlias = Annotated[
    Annotated[Constant, Tag("(constant)")]
    | Annotated[Column, Tag("(column)")]
    | Annotated[Some[Part], Tag("(joined)")],
    Discriminator(_shape, "wrong", "must be a text, a number, true, false, {column: NAME} or a list of these"),
]


class Csv(Frozen):
    """A CSV file with a header, found by its name, and how it is written."""

    file: Name
    delimiter: Character = ","
    quote: Character = '"'
    encoding: Encoding = "utf-8-sig"
    """By default UTF-8, with or without a byte order mark."""
    nulls: Items[str] = ("",)
    """The texts that mean nothing."""


class Lookup(Csv):
    """A table from the column `key` to the column `value` of a file."""

    key: Name
    value: Name


class EventRule(Frozen):
    """An event that a row becomes, unless one of the columns `skip_when_empty` is empty."""

    type: EventKind
    id: Value
    source: Value
    subject: Value
    time: Moment
    sequence: Value | None = None
    skip_when_empty: Items[Name] = ()
    data: dict[str, Value]
    profile: dict[str, Value] | None = None

    @model_validator(mode="after")
    def _data_is_of_its_type(self) -> Self:
        model = DATA_MODELS[self.type]
        fields = {field.alias or name: field for name, field in model.model_fields.items() if name != "profile"}
        if "profile" in self.data:
            raise ValueError("`profile` stands beside `data`, not in it")
        if unknown := sorted(self.data.keys() - fields.keys()):
            raise ValueError(f"data of a {self.type} has no {', '.join(unknown)}; it has {', '.join(sorted(fields))}")
        needed = {name for name, field in fields.items() if field.is_required() and name != "status"}
        if missing := sorted(needed - self.data.keys()):
            raise ValueError(f"data of a {self.type} needs {', '.join(missing)}: add it")
        if self.profile is not None and self.type != "lead":
            raise ValueError(f"a {self.type} has no profile; say it in an event of type lead")
        return self

    def values(self) -> Iterator[Value]:
        """Every value of the event but its time."""
        yield from (self.id, self.source, self.subject, *self.data.values(), *(self.profile or {}).values())
        if self.sequence is not None:
            yield self.sequence


class FileRule(Csv):
    """A CSV file and the events that each of its rows becomes."""

    decimal: Character = "."
    thousands: Character | None = None
    skip_when_empty: Items[Name] = ()
    events: Some[EventRule]


class Mapping(Frozen):
    """A whole mapping file. `timezone` is that of times which say none."""

    mapping: Slug
    timezone: Zone | None = None
    lookups: dict[str, Lookup] = Field(default_factory=dict)
    files: Some[FileRule]

    @model_validator(mode="after")
    def _lookups_exist(self) -> Self:
        for rule in self.files:
            for column in columns_of(rule):
                if column.lookup is not None and column.lookup not in self.lookups:
                    raise ValueError(f"the lookup {column.lookup!r} of column {column.column!r} is not in `lookups`")
        return self

    @model_validator(mode="after")
    def _files_differ(self) -> Self:
        names = [rule.file for rule in self.files]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice in `files`; give it several `events` instead")
        return self

    @model_validator(mode="after")
    def _times_have_a_zone(self) -> Self:
        if self.timezone is not None:
            return self
        for rule in self.files:
            for moment in moments_of(rule):
                if (
                    moment.timezone is None
                    and (moment.format or moment.date_only)
                    and "%z" not in (moment.format or "")
                ):
                    raise ValueError(
                        f"the times of column {moment.column!r} of {rule.file} have no time zone; "
                        "give the mapping, or the column, a `timezone`"
                    )
        return self


def columns_of(rule: FileRule) -> Iterator[Column]:
    """Every column that a file's events take a value from."""
    for event in rule.events:
        for value in event.values():
            yield from (part for part in (value if isinstance(value, tuple) else [value]) if isinstance(part, Column))


def moments_of(rule: FileRule) -> Iterator[Moment]:
    """Every column that a file's events take a time from."""
    for event in rule.events:
        yield event.time
    for column in columns_of(rule):
        if column.read_as == "time":
            yield Moment(column=column.column, format=column.format, timezone=column.timezone)


def load_mapping(text: str, name: str) -> Mapping:
    """Read a mapping file's text (YAML 1.2); `name` is what errors call it.

    Raises MappingError with every problem at once, each with its line and its path.
    """
    try:
        document = read_lines(text)
    except SyntaxFaultError as error:
        raise MappingError([_told(name, error.fault.place, (), error.fault.message)]) from None
    if document.faults:
        raise MappingError([_told(name, fault.place, fault.path, fault.message) for fault in document.faults])
    try:
        return Mapping.model_validate(document.data)
    except ValidationError as error:
        found = [_problem(document, detail) for detail in error.errors()]
        raise MappingError([_told(name, *problem) for problem in sorted(found, key=_by_line)]) from None


def _problem(document: Document, detail: ErrorDetails) -> tuple[Place, Loc, str]:
    path = written_path(document.data, detail["loc"])
    place = document.keys.get(path) or document.values.get(path) or Place(1, 1)
    return place, path, detail["msg"].removeprefix("Value error, ")


def _by_line(problem: tuple[Place, Loc, str]) -> Place:
    return problem[0]


def _told(name: str, place: Place, path: Loc, message: str) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return f"{name}:{place.line}: {where + ': ' if where else ''}{message}"
