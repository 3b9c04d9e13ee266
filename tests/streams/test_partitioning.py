"""Which partition a key belongs to is what Java's and librdkafka's producers say (DESIGN §2)."""

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from confluent_kafka import Producer
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from streams.partitioning import murmur2, partition_of

OF_JAVA = {  # UtilsTest.testMurmur2 of Apache Kafka
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
OF_LIBRDKAFKA = {  # unittest_murmur2 of rdmurmur2.c: every length modulo 4, aligned and not
    b"kafka": 0xD067CF64,
    b"giberish123456789": 0x8F552B0C,
    b"1234": 0x9FC97B14,
    b"234": 0xE7C009CA,
    b"34": 0x873930DA,
    b"4": 0x5A4B5CA1,
    b"PreAmbleWillBeRemoved,ThePrePartThatIs": 0x78424F1C,
    b"reAmbleWillBeRemoved,ThePrePartThatIs": 0x4A62B377,
    b"eAmbleWillBeRemoved,ThePrePartThatIs": 0xE0E4E09E,
    b"AmbleWillBeRemoved,ThePrePartThatIs": 0x62B8B43F,
    b"": 0x106E08D9,
}
KEYS = st.one_of(st.binary(max_size=70), st.text(max_size=40).map(str.encode))


@pytest.mark.parametrize(("key", "signed"), OF_JAVA.items())
def test_the_hash_is_that_of_java(key, signed):
    """murmur2 gives the values that Kafka's own tests ask of Java's."""
    assert murmur2(key) == signed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "hashed"), OF_LIBRDKAFKA.items())
def test_the_hash_is_that_of_librdkafka(key, hashed):
    """murmur2 gives the values that librdkafka's own tests ask of its."""
    assert murmur2(key) == hashed


@given(KEYS)
@example(b"")
@example(b"\xff" * 7)
def test_the_hash_is_that_of_other_clients(key):
    """murmur2 of any bytes is what kafka-python and aiokafka take for it."""
    assert murmur2(key) == murmur2_of_kafka_python(key) & 0xFFFFFFFF == murmur2_of_aiokafka(key) & 0xFFFFFFFF


@given(KEYS, st.integers(1, 1000))
def test_the_partition_is_javas(key, partitions):
    """A key's partition is the hash without its sign bit, modulo the partitions: one of them, always the same."""
    signed = murmur2_of_kafka_python(key)
    assert partition_of(key, partitions) == (signed & 0x7FFFFFFF) % partitions < partitions


def test_a_negative_hash_loses_its_sign_only():
    """A key whose hash is negative in Java takes the partition of Java's `toPositive`, not of the absolute value."""
    assert partition_of(b"foobar", 12) == (-790332482 & 0x7FFFFFFF) % 12 != 790332482 % 12


def test_librdkafka_sends_to_the_same_partition():
    """A producer of librdkafka with the partitioner `murmur2` puts each key where it belongs."""
    sent = {}

    def note(_error, message):
        sent[message.key()] = message.partition()

    keys = [f"lead-{number}-{'ñ' * (number % 5)}".encode() for number in range(100)]
    producer = Producer({"test.mock.num.brokers": 1, "partitioner": "murmur2", "linger.ms": 0, "log_level": 0})
    for key in keys:
        producer.produce("leads", b"", key, on_delivery=note)
    assert producer.flush(20) == 0
    partitions = producer.list_topics("leads", timeout=10).topics["leads"].partitions
    assert len(partitions) > 1
    assert sent == {key: partition_of(key, len(partitions)) for key in keys}
