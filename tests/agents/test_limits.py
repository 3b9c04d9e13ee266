"""A worker's timeouts against its brokers' limits: refused in one line, before anything starts."""

import pytest

from agents.errors import BatonError
from agents.limits import check_limits, refused_timeouts
from agents.settings import Settings
from tests.services import ON_KAFKA_ONLY


@ON_KAFKA_ONLY
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"session_timeout_s": 0.5},
            r"BATON_SESSION_TIMEOUT_S is 0\.5 s, below the least that the brokers allow "
            r"\(group\.min\.session\.timeout\.ms=1000\): set BATON_SESSION_TIMEOUT_S=1, or",
        ),
        (
            {"session_timeout_s": 1801.0},
            r"SESSION_TIMEOUT_S is 1801 s, above the most .*set BATON_SESSION_TIMEOUT_S=1800,",
        ),
        ({"transaction_timeout_s": 1000.0}, r"TRANSACTION_TIMEOUT_S is 1000 s, above the most .*_TIMEOUT_S=900, or"),
    ],
)
def test_a_timeout_that_the_brokers_refuse_is_one_clear_line(broker, given, told):
    """Who sets a timeout past a broker's limit is told which one, and what would do."""
    with pytest.raises(BatonError, match=told):
        check_limits(Settings(kafka_servers=broker.servers, **given))


def test_the_defaults_pass_on_every_broker(broker):
    """Baton's own timeouts are within Kafka's limits; a broker that tells none, as Tansu, refuses nothing."""
    assert refused_timeouts(Settings(kafka_servers=broker.servers)) == []
