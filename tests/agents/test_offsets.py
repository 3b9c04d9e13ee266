"""What the brokers say of topics, while they come and go."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import confluent_kafka as ck
import pytest

from agents.administration import apply_topics
from agents.embedded import LOOPBACK
from agents.offsets import Brokers, Offsets, Places
from agents.settings import Settings
from streams import topics
from tests.engines import wait_until
from tests.relay import LIST_OFFSETS, Relay
from tests.services import Kafka

pytestmark = pytest.mark.kafka


def test_a_broker_that_came_back_is_asked_again(tmp_path: Path):
    """Where topics end is known again soon after a broker was killed and started on its data, not minutes later."""
    kafka = Kafka(tmp_path)
    kafka.start()
    try:
        settings = Settings(kafka_servers=kafka.servers)
        apply_topics(settings)
        brokers = Brokers(settings)
        places = [(topic, partition) for topic in topics.INPUTS for partition in range(settings.partitions)]

        def answers() -> bool:
            try:
                return brokers.ends(places).keys() == set(places)
            except ck.KafkaException:
                return False

        assert answers()
        kafka.kill()
        assert not answers()
        kafka.start()
        wait_until(answers, "an answer")
    finally:
        kafka.end()


class Relayed(Kafka):
    """Apache Kafka whose clients come through a relay."""

    relay: Relay

    def listeners(self) -> dict[str, str]:
        self.relay = Relay(self.port)
        addresses = {"PLAINTEXT": self.relay.port, "CONTROLLER": self.port + 1}
        return {"advertised.listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in addresses.items())}


def _answers_with_zeros(ask: Callable[[Places], Offsets], places: Sequence[tuple[str, int]]) -> bool:
    with suppress(ck.KafkaException):
        return ask(places) == dict.fromkeys(places, 0)
    return False


def test_a_connection_that_ends_in_the_middle_of_a_question_is_an_error_and_no_answer(tmp_path: Path):
    """Else nothing would seem to wait on the inputs, and time would pass answers that do: a false breach."""
    kafka = Relayed(tmp_path)
    with kafka.relay as relay:
        kafka.start()
        try:
            settings = Settings(kafka_servers=kafka.servers)
            apply_topics(settings)
            brokers = Brokers(settings)
            places = [(topics.LEADS, partition) for partition in range(settings.partitions)]
            for ask in (brokers.ends, brokers.written, brokers.starts):
                wait_until(partial(_answers_with_zeros, ask, places), "an answer")
                relay.cuts, cut = LIST_OFFSETS, relay.cut
                with pytest.raises(ck.KafkaException):
                    ask(places)
                assert relay.cut > cut, "nothing was cut"
                relay.cuts = None
        finally:
            kafka.end()
