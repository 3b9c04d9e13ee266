"""Files of events, cut at ends of lines into chunks that can be read by different processes.

A plain file is cut into ranges of bytes, which whoever gets one reads for itself. A compressed one can only be
read from its start, so its chunks hold their lines. What is no file (standard input, a pipe) is copied first.
"""

import shutil
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from agents.files import FileError, read_events

CHUNK_BYTES: Final = 8 * 1024 * 1024
STANDARD: Final = "-"
UNPACKED: Final = 12
"""So many times its size a compressed file of events is thought to hold."""


class Source(NamedTuple):
    """An input: its name as it was given, and where it can be read, more than once."""

    name: str
    path: Path

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed."""
        return self.path.suffix == ".zst"


class Chunk(NamedTuple):
    """Some whole lines of a source: those that begin in a range of its bytes, or these."""

    number: int
    source: int
    path: Path
    start: int
    end: int
    lines: bytes | None = None


def find_sources(inputs: Sequence[str], scratch: Path) -> list[Source]:
    """The inputs, each seen to be readable. Raises FileError for the first that is not."""
    sources = [_source(name, scratch / f"input-{place}") for place, name in enumerate(inputs)]
    for source in sources:
        next(read_events(source.path), None)
    return sources


def size_of(source: Source) -> int:
    """About how many bytes its lines have."""
    size = source.path.stat().st_size
    return size * UNPACKED if source.is_packed else size


def chunk_up(sources: Sequence[Source]) -> Iterator[Chunk]:
    """All lines of all sources, in order."""
    number = 0
    for place, source in enumerate(sources):
        for start, end, lines in _packed(source) if source.is_packed else _ranges(source):
            yield Chunk(number, place, source.path, start, end, lines)
            number += 1


def lines_of(chunk: Chunk) -> list[bytes]:
    """A chunk's lines, without their ends; blank ones too. Raises FileError."""
    content = chunk.lines
    if content is None:
        try:
            content = _read_range(chunk)
        except OSError as error:
            raise FileError(f"{chunk.path}: cannot be read: {error.strerror}") from None
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _source(name: str, copy: Path) -> Source:
    path = Path(name)
    if name == STANDARD:
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return Source(name, copy)
    if path.exists() and not path.is_file() and not path.is_dir():
        copy = copy.with_suffix(path.suffix)
        with path.open("rb") as pipe, copy.open("wb") as file:
            shutil.copyfileobj(pipe, file)
        return Source(name, copy)
    return Source(name, path)


def _ranges(source: Source) -> Iterator[tuple[int, int, None]]:
    size = source.path.stat().st_size
    for start in range(0, size, CHUNK_BYTES):
        yield start, min(size, start + CHUNK_BYTES), None


def _packed(source: Source) -> Iterator[tuple[int, int, bytes]]:
    waiting: list[bytes] = []
    size = 0
    for line in read_events(source.path):
        waiting.append(line)
        size += len(line) + 1
        if size >= CHUNK_BYTES:
            yield 0, size, _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield 0, size, _joined(waiting)


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


def _read_range(chunk: Chunk) -> bytes:
    """The lines that begin in the range: to the end of the last one, though that lies beyond."""
    with chunk.path.open("rb") as file:
        start = chunk.start
        if start:
            file.seek(start - 1)
            start += len(file.readline()) - 1
        if start >= chunk.end:
            return b""
        content = file.read(chunk.end - start)
        if not start:
            content = content.removeprefix(BOM_UTF8)
        return content if content.endswith(b"\n") else content + file.readline()
