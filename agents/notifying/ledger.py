"""What notifications are pending and were sent, kept in Kafka: a compacted topic of the notifier's own.

A row for each notice, by its key, and one that says how far `baton.clocks` was read, are written in one transaction.
Whoever opens the ledger shuts out the one before (DESIGN §8, ownership is the transaction), and reads all of it.
"""

import logging
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from agents.own_topic import OwnTopic
from agents.settings import Settings
from streams.outbox import Row, encode_row, read_row
from streams.topics import NOTIFIED

log = logging.getLogger("baton.notifying")

__all__ = ["Kept", "Ledger", "Reached"]

REACHED: Final = b"\x00reached"


class Reached(msgspec.Struct, frozen=True):
    """How far `baton.clocks` was read: the topic's id, and the next offset of each partition."""

    topic_id: str = ""
    offsets: dict[int, int] = {}


class Kept(NamedTuple):
    """All that the ledger holds."""

    rows: list[Row]
    reached: Reached


class Ledger:
    """The ledger, open for one writer. Every method may raise KafkaException; after that, `open` again."""

    def __init__(self, settings: Settings) -> None:
        self._topic = OwnTopic(settings, NOTIFIED, "notifier")

    def open(self) -> Kept:
        """Shut out whoever had it open, and read it."""
        return _kept(self._topic.open())

    def write(self, changes: Mapping[str, Row | None], reached: Reached) -> None:
        """Keep rows (None: forget it) and how far was read, all or nothing."""
        rows = [(key.encode(), None if row is None else encode_row(row)) for key, row in changes.items()]
        self._topic.write([*rows, (REACHED, msgspec.json.encode(reached))])

    def close(self) -> None:
        """Write nothing more."""
        self._topic.close()


def _kept(found: dict[bytes, bytes]) -> Kept:
    reached = found.pop(REACHED, None)
    rows = []
    for key, value in found.items():
        try:
            rows.append(read_row(value))
        except msgspec.DecodeError as error:
            log.warning("row %s of %s cannot be read and is passed over: %s", key, NOTIFIED, error)
    return Kept(rows, Reached() if reached is None else msgspec.json.decode(reached, type=Reached))
