"""Opening a partition: what is asked of brokers that may not answer."""

import socket

import pytest

from agents import offsets
from agents.engine import opening
from streams import topics


@pytest.fixture
def silent():
    """The address of what takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "{}:{}".format(*server.getsockname())


def test_a_broker_that_says_nothing_is_told_of_and_does_not_end_a_worker(silent, monkeypatch, caplog):
    """Where no broker says which topics there are, that is in the log, with why."""
    monkeypatch.setattr(offsets, "ASK_S", 0.1)
    assert opening.topic_ids({"bootstrap.servers": silent, "log_level": 0}) == {}
    assert caplog.text.count("is not to be had: KafkaError{code=_TIMED_OUT") == len(topics.INPUTS) + 1
