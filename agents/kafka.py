"""How Baton reaches Kafka: one description of the connection for each of the clients it uses."""

import ssl
from collections.abc import Mapping
from typing import TypeAlias

import confluent_kafka as ck
import faust

from agents.errors import BatonError
from agents.settings import Settings

Config: TypeAlias = dict[str, str | int | float | bool]
NEAR_MS = 10
"""Back-off between retries to a broker that is near; the default of 100 ms shows in every transaction (DESIGN §8)."""


def client_config(settings: Settings) -> Config:
    """What every confluent-kafka client here is given."""
    config: Config = {
        "bootstrap.servers": settings.kafka_servers,
        "security.protocol": settings.kafka_security,
        "log_level": 2,
    }
    named: Mapping[str, object] = {
        "ssl.ca.location": settings.kafka_ca,
        "ssl.certificate.location": settings.kafka_certificate,
        "ssl.key.location": settings.kafka_key,
        "sasl.username": settings.kafka_user,
    }
    config |= {name: str(value) for name, value in named.items() if value is not None}
    if settings.kafka_security.startswith("SASL"):
        config["sasl.mechanism"] = settings.kafka_sasl
    if settings.kafka_password is not None:
        config["sasl.password"] = settings.kafka_password.get_secret_value()
    return config


def producer_config(settings: Settings) -> Config:
    """An idempotent producer that may send what the roomy topics hold."""
    return client_config(settings) | {
        "enable.idempotence": True,
        "linger.ms": 5,
        "retry.backoff.ms": NEAR_MS,
        "message.max.bytes": 8 * 1024 * 1024,
        "queue.buffering.max.messages": 1_000_000,
    }


def reader_config(settings: Settings, group: str) -> Config:
    """A consumer that assigns itself, reads what was committed, and says when a position is out of range."""
    return client_config(settings) | {
        "group.id": group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "fetch.message.max.bytes": 8 * 1024 * 1024,
    }


def faust_credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """The same, for Faust's consumer."""
    if settings.kafka_security == "PLAINTEXT":
        return None
    context = None
    if settings.kafka_security.endswith("SSL"):
        context = tls_context(settings)
    if settings.kafka_security == "SSL":
        return faust.SSLCredentials(context)
    password = settings.kafka_password.get_secret_value() if settings.kafka_password is not None else None
    return faust.SASLCredentials(
        username=settings.kafka_user, password=password, mechanism=settings.kafka_sasl, ssl_context=context
    )


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS by the settings' files. Raises BatonError for one that is not there, or is none."""
    files = {"CA": settings.kafka_ca, "CERTIFICATE": settings.kafka_certificate, "KEY": settings.kafka_key}
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise BatonError(f"BATON_KAFKA_{name}: {path}: there is no such file")
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca)
        if settings.kafka_certificate is not None:
            context.load_cert_chain(settings.kafka_certificate, settings.kafka_key)
    except (ssl.SSLError, OSError) as error:
        given = ", ".join(f"BATON_KAFKA_{name}" for name, path in files.items() if path is not None)
        raise BatonError(f"{given}: cannot be used as PEM: {error}") from error
    return context


def timed_out(error: ck.KafkaError) -> bool:
    """Whether the broker did not answer in time, which says nothing about the data."""
    return error.code() in {ck.KafkaError._TIMED_OUT, ck.KafkaError._MSG_TIMED_OUT, ck.KafkaError.REQUEST_TIMED_OUT}
