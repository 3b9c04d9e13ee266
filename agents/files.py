"""Files of events: JSON Lines, plain or Zstandard (`.jsonl.zst`), and `-` for the standard streams."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
import zstandard

__all__ = ["Event", "FileError", "read_events", "write_events"]

Event: TypeAlias = dict[str, object]
"""One CloudEvent in structured form (DESIGN §2), as it is written."""

STANDARD = "-"
CHUNK = 1 << 18


class FileError(Exception):
    """A file cannot be read or written: says which, why, and what to do."""


def write_events(events: Iterable[Mapping[str, object]], path: Path | str) -> int:
    """Write events, one JSON object a line; gives how many.

    `path` ends in `.zst` to be compressed; `-` is the standard output. Nothing is held but one event.
    Raises FileError when the file cannot be written.
    """
    encoder, line, count = msgspec.json.Encoder(), bytearray(), 0
    with _explained(path, "written"), _opened_to_write(path) as file:
        for event in events:
            encoder.encode_into(event, line)
            line += b"\n"
            file.write(line)
            count += 1
        file.flush()
    return count


def read_events(path: Path | str) -> Iterator[bytes]:
    """The lines of a file, in order, without their ends; blank lines too, so that the n-th is line n.

    A path that ends in `.zst` is decompressed; `-` is the standard input. Raises FileError, at the first
    line that is asked for or where the file breaks off.
    """
    with _explained(path, "read"), _opened_to_read(path) as file:
        for line in file:
            yield line.rstrip(b"\r\n")


@contextmanager
def _explained(path: Path | str, done: str) -> Iterator[None]:
    """What the operating system or the compression says, as a FileError."""
    name = "the standard stream" if str(path) == STANDARD else str(path)
    try:
        yield
    except FileNotFoundError:
        raise FileError(f"{name}: there is no such file or folder; check the path") from None
    except OSError as error:
        raise FileError(f"{name}: cannot be {done}: {error.strerror or error}") from None
    except zstandard.ZstdError as error:
        raise FileError(f"{name}: is no Zstandard file, or is damaged: {error}; write it again") from None


@contextmanager
def _opened_to_write(path: Path | str) -> Iterator[IO[bytes]]:
    if str(path) == STANDARD:
        yield sys.stdout.buffer
        return
    with Path(path).open("wb") as plain:
        if not _is_compressed(path):
            yield plain
            return
        with zstandard.ZstdCompressor().stream_writer(plain, closefd=False) as packed:
            yield packed


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
