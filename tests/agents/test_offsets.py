"""What the brokers say of topics, while they come and go."""

from pathlib import Path

import confluent_kafka as ck
import pytest

from agents.administration import apply_topics
from agents.offsets import Brokers
from agents.settings import Settings
from streams import topics
from tests.engines import wait_until
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
