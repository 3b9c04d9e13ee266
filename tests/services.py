"""The brokers and the Redis that tests run on, as handles that can hurt them: see `conftest.py` for the fixtures."""

import shutil
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from confluent_kafka.admin import AdminClient, NewTopic

from agents.embedded import (
    LOOPBACK,
    Process,
    embedded_kafka,
    free_port,
    kafka_cluster,
    redis_answers,
    redis_command,
    redis_program,
)

ROOT = Path(__file__).parent.parent
JARS = ROOT / ".baton" / "kafka"
SCRIPT = ROOT / "deploy" / "kafka" / "kafka.sh"

KAFKA_START_TIMEOUT_S = 120.0
"""A cold Java on a busy machine; two to five seconds are usual."""

KAFKA_SETTINGS = {
    "group.min.session.timeout.ms": "1000",  # a lost session is noticed soon
    "broker.session.timeout.ms": "3000",  # one that was killed is let in again soon
    "broker.heartbeat.interval.ms": "500",
}
"""Added to the script's own."""


@dataclass(frozen=True)
class Broker:
    """What a test that runs on every broker may know of the one at hand."""

    name: str
    servers: str
    fences: bool
    """Whether a transactional producer shuts out an older one of the same id (DESIGN §9: Tansu doesn't)."""


ON_KAFKA_ONLY = pytest.mark.parametrize(
    "broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True, scope="session"
)
"""For a test of `broker` whose promise is Apache Kafka's alone (DESIGN §9)."""


class Service:
    """A server that a test may stop, kill, pause and start again; at the test's end it is mended."""

    process: Process
    paused = False

    def __init__(self, directory: Path) -> None:
        """Prepare it, with its data and log in `directory`, without starting it."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it on its port and data, and return when it answers; it must not be running."""
        raise NotImplementedError

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.process.stop()
        self.paused = False

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.kill()
        self.paused = False

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        self.process.send(signal.SIGSTOP)
        self.paused = True

    def cont(self) -> None:
        """SIGCONT: go on after `pause`."""
        self.process.send(signal.SIGCONT)
        self.paused = False

    def end(self) -> None:
        """Stop it for good."""
        self.stop()

    def mend(self) -> None:
        """Undo what a test did and left: running, and not paused."""
        if self.paused:
            self.cont()
        if not self.process.running:
            self.start()


class Kafka(Service):
    """Apache Kafka, one node in KRaft mode with its data in `directory`; `servers` for clients."""

    def __init__(self, directory: Path, settings: Mapping[str, str] = KAFKA_SETTINGS) -> None:
        """Prepare it; fails the test, and says what to do, if there are no jars or no Java."""
        need_kafka()
        self.port = port = free_port(neighbours=1)  # the next one is the controller's
        self.servers = f"{LOOPBACK}:{port}"
        self.data = directory / "data"
        overrides = [f"{name}={value}" for name, value in (dict(settings) | self.listeners()).items()]
        command = [str(SCRIPT), "run", str(JARS), str(port), str(self.data), *overrides]
        self.process = Process("Apache Kafka", command, directory / "kafka.log", keep_log=True)

    def listeners(self) -> dict[str, str]:
        """Settings of listeners beside the script's, which are at `port` and the next one; none here."""
        return {}

    def start(self) -> None:
        """Start it, also again on its data; returns when every topic has its leaders."""
        self.process.start()
        answering = kafka_cluster(self.servers)
        self.process.wait_until(lambda: answering() == self._cluster() is not None, KAFKA_START_TIMEOUT_S)

    def _cluster(self) -> str | None:
        formatted = self.data / "log" / "meta.properties"
        if not formatted.exists():
            return None
        lines = formatted.read_text().splitlines()
        return next((line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id=")), None)

    def end(self) -> None:
        """Stop it and remove its data, which are large; its log is kept."""
        super().end()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def log(self) -> str:
        """What it has complained of since it was first started."""
        return self.process.log.read_text(errors="replace")


class Redis(Service):
    """A Redis with its data in `directory`; the one on PATH if there is one, or else the wheel's."""

    def __init__(self, directory: Path) -> None:
        """Prepare it; ServiceError if there is no redis-server."""
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        program = shutil.which("redis-server") or redis_program()
        command = [*redis_command(program, directory, self.port), *self.words()]
        self.process = Process("Redis", command, directory / "redis.log")

    def words(self) -> list[str]:
        """More words of its command; none here."""
        return []

    def start(self) -> None:
        """Start it, also again on the data that `stop` saved; returns when they are loaded."""
        self.process.start()
        self.process.wait_until(lambda: redis_answers(self.port, self.process.pid))

    def flush(self) -> None:
        """Remove every key."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


Started = TypeVar("Started", bound=Service)


class Running:
    """The session's services, each started when the first test asks for it, and all ended together."""

    def __init__(self, new_directory: Callable[[str], Path]) -> None:
        """`new_directory(name)` makes a directory for a service's data and log."""
        self._new_directory = new_directory
        self._services: list[Service] = []
        self._ends = ExitStack()

    def add(self, kind: type[Started]) -> Started:
        """Start a service that is mended after every test and ended with the session."""
        service = kind(self._new_directory(kind.__name__.lower()))
        self._ends.callback(service.end)
        service.start()
        self._services.append(service)
        return service

    def tansu(self) -> str:
        """Start Tansu; returns its bootstrap servers."""
        return self._ends.enter_context(embedded_kafka(self._new_directory("tansu")))

    def mend(self) -> None:
        """Have every service run again, whatever a test did to it."""
        for service in self._services:
            service.mend()

    def end(self) -> None:
        """End them all."""
        self._ends.close()


def need_kafka() -> None:
    """Fail the test, with what to do about it, where Apache Kafka cannot be run."""
    if not any((JARS / "libs").glob("kafka_*.jar")):
        pytest.fail(f"Apache Kafka's jars are not in {JARS / 'libs'}: run 'make jars' (needs Maven)", pytrace=False)
    if shutil.which("java") is None:
        pytest.fail("Apache Kafka needs Java 17 or later, and there is no java on PATH", pytrace=False)


def create_topics(
    servers: str, names: Iterable[str], partitions: int = 1, config: Mapping[str, str] | None = None
) -> None:
    """Create topics and return when the broker has them; a KafkaException if one exists."""
    admin = AdminClient({"bootstrap.servers": servers})
    topics = [
        NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {})) for name in names
    ]
    for created in admin.create_topics(topics).values():
        created.result(timeout=30)
