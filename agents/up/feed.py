"""Reading, from every partition, what is published and what is committed of it."""

from types import TracebackType
from typing import Final, NamedTuple, Self

import confluent_kafka as ck

from agents.errors import BatonError
from agents.kafka import reader_config
from agents.settings import Settings
from streams import topics

ASK_S: Final = 10.0
AT_ONCE: Final = 10_000
PASSING: Final = frozenset(
    {ck.KafkaError._PARTITION_EOF, ck.KafkaError._ALL_BROKERS_DOWN, ck.KafkaError._TRANSPORT, ck.KafkaError._TIMED_OUT}
)
"""What a reader only waits through."""


class Record(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


class Feed:
    """A read_committed reader of inputs, changelog, stages, clocks and totals, in no consumer group.

    Raises BatonError where Kafka does not let it read.
    """

    def __init__(self, settings: Settings, from_start: bool) -> None:
        """Read the totals whole; the rest from its start, or only from what is its end now."""
        config = reader_config(settings, f"{settings.app}-up") | {"auto.offset.reset": "latest"}
        self._reader = ck.Consumer(config)
        numbers = range(settings.partitions)
        followed = [
            ck.TopicPartition(topic, number, ck.OFFSET_BEGINNING)
            for topic in (*topics.INPUTS, topics.STAGES, topics.CLOCKS, topics.CHANGELOG)
            for number in numbers
        ]
        try:
            if not from_start:
                for place in followed:
                    place.offset = self._reader.get_watermark_offsets(place, timeout=ASK_S)[1]
            self._reader.assign([*followed, ck.TopicPartition(topics.TOTALS, 0, ck.OFFSET_BEGINNING)])
        except ck.KafkaException as error:
            self._reader.close()
            raise BatonError(f"Kafka at {settings.kafka_servers} cannot be read: {error.args[0].str()}") from error
        self.began_at = {(place.topic, place.partition): max(0, place.offset) for place in followed}
        """The offsets that it begins to read from."""

    def __enter__(self) -> Self:
        """Nothing more is to be done."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop reading."""
        self._reader.close()

    def read(self, wait_s: float) -> list[Record]:
        """The records that have come; where there are none, the first that comes within some seconds."""
        messages = self._reader.consume(1, wait_s)
        if messages:
            messages += self._reader.consume(AT_ONCE, 0)
        return [record for message in messages if (record := _record(message)) is not None]


def _record(message: ck.Message) -> Record | None:
    """What was read; None for what only passes."""
    topic, partition, offset, error = message.topic(), message.partition(), message.offset(), message.error()
    if topic is not None and partition is not None and offset is not None and error is None:
        return Record(topic, partition, offset, message.key() or b"", message.value() or b"")
    if error is None or error.code() in PASSING:
        return None
    raise BatonError(f"{topic}/{partition} cannot be read: {error.str()}")
