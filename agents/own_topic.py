"""A compacted topic that one process at a time writes and goes by: what was said, or is still to be done.

Ownership is the transaction (DESIGN §8): whoever opens it shuts out the one before, and reads all that was committed.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import confluent_kafka as ck

from agents.kafka import producer_config, reader_config
from agents.settings import Settings

__all__ = ["OwnTopic"]

MARK: Final = b"\x00mark"
ASK_S: Final = 30.0
READ_AT_ONCE: Final = 10_000
POLL_S: Final = 0.2


class OwnTopic:
    """Partition 0 of a topic, open for one writer. Every method may raise KafkaException; after that, `open` again."""

    def __init__(self, settings: Settings, topic: str, name: str) -> None:
        """`name`: what the transactional id has after the application's."""
        self._settings = settings
        self._topic = topic
        self._id = f"{settings.app}-{name}"
        self._config = producer_config(settings) | {
            "transactional.id": self._id,
            "transaction.timeout.ms": int(settings.transaction_timeout_s * 1000),
        }
        self._producer: ck.Producer | None = None

    def open(self) -> dict[bytes, bytes]:
        """Shut out whoever had it open, and read it: the last value of each key that has one."""
        self.close()
        producer = ck.Producer(self._config)
        producer.init_transactions(ASK_S)
        self._producer = producer
        found = {record.key() or b"": record.value() for record in self._read(self._mark(producer))}
        return {key: value for key, value in found.items() if value and key != MARK}

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write keys and values (None: forget the key), all or nothing."""
        producer = self._producer
        if producer is None:
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, f"{self._topic} is not open"))
        producer.begin_transaction()
        for key, value in records:
            self._put(producer, key, value)
        producer.commit_transaction(self._settings.transaction_timeout_s)

    def close(self) -> None:
        """Write nothing more."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _put(self, producer: ck.Producer, key: bytes, value: bytes | None) -> None:
        while True:
            try:
                producer.produce(self._topic, value, key, 0)
            except BufferError:
                producer.poll(POLL_S)
            else:
                return

    def _mark(self, producer: ck.Producer) -> int:
        """Write a mark, a tombstone: reading up to its offset shows all that any earlier writer committed (§8.1)."""
        marks: list[int | None] = []
        producer.begin_transaction()
        producer.produce(self._topic, None, MARK, 0, on_delivery=lambda _, record: marks.append(record.offset()))
        producer.commit_transaction(ASK_S)
        if not marks or marks[0] is None:
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, "the mark was committed without an offset"))
        return marks[0]

    def _read(self, mark: int) -> Iterator[ck.Message]:
        """Every committed record up to the mark."""
        here = ck.TopicPartition(self._topic, 0, ck.OFFSET_BEGINNING)
        with closing(ck.Consumer(reader_config(self._settings, f"{self._id}-reader"))) as reader:
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
                    late = ck.KafkaError(ck.KafkaError._TIMED_OUT, f"{self._topic} cannot be read to its mark")
                    raise ck.KafkaException(late)
