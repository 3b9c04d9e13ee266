"""Reading what the brokers hold of a partition before it is opened: its changelog, and where its inputs end."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping

import confluent_kafka as ck
import msgspec
from confluent_kafka.admin import AdminClient

from agents import offsets
from agents.engine.table import Store
from agents.kafka import Config
from streams import topics

log = logging.getLogger("baton.opening")
ASK_S = 30.0
STUCK_S = 20.0
"""Seconds without a record, before the mark, after which reading is given up, and the partition opened anew."""


def topic_ids(config: Config) -> dict[str, str]:
    """The ids that the broker gave the inputs and the changelog: another id is another topic of the same name.

    What the broker gives no id for, or not in time, is left out.
    """
    names = [*topics.INPUTS, topics.CHANGELOG]
    admin = AdminClient(config)  # kept: the answer is gone with it
    found = admin.describe_topics(ck.TopicCollection(names), request_timeout=offsets.ASK_S)
    ids = {}
    for name in names:
        try:
            ids[name] = str(offsets.answer(found[name]).topic_id)
        except ck.KafkaException as error:
            log.warning("the id of %s is not to be had: %s", name, error)
    return ids


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
        moved = time.monotonic()
        while store.position <= mark:
            check()
            rows = {record.key() or b"": record.value() or b"" for record in sound(reader.consume(20_000, 0.05))}
            at = reader.position([here])[0].offset
            if rows or at > store.position:
                store.write(rows, max(store.position, at))
                moved = time.monotonic()
            elif time.monotonic() - moved > STUCK_S:
                raise ck.KafkaException(ck.KafkaError(ck.KafkaError._TIMED_OUT, "a transaction holds the changelog up"))
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


def input_positions(row: bytes | None, ids_row: bytes | None, ids: Mapping[str, str]) -> dict[str, int]:
    """Where to go on reading each input: the changelog's word, but for a topic that was deleted and made anew.

    That one is read from its start. To read an event again does no harm; to skip one would.
    """
    known = msgspec.json.decode(row, type=dict[str, int]) if row is not None else {}
    known_ids = read_ids(ids_row)
    return {
        topic: known.get(topic, 0) if known_ids.get(topic, ids.get(topic)) == ids.get(topic) else 0
        for topic in topics.INPUTS
    }


def read_ids(row: bytes | None) -> dict[str, str]:
    """The ids of the inputs that the positions are of."""
    return msgspec.json.decode(row, type=dict[str, str]) if row is not None else {}
