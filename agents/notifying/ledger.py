"""What notifications are pending and were sent, kept in Kafka: a compacted topic of the notifier's own.

A row for each notice, by its key, and one that says how far `baton.clocks` was read, are written in one transaction.
Whoever opens the ledger shuts out the one before (DESIGN §8, ownership is the transaction), and reads all of it.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Final, NamedTuple

import confluent_kafka as ck
import msgspec

from agents.kafka import producer_config, reader_config
from agents.settings import Settings
from streams.outbox import Row, encode_row, read_row
from streams.topics import NOTIFIED

log = logging.getLogger("baton.notifying")

__all__ = ["Kept", "Ledger", "Reached"]

MARK: Final = b"\x00mark"
REACHED: Final = b"\x00reached"
ASK_S: Final = 30.0
READ_AT_ONCE: Final = 10_000
POLL_S: Final = 0.2


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
        self._settings = settings
        self._config = producer_config(settings) | {
            "transactional.id": f"{settings.app}-notifier",
            "transaction.timeout.ms": int(settings.transaction_timeout_s * 1000),
        }
        self._producer: ck.Producer | None = None

    def open(self) -> Kept:
        """Shut out whoever had it open, and read it."""
        self.close()
        producer = ck.Producer(self._config)
        producer.init_transactions(ASK_S)
        self._producer = producer
        return _kept(self._read(self._mark(producer)))

    def write(self, changes: Mapping[str, Row | None], reached: Reached) -> None:
        """Keep rows (None: forget it) and how far was read, all or nothing."""
        producer = self._producer
        if producer is None:
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, "the ledger is not open"))
        producer.begin_transaction()
        for key, row in changes.items():
            self._put(producer, key.encode(), None if row is None else encode_row(row))
        self._put(producer, REACHED, msgspec.json.encode(reached))
        producer.commit_transaction(self._settings.transaction_timeout_s)

    def close(self) -> None:
        """Write nothing more."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    @staticmethod
    def _put(producer: ck.Producer, key: bytes, value: bytes | None) -> None:
        while True:
            try:
                producer.produce(NOTIFIED, value, key, 0)
            except BufferError:
                producer.poll(POLL_S)
            else:
                return

    def _mark(self, producer: ck.Producer) -> int:
        """Write a mark: reading up to its own offset shows all that any earlier writer committed (DESIGN §8.1)."""
        marks: list[int | None] = []
        producer.begin_transaction()
        producer.produce(NOTIFIED, b"", MARK, 0, on_delivery=lambda _, record: marks.append(record.offset()))
        producer.commit_transaction(ASK_S)
        if not marks or marks[0] is None:
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, "the mark was committed without an offset"))
        return marks[0]

    def _read(self, mark: int) -> Iterator[ck.Message]:
        """Every committed record up to the mark."""
        here = ck.TopicPartition(NOTIFIED, 0, ck.OFFSET_BEGINNING)
        with closing(ck.Consumer(reader_config(self._settings, f"{self._settings.app}-notifier-ledger"))) as reader:
            reader.assign([here])
            at, moved = -1, time.monotonic()
            while at < mark:
                for record in reader.consume(READ_AT_ONCE, POLL_S):
                    error = record.error()
                    if error is None:
                        at, moved = record.offset() or 0, time.monotonic()
                        yield record
                    elif error.code() != ck.KafkaError._PARTITION_EOF:
                        raise ck.KafkaException(error)
                if time.monotonic() - moved > ASK_S:
                    raise ck.KafkaException(ck.KafkaError(ck.KafkaError._TIMED_OUT, "the ledger cannot be read"))


def _kept(records: Iterator[ck.Message]) -> Kept:
    found = {record.key() or b"": record.value() for record in records}
    reached = found.pop(REACHED, None)
    found.pop(MARK, None)
    rows = []
    for key, value in found.items():
        try:
            rows += [read_row(value)] if value else []
        except msgspec.DecodeError as error:
            log.warning("row %s of %s cannot be read and is passed over: %s", key, NOTIFIED, error)
    return Kept(rows, Reached() if not reached else msgspec.json.decode(reached, type=Reached))
