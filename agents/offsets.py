"""What the brokers say of topics: the ids that they gave them, and where their partitions begin and end."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, TypeVar

import confluent_kafka as ck
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # OffsetSpec is public, but not to mypy
    AdminClient,
    OffsetSpec,
)

from agents.kafka import client_config
from agents.settings import Settings

ASK_S: Final = 10.0
T = TypeVar("T")

Places = Iterable[tuple[str, int]]
Offsets = dict[tuple[str, int], int]
"""By topic and partition."""


class Brokers:
    """Asks the brokers; every method raises KafkaException where they refuse, or do not answer within ten seconds.

    After an error the next question goes out by a new client: one that saw a broker end and come back keeps asking
    by the leaders' old epochs, and is refused for minutes (FENCED_LEADER_EPOCH).
    """

    def __init__(self, settings: Settings) -> None:
        """Connect at the first question."""
        self._config = client_config(settings)
        self._client: AdminClient | None = None

    @contextmanager
    def _admin(self) -> Iterator[AdminClient]:
        client = self._client
        if client is None:
            client = self._client = AdminClient(self._config)
        try:
            yield client
        except ck.KafkaException:
            self._client = None
            raise

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic: a topic that was deleted and made again has another one."""
        with self._admin() as admin:
            described = admin.describe_topics(ck.TopicCollection(list(topics)), request_timeout=ASK_S)
            return {topic: str(answer(told).topic_id) for topic, told in described.items()}

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        with self._admin() as admin:
            described = admin.describe_topics(ck.TopicCollection([topic]), request_timeout=ASK_S)
            return len(answer(described[topic]).partitions)

    def ends(self, places: Places) -> Offsets:
        """Behind the last record that a read_committed reader may see now."""
        return self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # has no types

    def written(self, places: Places) -> Offsets:
        """Behind the last record that was written, in a transaction that is still open too: it may be an answer."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # has no types
        return self._offsets(places, latest, ck.IsolationLevel.READ_UNCOMMITTED)

    def starts(self, places: Places) -> Offsets:
        """The first offset that is still kept."""
        return self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # has no types

    def _offsets(
        self, places: Places, which: OffsetSpec, seeing: ck.IsolationLevel = ck.IsolationLevel.READ_COMMITTED
    ) -> Offsets:
        asked = {ck.TopicPartition(*place): which for place in places}
        if not asked:
            return {}
        with self._admin() as admin:
            answers = admin.list_offsets(asked, isolation_level=seeing, request_timeout=ASK_S)
            offsets = {(place.topic, place.partition): answer(told).offset for place, told in answers.items()}
            if min(offsets.values()) < 0:  # what librdkafka says, and no error, when the connection ends meanwhile
                raise ck.KafkaException(
                    ck.KafkaError(ck.KafkaError._TRANSPORT, "the connection ended before an answer")
                )
            return offsets


def answer(told: "Future[T]") -> T:
    """What a client was told; KafkaException where nothing came within ten seconds."""
    try:
        return told.result(ASK_S)
    except TimeoutError as error:
        late = ck.KafkaError(ck.KafkaError._TIMED_OUT, f"no broker answered within {ASK_S:.0f} s")
        raise ck.KafkaException(late) from error
