"""Reading what the brokers hold of a partition before it is opened: its changelog, and where its inputs end."""

import logging
from collections.abc import Callable, Iterable

import confluent_kafka as ck
import msgspec
from confluent_kafka.admin import AdminClient

from agents.engine.table import Store
from agents.kafka import Config
from streams import topics

log = logging.getLogger("baton.opening")
ASK_S = 30.0


def changelog_id(config: Config) -> str:
    """The id that the broker gave the changelog's topic: another one is another changelog of the same name.

    Empty where the broker gives none.
    """
    admin = AdminClient(config)  # kept: the answer is gone with it
    found = admin.describe_topics(ck.TopicCollection([topics.CHANGELOG]))
    try:
        return str(found[topics.CHANGELOG].result(ASK_S).topic_id)
    except ck.KafkaException as error:
        log.warning("the changelog's topic id is not to be had: %s", error)
        return ""


def read_changelog(config: Config, partition: int, mark: int, store: Store, check: Callable[[], None]) -> None:
    """Read the changelog into the store, from its position up to the mark's own offset (DESIGN §8.1).

    `check` may raise, to stop. A store whose position is not in the changelog is wiped and filled anew.
    """
    try:
        _read_forward(config, partition, mark, store, check)
    except ck.KafkaException as error:
        if error.args[0].code() != ck.KafkaError._AUTO_OFFSET_RESET:
            raise
        store.wipe()
        _read_forward(config, partition, mark, store, check)


def _read_forward(config: Config, partition: int, mark: int, store: Store, check: Callable[[], None]) -> None:
    reader = ck.Consumer(config)
    here = ck.TopicPartition(topics.CHANGELOG, partition, store.position or ck.OFFSET_BEGINNING)
    try:
        reader.assign([here])
        while store.position <= mark:
            check()
            rows = {record.key() or b"": record.value() or b"" for record in sound(reader.consume(20_000, 0.05))}
            at = reader.position([here])[0].offset
            if rows or at > store.position:
                store.write(rows, max(store.position, at))
    finally:
        reader.close()


def sound(records: Iterable[ck.Message]) -> Iterable[ck.Message]:
    """The records; raises KafkaException for an error among them, but for the end of a partition."""
    for record in records:
        error = record.error()
        if error is None:
            yield record
        elif error.code() != ck.KafkaError._PARTITION_EOF:
            raise ck.KafkaException(error)


def input_positions(config: Config, partition: int, row: bytes | None) -> dict[str, int]:
    """Where to go on reading each input: the changelog's word, but where a topic ends before it.

    Such a topic was deleted and made anew, and is read from its start: to read an event again does no harm.
    """
    known = msgspec.json.decode(row, type=dict[str, int]) if row is not None else {}
    positions = {topic: known.get(topic, 0) for topic in topics.INPUTS}
    reader = ck.Consumer(config)
    try:
        for topic, position in positions.items():
            if position == 0:
                continue
            _, end = reader.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=ASK_S)
            if end < position:
                log.warning("%s/%d ends at %d, before %d: reading it anew", topic, partition, end, position)
                positions[topic] = 0
    finally:
        reader.close()
    return positions
