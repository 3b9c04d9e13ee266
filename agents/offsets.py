"""What the brokers say of topics: the ids that they gave them, and where their partitions end."""

from collections.abc import Iterable

import confluent_kafka as ck
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # OffsetSpec is public, but not to mypy
    AdminClient,
    OffsetSpec,
)

from agents.kafka import client_config
from agents.settings import Settings

ASK_S = 10.0


class Brokers:
    """Asks the brokers; every method may raise KafkaException, where none answers within ten seconds."""

    def __init__(self, settings: Settings) -> None:
        """Connect at the first question."""
        self._admin = AdminClient(client_config(settings))

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic: a topic that was deleted and made again has another one."""
        asked = ck.TopicCollection(list(topics))
        described = self._admin.describe_topics(asked, request_timeout=ASK_S)
        return {topic: str(answer.result(ASK_S).topic_id) for topic, answer in described.items()}

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        described = self._admin.describe_topics(ck.TopicCollection([topic]), request_timeout=ASK_S)
        return len(described[topic].result(ASK_S).partitions)

    def ends(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Behind the last record, by topic and partition, that a read_committed reader may see now."""
        return self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # has no types

    def starts(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The first offset that is still kept, by topic and partition."""
        return self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # has no types

    def _offsets(self, places: Iterable[tuple[str, int]], which: OffsetSpec) -> dict[tuple[str, int], int]:
        asked = {ck.TopicPartition(*place): which for place in places}
        if not asked:
            return {}
        answers = self._admin.list_offsets(
            asked, isolation_level=ck.IsolationLevel.READ_COMMITTED, request_timeout=ASK_S
        )
        return {(place.topic, place.partition): answer.result(ASK_S).offset for place, answer in answers.items()}
