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
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from schemas.events import DealData, LeadData, SpendData, TouchpointData
from schemas.text import Slug

EventKind: TypeAlias = Literal["touchpoint", "lead", "deal", "spend"]
DATA_MODELS: Final[dict[EventKind, type[BaseModel]]] = {
    "touchpoint": TouchpointData,
    "lead": LeadData,
    "deal": DealData,
    "spend": SpendData,
}
Reading: TypeAlias = Literal["text", "integer", "number", "decimal", "boolean", "date", "time"]


class MappingError(Exception):
    """A mapping file that cannot be used: `problems` are all of its errors, each with file, line and path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Declared(BaseModel):
    """What every part of a mapping has in common: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


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


class Moment(Declared):
    """The time of an event: `format` is Python's strptime (without one: ISO 8601).

    `date_only`: the column has no time of day, and the first instant of the day is meant. A local time that
    happens twice is its first; one that never happens is as much later as the clocks were put forward.
    """

    column: Name
    format: Format | None = None
    timezone: Zone | None = None
    date_only: bool = False


class Column(Declared):
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


def _shape(value: object) -> str:
    if isinstance(value, dict | Column):
        return "(column)"
    return "(joined)" if isinstance(value, list | tuple) else "(constant)"


Part: TypeAlias = Annotated[
    Annotated[Constant, Tag("(constant)")] | Annotated[Column, Tag("(column)")], Discriminator(_shape)
]
Value: TypeAlias = Annotated[
    Annotated[Constant, Tag("(constant)")]
    | Annotated[Column, Tag("(column)")]
    | Annotated[list[Part], Tag("(joined)"), Field(min_length=1)],
    Discriminator(_shape),
]


class Csv(Declared):
    """A CSV file with a header, found by its name, and how it is written."""

    file: Name
    delimiter: Character = ","
    quote: Character = '"'
    encoding: Encoding = "utf-8-sig"
    """By default UTF-8, with or without a byte order mark."""
    nulls: list[str] = [""]
    """The texts that mean nothing."""


class Lookup(Csv):
    """A table from the column `key` to the column `value` of a file."""

    key: Name
    value: Name


class EventRule(Declared):
    """An event that a row becomes, unless one of the columns `skip_when_empty` is empty."""

    type: EventKind
    id: Value
    source: Value
    subject: Value
    time: Moment
    sequence: Value | None = None
    skip_when_empty: list[Name] = []
    data: dict[str, Value]
    profile: dict[str, Value] | None = None

    @model_validator(mode="after")
    def _data_is_of_its_type(self) -> Self:
        model = DATA_MODELS[self.type]
        known = {field.alias or name for name, field in model.model_fields.items()} - {"profile"}
        if "profile" in self.data:
            raise ValueError("`profile` stands beside `data`, not in it")
        if unknown := sorted(self.data.keys() - known):
            raise ValueError(f"data of a {self.type} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
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
    skip_when_empty: list[Name] = []
    events: list[EventRule] = Field(min_length=1)


class Mapping(Declared):
    """A whole mapping file. `timezone` is that of times which say none."""

    mapping: Slug
    timezone: Zone | None = None
    lookups: dict[str, Lookup] = {}
    files: list[FileRule] = Field(min_length=1)

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
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, Column))


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
        document = YAML(typ="safe", pure=True).load(text)
        tree = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise MappingError([f"{name}{line}: is no YAML: {error.problem}"]) from None
    except YAMLError as error:
        raise MappingError([f"{name}: is no YAML: {error}"]) from None
    try:
        return Mapping.model_validate(document)
    except ValidationError as error:
        raise MappingError([_problem(name, tree, detail) for detail in error.errors()]) from None


def _problem(name: str, tree: Node | None, detail: ErrorDetails) -> str:
    path = [step for step in detail["loc"] if not str(step).startswith("(")]
    where = ".".join(str(step) for step in path)
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        reason = "is no key that belongs here"
    return f"{name}:{_line_of(tree, path)}: {where + ': ' if where else ''}{reason}"


def _line_of(node: Node | None, path: list[str | int]) -> int:
    """The line, from 1, of the deepest part of `path` that the file has."""
    line = 1 if node is None else node.start_mark.line + 1
    for step in path:
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
