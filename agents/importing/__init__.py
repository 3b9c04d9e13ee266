"""A company's CSV files, by a declared mapping, to events. A row that cannot be mapped is told, never dropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from agents.files import Event, FileError
from agents.importing.mapping import (
    Csv,
    FileRule,
    Lookup,
    Mapping,
    MappingError,
    columns_of,
    load_mapping,
    moments_of,
)
from agents.importing.rows import Row, read_header, read_rows
from agents.importing.values import Reader, Tables, Unmappable

__all__ = ["ImportReport", "Mapping", "MappingError", "RowError", "import_rows", "load_mapping"]

MOST_ERRORS_KEPT: Final = 1000


class RowError(NamedTuple):
    """A row that became no event: its file, its first line (from 1) and the reason."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """As a compiler would write it."""
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass
class ImportReport:
    """What became of the rows.

    `skipped` rows became nothing, as the mapping says; `refused` ones could not be mapped, and `errors` has
    the first of these. The rows of lookups are counted only where they are refused.
    """

    rows: int = 0
    events: int = 0
    skipped: int = 0
    refused: int = 0
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, file: str, line: int, reason: str) -> None:
        """Count a row that cannot be mapped, and keep the reason unless there are very many already."""
        self.refused += 1
        if len(self.errors) < MOST_ERRORS_KEPT:
            self.errors.append(RowError(file, line, reason))


def import_rows(mapping: Mapping, paths: Sequence[Path], report: ImportReport) -> Iterator[Event]:
    """The events of the files that the mapping names, file by file, row by row; all of a row's or none.

    In: the CSV files, or folders that hold them. Each event is valid by DESIGN §2. Rows that are skipped as
    declared, and rows that cannot be mapped, are in `report`, which is complete at the iterator's end.
    Raises FileError at once when a file is missing, unreadable or lacks a column that the mapping names.
    """
    files = _find(mapping, paths)
    for rule in mapping.files:
        _check_header(rule, files[rule.file], _wanted(rule))
    for lookup in mapping.lookups.values():
        _check_header(lookup, files[lookup.file], {lookup.key, lookup.value})
    tables = {name: _table(name, lookup, files, report) for name, lookup in mapping.lookups.items()}
    return _events(mapping, files, tables, report)


def _events(mapping: Mapping, files: dict[str, Path], tables: Tables, report: ImportReport) -> Iterator[Event]:
    for rule in mapping.files:
        reader = Reader(rule, mapping.timezone, tables)
        for line, row in read_rows(rule, files[rule.file], partial(report.refuse, rule.file)):
            report.rows += 1
            try:
                events = _events_of(rule, reader, row)
            except Unmappable as error:
                report.refuse(rule.file, line, str(error))
                continue
            report.skipped += not events
            report.events += len(events)
            yield from events


def _events_of(rule: FileRule, reader: Reader, row: Row) -> list[Event]:
    if reader.has_empty(row, rule.skip_when_empty):
        return []
    return [reader.event(event, row) for event in rule.events if not reader.has_empty(row, event.skip_when_empty)]


def _table(name: str, lookup: Lookup, files: dict[str, Path], report: ImportReport) -> dict[str, str]:
    table: dict[str, str] = {}
    refuse = partial(report.refuse, lookup.file)
    for line, row in read_rows(lookup, files[lookup.file], refuse):
        key, value = row[lookup.key], row[lookup.value]
        if key in lookup.nulls or value in lookup.nulls:
            continue
        if table.setdefault(key, value) != value:
            refuse(line, f"the lookup {name} has {key!r} already, as {table[key]!r}; a key leads to one value")
    return table


def _wanted(rule: FileRule) -> set[str]:
    wanted = {column.column for column in columns_of(rule)} | {moment.column for moment in moments_of(rule)}
    skipping = [rule.skip_when_empty, *(event.skip_when_empty for event in rule.events)]
    return wanted.union(*skipping)


def _find(mapping: Mapping, paths: Sequence[Path]) -> dict[str, Path]:
    """Where each file that the mapping names is."""
    names = {rule.file for rule in mapping.files} | {lookup.file for lookup in mapping.lookups.values()}
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            found |= {name: path / name for name in sorted(names) if (path / name).is_file()}
        elif path.name in names:
            found[path.name] = path
        else:
            raise FileError(f"{path}: the mapping {mapping.mapping} has no such file; it has {_listed(names)}")
    if missing := names - found.keys():
        raise FileError(f"the mapping {mapping.mapping} needs {_listed(missing)}; give the file or its folder")
    return found


def _check_header(form: Csv, path: Path, wanted: set[str]) -> None:
    header = read_header(form, path)
    if twice := {name for name in header if header.count(name) > 1} & wanted:
        raise FileError(f"{path}:1: the header has {_listed(twice)} twice; name each column once")
    if missing := wanted - set(header):
        raise FileError(
            f"{path}:1: the header has no column {_listed(missing)}, which the mapping names; "
            f"it has {', '.join(header)}"
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
