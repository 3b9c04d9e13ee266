"""The Kafka side of the read model: what its sources say from given offsets on, read_committed.

A client of its own, in no consumer group: it reads what it is told to, and cannot hold up the engine's fetches.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import confluent_kafka as ck

from agents.kafka import Config, reader_config
from agents.projection.model import Source
from agents.settings import Settings

READ_AT_ONCE: Final = 50_000
QUEUED_KB: Final = 64 * 1024
"""What may wait in memory while Redis is slow."""


class Record(NamedTuple):
    """A record as the read model needs it; nothing where it has no key or value."""

    offset: int
    key: bytes
    value: bytes


Records = dict[Source, list[Record]]


class OutOfRange(Exception):  # noqa: N818  says what is wrong with the source
    """The offset to go on from is not in the topic."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.field)
        self.source = source


class Reader:
    """Reads sources. `reached` is where each goes on: behind its last record, and behind what readers never see."""

    def __init__(self, settings: Settings) -> None:
        """Connect at the first assignment."""
        self._consumer = ck.Consumer(_config(settings))
        self.reached: dict[Source, int] = {}

    def assign(self, offsets: Mapping[Source, int | None]) -> None:
        """Read these sources, and no others, from these offsets (None: from the beginning)."""
        self.reached = {source: offset or 0 for source, offset in offsets.items()}
        self._consumer.assign(
            [
                ck.TopicPartition(source.topic, source.partition, ck.OFFSET_BEGINNING if offset is None else offset)
                for source, offset in offsets.items()
            ]
        )

    def read(self, wait_s: float) -> Records:
        """What has come, by source, or comes first within some seconds. Raises KafkaException, OutOfRange."""
        first = self._consumer.poll(wait_s)
        if first is None:
            return {}
        lists: dict[Source, list[Record]] = {source: [] for source in self.reached}
        places: dict[object, list[Record]] = {tuple(source): found for source, found in lists.items()}
        for message in (first, *self._consumer.consume(READ_AT_ONCE - 1, 0)):
            found = places.get((message.topic(), message.partition()))
            if found is None:
                continue  # of a source that is no longer read
            error = message.error()
            if error is None:
                found.append(Record(message.offset() or 0, message.key() or b"", message.value() or b""))
            else:
                self._take_error(message, error)
        records = {source: found for source, found in lists.items() if found}
        for source, found in records.items():
            self.reached[source] = max(self.reached[source], found[-1].offset + 1)
        return records

    def _take_error(self, message: ck.Message, error: ck.KafkaError) -> None:
        """The end of a partition is told as an error: behind the marks of transactions, which no reader sees."""
        source = Source(message.topic() or "", message.partition() or 0)
        if error.code() == ck.KafkaError._PARTITION_EOF:
            self.reached[source] = max(self.reached[source], message.offset() or 0)
        elif error.code() == ck.KafkaError._AUTO_OFFSET_RESET:
            raise OutOfRange(source)
        else:
            raise ck.KafkaException(error)

    def commit(self, offsets: Mapping[Source, int]) -> None:
        """Tell the group's offsets, for those who watch lag; nothing depends on it, so nothing waits for it."""
        known = [ck.TopicPartition(*source, offset) for source, offset in offsets.items()]
        if known:
            self._consumer.commit(offsets=known, asynchronous=True)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


def _config(settings: Settings) -> Config:
    return reader_config(settings, f"{settings.app}-projection") | {
        "queued.max.messages.kbytes": QUEUED_KB,
        "queued.min.messages": 2 * READ_AT_ONCE,
        "fetch.queue.backoff.ms": 5,
        "fetch.error.backoff.ms": 50,
        "retry.backoff.ms": 50,
    }
