"""The rows of a CSV file with a header, each with the line that it begins on."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

from agents.files import FileError
from agents.importing.mapping import Csv

Row: TypeAlias = dict[str, str]


class _Reader(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...


def read_header(form: Csv, path: Path) -> list[str]:
    """The names of the columns. Raises FileError when the file cannot be read or is empty."""
    with _opened(form, path) as reader:
        return _header(reader, path, form.encoding)


def read_rows(form: Csv, path: Path, refuse: Callable[[int, str], None]) -> Iterator[tuple[int, Row]]:
    """The rows after the header; `refuse` is told the line of one that cannot be read, and why.

    Blank lines are no rows. Raises FileError when the file cannot be read.
    """
    with _opened(form, path) as reader:
        header = _header(reader, path, form.encoding)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                refuse(line, f"cannot be read as CSV: {error}")
                continue
            reason = _fault(cells, header, form.encoding)
            if reason:
                refuse(line, reason)
            elif cells:
                yield line, dict(zip(header, cells, strict=True))


@contextmanager
def _opened(form: Csv, path: Path) -> Iterator[_Reader]:
    try:
        # Bytes that are not of the encoding come through as surrogates: only their own row is refused.
        with path.open(encoding=form.encoding, errors="surrogateescape", newline="") as file:
            yield csv.reader(file, delimiter=form.delimiter, quotechar=form.quote, strict=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeError as error:
        raise FileError(f"{path}: is not {form.encoding}: {error}; name its `encoding` in the mapping") from None


def _header(reader: _Reader, path: Path, encoding: str) -> list[str]:
    try:
        header = next(reader)
    except StopIteration:
        raise FileError(f"{path}: is empty; its first line must name the columns") from None
    except csv.Error as error:
        raise FileError(f"{path}:1: the header cannot be read as CSV: {error}") from None
    if any(_is_undecoded(name) for name in header):
        raise FileError(f"{path}:1: the header is not {encoding}; name the file's `encoding` in the mapping")
    return header


def _fault(cells: list[str], header: list[str], encoding: str) -> str | None:
    if cells and len(cells) != len(header):
        return f"has {len(cells)} fields, and the header has {len(header)}"
    for name, cell in zip(header, cells, strict=False):
        if _is_undecoded(cell):
            return f"column {name}: is not {encoding}; name the file's `encoding` in the mapping"
    return None


def _is_undecoded(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)
