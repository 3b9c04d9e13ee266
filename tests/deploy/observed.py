"""Workers with metrics, each on a port of its own, and what is published to them so that every metric has something."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

from agents.embedded import LOOPBACK, free_port
from agents.simulation import simulate
from streams.topics import LEADS, TOPIC_OF
from tests.engines import PARTITIONS, caught_up, producer, wait_until
from tests.workers import Workers

DAYS = 80
LEADS_NOW = 12


@dataclass(frozen=True)
class Observed:
    """Running workers, the ports of their metrics, and their process ids."""

    servers: str
    ports: list[int]
    pids: list[int]
    partitions: int

    def metrics(self, port: int) -> str:
        """What a worker tells; empty while it does not answer."""
        try:
            with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def opened(self) -> list[int]:
        """How many partitions each worker has open."""
        found = [re.search(r"^baton_partitions_open (\S+)$", self.metrics(port), re.MULTILINE) for port in self.ports]
        return [int(float(one[1])) if one else 0 for one in found]

    def wait_until_open(self) -> None:
        """Return when every partition is open, each once, and every worker has some."""
        wait_until(lambda: all(found := self.opened()) and sum(found) == self.partitions, "partitions to be open")

    def publish(self, events: Iterable[dict], spoiled: Iterable[bytes] = ()) -> None:
        """Send events, and values that are none, and return when all of it is committed."""
        sender = producer(self.servers)
        for event in events:
            sender.produce(TOPIC_OF[event["type"]], json.dumps(event, default=str), event["subject"])
            sender.poll(0)
        for value in spoiled:
            sender.produce(LEADS, value, "spoiled")
        assert sender.flush(60) == 0
        wait_until(lambda: caught_up(self.servers, partitions=self.partitions), "all to be committed")


@contextmanager
def observed(
    servers: str,
    redis_url: str,
    directory: Path,
    agreement: Path,
    workers: int = 1,
    partitions: int = PARTITIONS,
) -> Iterator[Observed]:
    """Run workers on a broker that has the topics; they are killed at the end."""
    settings = {
        "BATON_KAFKA_SERVERS": servers,
        "BATON_REDIS_URL": redis_url,
        "BATON_AGREEMENT": str(agreement),
        "BATON_PARTITIONS": str(partitions),
        "BATON_SESSION_TIMEOUT_S": "6",  # the least that Kafka takes
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_OVERDUE_WAIT_S": "1",
    }
    directory.mkdir(parents=True, exist_ok=True)
    running = Workers(directory, settings)
    ports = []
    try:
        for number in range(workers):
            ports.append(free_port())
            running.settings = settings | {"BATON_METRICS_PORT": str(ports[-1])}
            running.start(number)
        yield Observed(servers, ports, [process.pid for process in running.processes.values()], partitions)
    finally:
        running.end_all()


def history(leads: int, seed: int = 5) -> Iterator[dict]:
    """The simulated company's last months, up to now."""
    now = datetime.now(UTC)
    yield from simulate(seed, leads, now - timedelta(days=DAYS), DAYS, now)


def present() -> Iterator[dict]:
    """Leads of this moment, each from its first touchpoint to a deal: so every period that runs has something in it."""
    for number in range(LEADS_NOW):
        lead = f"now-{number}"
        yield _event(lead, 0, "touchpoint", {"kind": "form_submit", "party": "lead", "channel": "email"})
        profile = {"email": f"{lead}@example.org", "score": 80, "company": "x", "phone": "1", "segment": "smb"}
        yield _event(lead, 1, "lead", {"status": "mql", "owner": "diego", "profile": profile, "colour": "green"})
        yield _event(lead, 2, "lead", {"status": "accepted"})
        deal = {"deal_id": "d", "amount": "100", "currency": "BRL", "owner": "livia"}
        yield _event(lead, 3, "deal", deal | {"stage": "won" if number % 2 else "proposal"})


def _event(lead: str, place: int, kind: str, data: dict) -> dict:
    at = datetime.fromtimestamp(time.time() - 3 + place, UTC)
    return {
        "specversion": "1.0",
        "id": f"{lead}-{place}",
        "source": "/tests/observed",
        "type": f"baton.{kind}.v1",
        "subject": lead,
        "time": at.isoformat(),
        "data": data,
    }
