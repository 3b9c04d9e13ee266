"""Records as the engine fetches them: small, made in one step, and nothing that the garbage collector walks through."""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.decode import Decoded, Unreadable, decode

LOG_APPEND_TIME: Final = 1
BARE_BYTES: Final = 700
"""What a record takes beside its value, about: itself, its key, and its event once that is decoded."""


class Record(msgspec.Struct, gc=False):
    """One record: `timestamp` in milliseconds, of the kind that `timestamp_type` says (1: the broker's)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    found: Decoded | Unreadable | None = None
    """What it was found to say, once it has been read."""

    def read(self) -> Decoded:
        """The subject, the event and the unknown fields, decoded the first time. Raises Unreadable."""
        if self.found is None:
            try:
                self.found = decode(self.value, self.headers)
            except Unreadable as finding:
                self.found = finding.with_traceback(None)  # which would hold the record for ever
        if isinstance(self.found, Unreadable):
            raise self.found
        return self.found

    @property
    def time(self) -> int:
        """The time of its event, in microseconds since 1970; 0 where it holds none."""
        try:
            return self.read()[1].time
        except Unreadable:
            return 0


def weight(records: Iterable[Record]) -> int:
    """The memory that records take, in bytes, about."""
    return sum(BARE_BYTES + len(record.value or b"") for record in records)
