"""The brokers and the Redis under the other tests behave as those tests take for granted."""

import os
import signal

import pytest
import redis
from confluent_kafka import Consumer, Producer

from tests.services import Broker, Kafka, Redis, create_topics

READER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "session.timeout.ms": 3000,  # joining a group takes about as long on Tansu
}


def produce(servers: str, topic: str, *values: bytes) -> None:
    errors = []
    producer = Producer({"bootstrap.servers": servers})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert errors == [None] * len(values)


def consume(servers: str, topic: str, count: int) -> list[bytes]:
    """Read `count` records as a group of its own; fewer if none comes for 30 s."""
    consumer = Consumer({**READER, "bootstrap.servers": servers, "group.id": f"{topic}-readers"})
    consumer.subscribe([topic])
    try:
        values: list[bytes] = []
        while len(values) < count and (record := consumer.poll(30.0)) is not None:
            assert record.error() is None
            values.append(record.value())
    finally:
        consumer.close()
    return values


def test_what_is_produced_is_consumed_in_order(broker: Broker, prefix: str) -> None:
    """A group reads, in order, what a producer had acknowledged."""
    topic = f"{prefix}events"
    create_topics(broker.servers, [topic])
    produce(broker.servers, topic, b"one", b"two", b"three")
    assert consume(broker.servers, topic, 3) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_kafka_has_its_records_after_it_was_ended_and_started(kafka: Kafka, prefix: str, end: str) -> None:
    """A broker that crashes or is stopped comes back on the same address with what it had acknowledged."""
    topic, first = f"{prefix}events", kafka.process.pid
    create_topics(kafka.servers, [topic])
    produce(kafka.servers, topic, b"before")
    getattr(kafka, end)()
    assert not kafka.process.running
    kafka.start()
    assert kafka.process.pid != first
    produce(kafka.servers, topic, b"after")
    assert consume(kafka.servers, topic, 2) == [b"before", b"after"]


def test_a_kafka_left_dead_or_paused_is_mended(kafka: Kafka, prefix: str) -> None:
    """What one test does to the broker is not the next one's trouble."""
    for hurt in (kafka.kill, kafka.pause):
        hurt()
        kafka.mend()
        create_topics(kafka.servers, [f"{prefix}{hurt.__name__}"])
    assert kafka.process.running


def test_kafka_makes_no_topic_by_itself(kafka: Kafka, prefix: str) -> None:
    """Topics are made on purpose: asking for one, even to produce to it, does not make it."""
    topic, errors = f"{prefix}nowhere", []
    producer = Producer({"bootstrap.servers": kafka.servers, "message.timeout.ms": 1000})
    producer.produce(topic, b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    assert len(errors) == 1
    assert errors[0] is not None
    assert topic not in producer.list_topics(timeout=30).topics


def test_redis_answers_flushes_and_keeps_its_data_over_a_stop(redis_server: Redis) -> None:
    """A Redis stopped in order has its keys when it is started again, and none after a flush."""
    client = redis.Redis.from_url(redis_server.url)
    client.set("key", "kept")
    redis_server.stop()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    redis_server.start()
    assert client.get("key") == b"kept"
    redis_server.flush()
    assert client.get("key") is None


def test_a_killed_redis_is_mended(redis_server: Redis) -> None:
    """A Redis whose process somebody kills runs again after the test."""
    os.kill(redis_server.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, redis_server.process.pid, os.WEXITED | os.WNOWAIT)
    assert not redis_server.process.running
    redis_server.mend()
    assert redis.Redis.from_url(redis_server.url).ping()
