"""The first half of a replay: a chunk's lines become events, in a file with a part for each bucket of leads."""

from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from agents.replaying.chunks import Chunk, lines_of
from agents.replaying.plan import Plan
from schemas.compact import Event
from schemas.decode import Unreadable, decode

_encode: Final = msgspec.msgpack.Encoder().encode


class Refused(NamedTuple):
    """A line that is no event: its place in its chunk (from 0), why, and what it says."""

    place: int
    reason: str
    detail: str
    content: bytes


class Segment(NamedTuple):
    """A part of a file."""

    path: Path
    chunk: int
    offset: int
    size: int

    def read(self) -> bytes:
        """Its bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


class Parsed(NamedTuple):
    """What became of a chunk.

    `lines` counts all, `read` those that are not blank. `buckets` hold the events, each as its lead, the place of
    its line in the chunk, and itself; `refused` holds the lines that are none.
    """

    chunk: int
    source: int
    size: int
    lines: int
    read: int
    later: int
    unreadable: int
    unknown: dict[str, int]
    buckets: list[Segment]
    refused: Segment


Spooled = tuple[str, int, Event]
decode_spooled: Final = msgspec.msgpack.Decoder(list[Spooled]).decode
decode_refused: Final = msgspec.msgpack.Decoder(list[Refused]).decode


def parse(plan: Plan, chunk: Chunk) -> Parsed:
    """Decode a chunk's lines into a file of the scratch folder. Raises FileError, OSError."""
    lines = lines_of(chunk)
    buckets: list[list[Spooled]] = [[] for _ in range(plan.buckets)]
    refused: list[Refused] = []
    unknown: dict[str, int] = {}
    read = later = 0
    for place, line in enumerate(lines):
        if not line or line.isspace():
            continue
        read += 1
        try:
            lead, event, names = decode(line)
        except Unreadable as finding:
            refused.append(Refused(place, finding.reason, finding.detail, line.rstrip(b"\r")))
            continue
        for name in names:
            unknown[name] = unknown.get(name, 0) + 1
        if plan.as_of is not None and event.time > plan.as_of:
            later += 1
        else:
            buckets[crc32(lead.encode()) % plan.buckets].append((lead, place, event))
    *segments, last = _spool(plan.scratch / f"chunk-{chunk.number}", chunk.number, [*buckets, refused])
    size = chunk.end - chunk.start
    return Parsed(chunk.number, chunk.source, size, len(lines), read, later, len(refused), unknown, segments, last)


def _spool(path: Path, chunk: int, parts: list[list[Spooled] | list[Refused]]) -> list[Segment]:
    with path.open("wb") as file:
        return [Segment(path, chunk, file.tell(), file.write(_encode(part))) for part in parts]
