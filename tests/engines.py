"""Running the engine in a test: fresh topics, publishing, waiting until all is committed, and reading what came out."""

import time
from collections.abc import Callable, Iterator, Sequence

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient

from agents.administration import apply_topics
from agents.settings import Settings
from streams import topics

PARTITIONS = 4
PATIENCE_S = 90.0
NOT_YET = (
    ck.KafkaError._ALL_BROKERS_DOWN,
    ck.KafkaError._TIMED_OUT,
    ck.KafkaError._TRANSPORT,
    ck.KafkaError._WAIT_COORD,
    ck.KafkaError.NOT_COORDINATOR,
    ck.KafkaError.COORDINATOR_NOT_AVAILABLE,
    ck.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
"""What is said while a broker is busy or away, or the group's coordinator is only just coming up."""


class StillWaitingError(AssertionError):
    """What was waited for did not come."""


def wait_until(true: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Return as soon as it is true; StillWaitingError past the limit."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise StillWaitingError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


def fresh_topics(servers: str, partitions: int = PARTITIONS) -> None:
    """Make every topic of Baton anew, empty."""
    admin = AdminClient({"bootstrap.servers": servers})

    def have() -> set[str]:
        return {topic.name for topic in topics.ALL} & set(admin.list_topics(timeout=10).topics)

    for gone in (admin.delete_topics(sorted(have())) if have() else {}).values():
        gone.result(30)
    wait_until(lambda: not have(), "the topics to be gone", 30)
    apply_topics(Settings(kafka_servers=servers, partitions=partitions))


def producer(servers: str, partitioner: str = "murmur2_random") -> ck.Producer:
    """A publisher."""
    return ck.Producer({"bootstrap.servers": servers, "partitioner": partitioner, "linger.ms": 5})


def caught_up(servers: str, group: str = "baton", partitions: int = PARTITIONS) -> bool:
    """Whether the engine has committed all that is on the input topics."""
    reader = ck.Consumer({"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False})
    try:
        for topic in topics.INPUTS:
            tps = [ck.TopicPartition(topic, partition) for partition in range(partitions)]
            for tp in reader.committed(tps, timeout=10):
                _, end = reader.get_watermark_offsets(tp, timeout=10)
                if max(0, tp.offset) < end:
                    return False
    except ck.KafkaException as error:
        if error.args[0].code() not in NOT_YET:
            raise
        return False
    finally:
        reader.close()
    return True


def read(servers: str, topic: str, partitions: int = PARTITIONS) -> Iterator[ck.Message]:
    """Every record of a topic, as a read_committed reader sees it, partition by partition."""
    reader = ck.Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": 8 * 1024 * 1024,
            "fetch.wait.max.ms": 20,
        }
    )
    try:
        for partition in range(partitions):
            reader.assign([ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING)])
            done = False
            while not done:
                for record in reader.consume(10_000, 0.05):
                    error = record.error()
                    if error is None:
                        yield record
                    elif error.code() == ck.KafkaError._PARTITION_EOF:
                        done = True
                    else:
                        raise ck.KafkaException(error)
    finally:
        reader.close()


def headers_of(record: ck.Message) -> dict[str, bytes]:
    """A record's headers, the last of each name."""
    return dict(record.headers() or [])  # type: ignore[arg-type]


def publish(servers: str, records: Sequence[tuple[str, bytes | None, bytes | None]], **headers: bytes) -> None:
    """Send (topic, key, value) and wait until the broker has them."""
    sender = producer(servers)
    for topic, key, value in records:
        sender.produce(topic, value, key, headers=list(headers.items()))
    if sender.flush(60):
        raise StillWaitingError("the broker did not take all records")
