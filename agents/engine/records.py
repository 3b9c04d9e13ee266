"""Records as the engine fetches them: small, made in one step, and nothing for the garbage collector to look through.

A tenth of a worker's time went into aiokafka's own record objects (docs/decisions/engine.md).
"""

from typing import Final, Protocol

import msgspec
from aiokafka.consumer import fetcher

LOG_APPEND_TIME: Final = 1


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


class _Position(Protocol):
    topic: str
    partition: int


class LeanRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """What a fetch brought of one partition, as `Record`s."""

    def _consumer_record(self, tp: _Position, record: Record) -> Record:
        return Record(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            record.key,
            record.value,
            tuple(record.headers),
        )


def make_records_lean() -> None:
    """Have this process's aiokafka consumers give `Record`s; aiokafka has no setting for it."""
    fetcher.PartitionRecords = LeanRecords
