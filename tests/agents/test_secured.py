"""Everything over TLS: each client that Baton has reaches Kafka and Redis by the settings, and by those alone."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pytest
import redis
from kafka.errors import KafkaTimeoutError

from agents.administration import plan_topics
from agents.errors import BatonError
from agents.settings import Settings
from tests.engines import PARTITIONS, caught_up, wait_until
from tests.secured import PASSWORD, USER, SecuredKafka, SecuredRedis
from tests.services import ROOT, Service
from tests.workers import Workers

BATON = [sys.executable, "-c", "from agents.cli import main; main()"]
ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
LEADS = 30

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    yield from ran(SecuredKafka(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="module")
def read_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    yield from ran(SecuredRedis(tmp_path_factory.mktemp("redis")))


Secured = TypeVar("Secured", bound=Service)


def ran(service: Secured) -> Iterator[Secured]:
    service.start()
    yield service
    service.end()


def by_password(broker: SecuredKafka) -> dict[str, str]:
    return {
        "BATON_KAFKA_SERVERS": broker.by_password,
        "BATON_KAFKA_SECURITY": "SASL_SSL",
        "BATON_KAFKA_CA": str(broker.certificates.authority),
        "BATON_KAFKA_SASL": "PLAIN",
        "BATON_KAFKA_USER": USER,
        "BATON_KAFKA_PASSWORD": PASSWORD,
    }


def by_certificate(broker: SecuredKafka) -> dict[str, str]:
    files = broker.certificates
    return {
        "BATON_KAFKA_SERVERS": broker.by_certificate,
        "BATON_KAFKA_SECURITY": "SSL",
        "BATON_KAFKA_CA": str(files.authority),
        "BATON_KAFKA_CERTIFICATE": str(files.client),
        "BATON_KAFKA_KEY": str(files.client_key),
    }


WAYS = {"password": by_password, "certificate": by_certificate}


@pytest.fixture
def settings(tmp_path: Path, read_model: SecuredRedis) -> dict[str, str]:
    """All but how Kafka is reached."""
    user = f"{USER}:{quote(PASSWORD, safe='')}"
    return {
        "BATON_REDIS_URL": f"rediss://{user}@127.0.0.1:{read_model.secured_port}/0",
        "BATON_REDIS_CA": str(read_model.certificates.authority),
        "BATON_AGREEMENT": str(ACME),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"baton-{tmp_path.name}",
    }


def baton(settings: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [*BATON, *words]
    return subprocess.run(
        command, env=settings | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False
    )


def said(settings: dict[str, str], *words: str) -> str:
    done = baton(settings, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path, {})
    yield workers
    workers.end_all()


@pytest.mark.parametrize("way", WAYS)
def test_events_go_all_the_way_over_tls(way: str, tmp_path: Path, broker, read_model, settings, workers):
    """Topics are made, events published, folded, put into Redis and exported, and the doctor finds nothing wrong."""
    settings |= WAYS[way](broker)
    workers.settings.update(settings)
    log, out = tmp_path / "events.jsonl", tmp_path / "live"
    said(settings, "simulate", "--leads", str(LEADS), "--out", str(log))
    said(settings, "topics", "apply")
    assert f"{len(log.read_text().splitlines())} acknowledged" in said(settings, "publish", str(log))
    workers.start(0)
    wait_until(lambda: caught_up(broker.servers, settings["BATON_APP"]), "the engine to have it all")
    said(settings, "export", "--out", str(out), "--wait", "60")
    leads = {json.loads(line)["lead"] for line in (out / "leads.jsonl").read_text().splitlines()}
    assert len(leads) >= LEADS
    with redis.Redis.from_url(read_model.url) as client:
        wait_until(lambda: leads <= _in_redis(client), "Redis to have every lead")
    wait_until(lambda: baton(settings, "doctor").returncode == 0, "the doctor to find nothing wrong")
    said(settings, "quarantine", "list")


def _in_redis(client: redis.Redis) -> set[str]:
    return {key.decode().rpartition("lead:")[2] for key in client.scan_iter("baton:v1:lead:*", count=1_000)}


HUNG_UP = "KafkaConnectionError: socket disconnected"
REFUSED = "[Error 58] SaslAuthenticationFailedError: SaslAuthenticationFailedError: Authentication failed"
WAITED = "[Error 7] RequestTimedOutError"


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        ([HUNG_UP, REFUSED], "wrong user or password"),
        ([REFUSED, HUNG_UP], "wrong user or password"),
        ([HUNG_UP, HUNG_UP, WAITED], "it hangs up: wrong security, user or password"),
        ([WAITED], "RequestTimedOutError"),
    ],
)
def test_what_any_attempt_heard_of_a_refusal_is_told(attempts: list[str], told: str, monkeypatch):
    """A broker that refuses a password also hangs up: each attempt to connect shows one or the other, by chance.

    So the client's log is played here, as it was seen, and no attempt's chance decides what is told.
    """

    def client(**_: object) -> None:
        for reason in attempts:
            logging.getLogger("kafka.net.manager").warning(
                "Bootstrap connection to bootstrap-0 failed: %s (backoff 0.06 secs)", reason
            )
        raise KafkaTimeoutError("Unable to bootstrap")

    monkeypatch.setattr("agents.administration.KafkaAdminClient", client)
    with pytest.raises(BatonError, match=rf"no Kafka broker answers at \S+ \(waited 5 s; .*{told}"):
        plan_topics(Settings())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"BATON_KAFKA_PASSWORD": "wrong"}, "user or password"),
        ({"BATON_KAFKA_SECURITY": "SASL_PLAINTEXT"}, "no Kafka broker answers at"),
    ],
)
def test_what_the_broker_refuses_is_one_clear_line(change: dict[str, str], told: str, broker, settings):
    """Who mistypes a password, or speaks without TLS, is told in a line where it is set, with exit code 2."""
    done = baton(settings | by_password(broker) | change, "topics", "apply")
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert PASSWORD not in done.stderr
