"""Files of events: JSON Lines, plain or Zstandard (`.jsonl.zst`), and `-` for the standard streams."""

import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
import zstandard

from agents.errors import BatonError

__all__ = ["Event", "FileError", "read_events", "write_events"]

Event: TypeAlias = dict[str, object]
"""One CloudEvent in structured form (DESIGN §2), as it is written."""

STANDARD = "-"
CHUNK = 1 << 18


class FileError(BatonError):
    """A file cannot be read or written: says which, why, and what to do."""


def write_events(events: Iterable[Mapping[str, object]], path: Path | str) -> int:
    """Write events, one JSON object a line; gives how many.

    `path` ends in `.zst` to be compressed; `-` is the standard output. Nothing is held but one event.
    Raises FileError when the file cannot be written.
    """
    encoder, line, count = msgspec.json.Encoder(), bytearray(), 0
    with closing(_Sink(path)) as sink:
        for event in events:
            encoder.encode_into(event, line)
            line += b"\n"
            sink.write(line)
            count += 1
    return count


def read_events(path: Path | str) -> Iterator[bytes]:
    """The lines of a file, in order, without their ends; blank lines too, so that the n-th is line n.

    A path that ends in `.zst` is decompressed; `-` is the standard input. Raises FileError, at the first
    line that is asked for or where the file breaks off.
    """
    with _explained(path, "read"), _opened_to_read(path) as file:
        for number, line in enumerate(file):
            yield (line if number else line.removeprefix(BOM_UTF8)).rstrip(b"\r\n")


@contextmanager
def _explained(path: Path | str, done: str) -> Iterator[None]:
    """What the operating system or the compression says, as a FileError."""
    try:
        yield
    except (OSError, zstandard.ZstdError) as error:
        raise _told(path, done, error) from None


def _told(path: Path | str, done: str, error: Exception) -> FileError:
    name = "the standard stream" if str(path) == STANDARD else str(path)
    if isinstance(error, zstandard.ZstdError):
        return FileError(f"{name}: is no Zstandard file, or is damaged: {error}; write it again")
    if isinstance(error, FileNotFoundError):
        return FileError(f"{name}: there is no such file or folder; check the path")
    return FileError(f"{name}: cannot be {done}: {getattr(error, 'strerror', None) or error}")


class _Sink:
    """Where lines go; only its own troubles become a FileError, not those of whoever makes the lines."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._opened = ExitStack()
        with _explained(path, "written"):
            self._file: IO[bytes] = self._open()

    def _open(self) -> IO[bytes]:
        if str(self._path) == STANDARD:
            return sys.stdout.buffer
        plain = self._opened.enter_context(Path(self._path).open("wb"))  # noqa: SIM115  closed by the stack
        if not _is_compressed(self._path):
            return plain
        return self._opened.enter_context(zstandard.ZstdCompressor().stream_writer(plain, closefd=False))

    def write(self, line: bytearray) -> None:
        """Take one line, with its end."""
        try:  # not `_explained`: a context manager for every line costs more than the line
            self._file.write(line)
        except OSError as error:
            raise _told(self._path, "written", error) from None

    def close(self) -> None:
        """Write what is left, and close what was opened here (never the standard output)."""
        with _explained(self._path, "written"), self._opened:
            self._file.flush()


@contextmanager
def _opened_to_read(path: Path | str) -> Iterator[Iterable[bytes]]:
    if str(path) == STANDARD:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as plain:
        yield _lines(_unpacked(plain)) if _is_compressed(path) else plain


def _is_compressed(path: Path | str) -> bool:
    return Path(path).suffix == ".zst"


def _unpacked(packed: IO[bytes]) -> Iterator[bytes]:
    """The content of every frame; a frame that is cut off is an error, which zstandard's own reader hides."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    while chunk := packed.read(CHUNK):
        while chunk:
            yield frame.decompress(chunk)
            chunk, begun = frame.unused_data, not frame.eof
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
    if begun:
        raise zstandard.ZstdError("it ends in the middle of a frame")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
