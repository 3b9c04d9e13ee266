"""Who of all processes sends notifications: the one to which Kafka's consumer group gives the ledger's partition.

One sends for all partitions of clocks, and for promises, so that what fires together is one message; the others stand
by. What an earlier holder still tries to write, the ledger refuses.
"""

from collections.abc import Mapping
from typing import Final

import confluent_kafka as ck

from agents.kafka import client_config
from agents.projection.model import Source
from agents.settings import Settings
from streams import topics

_PASSING: Final = frozenset(
    {ck.KafkaError._ALL_BROKERS_DOWN, ck.KafkaError._TRANSPORT, ck.KafkaError.UNKNOWN_TOPIC_OR_PART}
)


class Lease:
    """A place in the group; no record is ever read through it."""

    def __init__(self, settings: Settings) -> None:
        """Join at the first `held`."""
        self._held = False
        self._consumer = ck.Consumer(
            client_config(settings)
            | {
                "group.id": f"{settings.app}-notifier",
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "session.timeout.ms": int(settings.session_timeout_s * 1000),
                "heartbeat.interval.ms": int(min(3.0, settings.session_timeout_s / 6) * 1000),
                "max.poll.interval.ms": max(300_000, int(settings.session_timeout_s * 1000)),
            }
        )
        self._consumer.subscribe(
            [topics.NOTIFIED], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def held(self, wait_s: float) -> bool:
        """Whether it is ours; waits for news for some seconds at most. Raises KafkaException."""
        message = self._consumer.poll(wait_s)
        error = None if message is None else message.error()
        if error is not None and error.code() not in _PASSING:
            raise ck.KafkaException(error)
        return self._held

    def commit(self, offsets: Mapping[Source, int]) -> None:
        """Tell the group how far facts were read, for those who watch lag; nothing depends on it."""
        places = [ck.TopicPartition(*source, offset) for source, offset in offsets.items()]
        if places:
            self._consumer.commit(offsets=places, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that another one takes over at once."""
        self._consumer.close()

    def _assigned(self, consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
        consumer.assign(places)
        if places:
            consumer.pause(places)
        self._held = bool(places)

    def _revoked(self, consumer: ck.Consumer, _: list[ck.TopicPartition]) -> None:
        consumer.unassign()
        self._held = False
