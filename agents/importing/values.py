"""From the texts of a row to the values of an event, as the mapping says."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from agents.files import Event
from agents.importing.mapping import Column, Constant, EventRule, FileRule, Moment, Value
from agents.importing.rows import Row
from schemas.events import ADAPTER

Tables: TypeAlias = dict[str, dict[str, str]]
MOST_DIGITS = 4
LONGEST_NUMBER = 40
LONGEST_SHOWN = 60


class Unmappable(Exception):  # noqa: N818  a finding about a row, not a failure of the program
    """A row that cannot become what the mapping wants; the message is the reason."""


class Reader:
    """Makes the events of one file's rows. `tables` are the lookups, `zone` is that of times which say none."""

    def __init__(self, rule: FileRule, zone: str | None, tables: Tables) -> None:
        self._nulls = frozenset(rule.nulls)
        self._zone = zone
        self._tables = tables
        self._decimal, self._thousands = rule.decimal, rule.thousands
        self._number = _number_pattern(rule.decimal, rule.thousands)

    def has_empty(self, row: Row, columns: Sequence[str]) -> bool:
        """Whether one of these columns is empty."""
        return any(row[column] in self._nulls for column in columns)

    def event(self, rule: EventRule, row: Row) -> Event:
        """The event that this row becomes, valid by DESIGN §2. Raises Unmappable."""
        event: Event = {
            "specversion": "1.0",
            "id": self._required("id", rule.id, row),
            "source": self._required("source", rule.source, row),
            "type": f"baton.{rule.type}.v1",
            "time": _text(self._moment(rule.time, row)),
            "subject": self._required("subject", rule.subject, row),
        }
        if rule.sequence is not None:
            event["sequence"] = self._required("sequence", rule.sequence, row)
        event["data"] = self._data(rule, row)
        _check(event)
        return event

    def _data(self, rule: EventRule, row: Row) -> Event:
        data: Event = {"status": None} if rule.type == "lead" else {}
        data |= self._filled(rule.data, row)
        if rule.profile is not None and (profile := self._filled(rule.profile, row)):
            data["profile"] = profile
        return data

    def _filled(self, values: dict[str, Value], row: Row) -> Event:
        found = {name: self._value(value, row) for name, value in values.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _required(self, name: str, value: Value, row: Row) -> str:
        found = self._value(value, row)
        if found is None:
            raise Unmappable(f"{name}: {_columns(value)} is empty")
        return str(found)

    def _value(self, value: Value, row: Row) -> Constant | None:
        """The value, or None where a column that it needs is empty."""
        if isinstance(value, tuple):
            parts = [self._value(part, row) for part in value]
            return None if None in parts else "".join(str(part) for part in parts)
        return self._cell(value, row) if isinstance(value, Column) else value

    def _cell(self, column: Column, row: Row) -> Constant | None:
        text = row[column.column]
        if text in self._nulls:
            return None
        if column.lookup is not None:
            text = self._looked_up(column, text)
        if column.values is not None:
            if text not in column.values:
                raise Unmappable(f"column {column.column}: {_shown(text)} is none of the mapping's `values`; add it")
            return column.values[text]
        return self._converted(column, text)

    def _looked_up(self, column: Column, text: str) -> str:
        found = self._tables[str(column.lookup)].get(text)
        if found is None:
            raise Unmappable(f"column {column.column}: the lookup {column.lookup} has no {_shown(text)}")
        return found

    def _converted(self, column: Column, text: str) -> Constant:
        if column.read_as == "text":
            return text
        if column.read_as == "time":
            moment = Moment(column=column.column, format=column.format, timezone=column.timezone)
            return _text(self._at(moment, text))
        if column.read_as == "date":
            return _read_time(column.column, text, column.format or "%Y-%m-%d").date().isoformat()
        if column.read_as == "boolean":
            if text.lower() not in ("true", "false"):
                raise Unmappable(f"column {column.column}: {_shown(text)} is neither true nor false; give its `values`")
            return text.lower() == "true"
        return self._counted(column, text)

    def _counted(self, column: Column, text: str) -> Constant:
        if len(text) > LONGEST_NUMBER or self._number.fullmatch(text) is None:
            written = f"with the decimal sign {self._decimal!r}"
            if self._thousands is not None:
                written += f" and {self._thousands!r} between thousands"
            raise Unmappable(f"column {column.column}: {_shown(text)} is no number written {written}")
        if self._thousands is not None:
            text = text.replace(self._thousands, "")
        text = text.replace(self._decimal, ".")
        if column.read_as == "decimal":
            return _without_idle_zeros(text)
        if column.read_as == "number":
            return float(text)
        if "." in text:
            raise Unmappable(f"column {column.column}: {_shown(text)} is no whole number")
        return int(text)

    def _moment(self, moment: Moment, row: Row) -> datetime:
        text = row[moment.column]
        if text in self._nulls:
            raise Unmappable(f"time: column {moment.column} is empty")
        return self._at(moment, text)

    def _at(self, moment: Moment, text: str) -> datetime:
        if moment.date_only:
            time = _read_time(moment.column, text, moment.format or "%Y-%m-%d")
        else:
            time = _read_time(moment.column, text, moment.format)
        if time.tzinfo is not None:
            return time
        zone = moment.timezone or self._zone
        if zone is None:
            raise Unmappable(f"column {moment.column}: {_shown(text)} has no offset; give a `timezone` in the mapping")
        return time.replace(tzinfo=ZoneInfo(zone))


def _read_time(column: str, text: str, written: str | None) -> datetime:
    try:
        if written is not None:
            return datetime.strptime(text, written)
        time = datetime.fromisoformat(text)
    except ValueError:
        wanted = f"by the format {written!r}" if written else "of ISO 8601"
        raise Unmappable(f"column {column}: {_shown(text)} is no time {wanted}") from None
    if len(text) <= len("2026-01-31"):
        raise Unmappable(f"column {column}: {_shown(text)} has no time of day; if none has, say `date_only: true`")
    return time


def _text(time: datetime) -> str:
    # Through UTC: a reading that the clocks jumped over is no time that can be written in its own zone.
    try:
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise Unmappable(f"the time {time} is out of the years that are read (2000 to 2099)") from None


def _number_pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    whole = "[0-9]+"
    if thousands is not None:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+)"
    return re.compile(rf"-?{whole}(?:{re.escape(decimal)}[0-9]+)?")


def _without_idle_zeros(text: str) -> str:
    """A decimal with at most four digits after the point where the others are zeros."""
    whole, point, digits = text.partition(".")
    return f"{whole}.{digits[:MOST_DIGITS]}" if point and not digits[MOST_DIGITS:].strip("0") else text


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def _columns(value: Value) -> str:
    parts = value if isinstance(value, tuple) else [value]
    return "column " + " or ".join(part.column for part in parts if isinstance(part, Column))


def _check(event: Event) -> None:
    try:
        ADAPTER.validate_python(event)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise Unmappable("; ".join(f"{_path(one['loc'])}: {one['msg']}" for one in found)) from None


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in loc[1:]) or "event"
