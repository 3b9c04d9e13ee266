"""Fixtures that give tests real brokers and a real Redis, started once a session, and only if a test asks.

A test that uses `kafka` has the marker `kafka` without saying so. One that uses `broker` runs twice: on Tansu,
and, marked `kafka`, on Apache Kafka.
"""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from agents import embedded
from tests.receivers import Mail, Web, mail_server, web_server
from tests.services import Broker, Kafka, Redis, Running

settings.register_profile(  # the same examples each time, however slow the machine
    "same",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("fresh", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")  # before modules of tests are imported, whose own settings start from it


OURS = range(10_000, embedded.PORTS.start)
"""Ports for tests; what they start by itself, such as `baton up`, chooses among Baton's own."""


def pytest_configure() -> None:
    """Give each worker of xdist ports of its own: what one has found, another does not take meanwhile."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(OURS) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    embedded.PORTS = OURS[number * share : (number + 1) * share]


@pytest.hookimpl(tryfirst=True)  # before -m decides
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name != "chaos")  # they take longest: a worker has them from the start
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker("kafka")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp)
    yield running
    running.end()


@pytest.fixture(autouse=True)
def mended(running: Running) -> Iterator[None]:
    yield
    running.mend()


@pytest.fixture(scope="session")
def kafka(running: Running) -> Kafka:
    return running.add(Kafka)


@pytest.fixture(scope="session")
def redis_server(running: Running) -> Redis:
    return running.add(Redis)


@pytest.fixture(scope="session")
def tansu(running: Running) -> Broker:
    return Broker("tansu", running.tansu(), fences=False)


@pytest.fixture(scope="session", params=["tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "tansu":
        return request.getfixturevalue("tansu")
    return Broker("kafka", request.getfixturevalue("kafka").servers, fences=True)


@pytest.fixture
def prefix() -> str:
    """Begin the names of topics, groups and transactional ids with it, and no other test meets them."""
    return f"t{uuid4().hex[:12]}-"


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture
def mail() -> Iterator[Mail]:
    with mail_server() as mail:
        yield mail
