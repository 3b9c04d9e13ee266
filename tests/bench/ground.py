"""A Kafka of one's own, the log on it, and clean topics to write to before each run."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from agents.administration import apply_topics
from agents.kafka import client_config
from agents.publishing import STRUCTURED, Publisher, Record
from agents.settings import Settings
from streams import topics
from tests.engines import wait_until
from tests.services import Kafka

ALL_EVENTS = "bench.events"
"""The whole log once more, on one topic, for the systems that are better off with one."""
SHORT_LOG = "bench.short"
FACTS = "bench.facts"
"""Where the systems beside the engine say what they found."""
_KEPT = {*topics.INPUTS, ALL_EVENTS, SHORT_LOG, "__consumer_offsets", "__transaction_state"}


class Ground:
    """What the systems stand on: a broker, with a folder for what they write beside it."""

    def __init__(self, kafka: Kafka, directory: Path, partitions: int) -> None:
        self.servers = kafka.servers
        self.directory = directory
        self.partitions = partitions
        self.settings = Settings(kafka_servers=kafka.servers, partitions=partitions, redis_url="")
        self._admin = AdminClient(client_config(self.settings))
        self._runs = 0

    def prepare(self) -> None:
        """Make the topics that the log is published to."""
        apply_topics(self.settings)
        self._create(ALL_EVENTS, SHORT_LOG)

    def publish(self, log: Iterable[Record], also_to: str | None = None) -> int:
        """Publish events, each to its topic, and to one more where that is named; returns how many."""
        count = 0
        with Publisher(self.settings) as publisher:
            for topic, key, value in log:
                publisher.send(topic, key, value, STRUCTURED)
                if also_to is not None:
                    publisher.send(also_to, key, value, STRUCTURED)
                count += 1
            publisher.finish()
        return count

    def publish_to(self, topic: str, log: Iterable[Record]) -> int:
        """Publish events to one topic, whatever their type."""
        return self.publish(Record(topic, record.key, record.value) for record in log)

    def clean(self) -> Path:
        """Delete all that was written by a run, and make it anew, empty; returns a new folder for the next run."""
        doomed = self._topics() - _KEPT
        for gone in (self._admin.delete_topics(sorted(doomed)) if doomed else {}).values():
            gone.result(30)
        wait_until(lambda: not doomed & self._topics(), "topics to be gone", 30)
        apply_topics(self.settings)
        self._create(FACTS)
        return self.new_folder()

    def new_folder(self) -> Path:
        """A folder for what a run writes beside Kafka; its name is used by no other run."""
        self._runs += 1
        folder = self.directory / f"run-{self._runs}"
        folder.mkdir()
        return folder

    def _create(self, *names: str) -> None:
        for created in self._admin.create_topics([NewTopic(name, self.partitions, 1) for name in names]).values():
            created.result(30)

    def _topics(self) -> set[str]:
        return set(self._admin.list_topics(timeout=10).topics)

    def ends(self, names: Iterable[str]) -> dict[tuple[str, int], int]:
        """Where each partition of some topics ends."""
        reader = ck.Consumer(client_config(self.settings) | {"group.id": "bench-ends"})
        try:
            places = [(name, number) for name in names for number in range(self.partitions)]
            return {place: reader.get_watermark_offsets(ck.TopicPartition(*place), timeout=10)[1] for place in places}
        finally:
            reader.close()


@contextmanager
def grounded(partitions: int = 4) -> Iterator[Ground]:
    """A running Kafka with Baton's topics, gone at the end with all that was written."""
    with ExitStack() as ends:
        directory = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="baton-bench-")))
        kafka = Kafka(directory / "kafka", {})
        ends.callback(kafka.end)
        kafka.start()
        ground = Ground(kafka, directory, partitions)
        ground.prepare()
        yield ground
