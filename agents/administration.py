"""Making and checking Baton's topics on a broker, from `streams.topics` as data (DESIGN §8).

What is planned is compared with what the broker has: a topic is made, its settings are altered, it is left
alone, or the whole plan is refused, since the number of partitions of a topic that is in use cannot change
without leads changing hands.
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from agents.errors import BatonError
from agents.kafka import tls_context
from agents.settings import Settings
from streams import topics
from streams.topics import Topic

__all__ = ["Change", "apply_topics", "check_topics", "kafka_admin", "plan_topics", "refusal"]

CONNECT_MS: Final = 5_000
"""How long a broker may take until it answers at all."""
REQUEST_MS: Final = 15_000
SAFE_FROM: Final = 3
SAFE: Final = {"min.insync.replicas": "2"}
"""For a topic made with so many replicas: what one broker alone has is not acknowledged, and cannot be lost."""
Action: TypeAlias = Literal["create", "alter", "nothing", "refuse"]


@dataclass(frozen=True)
class Change:
    """What is to be done with a topic: `settings` are those to be set, `detail` says why, for people."""

    topic: str
    action: Action
    detail: str
    partitions: int
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Found:
    """A topic as the broker has it; `settings` is empty where the broker does not tell."""

    partitions: int
    replication: int
    settings: dict[str, str]


def plan_topics(settings: Settings) -> list[Change]:
    """What `apply_topics` would do, a change for each topic; changes nothing. Raises BatonError: no broker."""
    with kafka_admin(settings) as admin:
        return _plan(admin, settings)


def apply_topics(settings: Settings) -> list[Change]:
    """Make and alter the topics; returns what was done.

    Nothing is done if anything is refused. Applied again it does nothing. Raises BatonError.
    """
    with kafka_admin(settings) as admin:
        changes = _plan(admin, settings)
        refused = refusal(changes)
        if refused is not None:
            raise BatonError(refused)
        _create(admin, [change for change in changes if change.action == "create"], settings)
        altered = [change for change in changes if change.action == "alter"]
        for change in altered:
            _alter(admin, change)
        _wait_for_settings(admin, altered)
    return changes


def check_topics(settings: Settings) -> None:
    """Raise BatonError unless the broker answers and has every topic, with its partitions.

    A topic that should be compacted and is not is an error too: it would forget leads after its retention.
    """
    changes = plan_topics(settings)
    wrong = [word for word in (refusal(changes), _missing(changes), _not_compacted(changes)) if word is not None]
    if wrong:
        raise BatonError("; ".join(wrong))


def refusal(changes: Sequence[Change]) -> str | None:
    """What is refused, the topics with the same reason together, or None."""
    reasons: dict[str, list[str]] = {}
    for change in changes:
        if change.action == "refuse":
            reasons.setdefault(change.detail, []).append(change.topic)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items()) or None


def _missing(changes: Sequence[Change]) -> str | None:
    names = [change.topic for change in changes if change.action == "create"]
    return f"topics are missing: {', '.join(names)}; run 'baton topics apply'" if names else None


def _not_compacted(changes: Sequence[Change]) -> str | None:
    altered = [change for change in changes if change.action == "alter"]
    names = [change.topic for change in altered if change.settings.get("cleanup.policy") == "compact"]
    return f"{', '.join(names)} must be compacted, or leads are forgotten; run 'baton topics apply'" if names else None


@contextmanager
def kafka_admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client for administration; whatever Kafka refuses in the block becomes a BatonError that names it."""
    config = _connection(settings)
    with _Listening() as heard:
        try:
            admin = KafkaAdminClient(**config)
        except KafkaError as error:
            raise BatonError(
                f"no Kafka broker answers at {settings.kafka_servers} (waited {CONNECT_MS // 1000} s; "
                f"{heard.reason or _word(error)}); start it, or set BATON_KAFKA_SERVERS and BATON_KAFKA_SECURITY"
            ) from error
        except ValueError as error:
            raise BatonError(f"BATON_KAFKA_SERVERS: {settings.kafka_servers!r} is no list of host:port") from error
        try:
            yield admin
        except KafkaError as error:
            raise BatonError(f"Kafka at {settings.kafka_servers}: {_word(error)}") from error
        finally:
            admin.close()


class _Listening(logging.Handler):
    """Keeps the client's log to itself while it is entered, and why connecting failed: no exception says it."""

    _FAILED = re.compile(r"connection to \S+ failed: (.*?)(?: \(backoff .*)?$")
    _HUNG_UP = "socket disconnected"
    _REFUSED = "SaslAuthenticationFailed"
    """A broker that refuses also hangs up, and each attempt shows one or the other."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason = ""
        self.refused = False
        self._log = logging.getLogger("kafka")

    def __enter__(self) -> Self:
        """Hear everything, and let nobody else."""
        self._log.addHandler(self)
        self._log.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        """Let others hear again."""
        self._log.removeHandler(self)
        self._log.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the newest reason, or the surest: who was refused once is refused."""
        found = self._FAILED.search(record.getMessage())
        if found is None or self.refused:
            return
        told = found[1].removeprefix("KafkaConnectionError: ")
        if self._REFUSED in told:
            self.refused, self.reason = True, "wrong user or password"
        elif told == self._HUNG_UP:
            self.reason = "it hangs up: wrong security, user or password"
        elif not (self.reason and "RequestTimedOut" in told):  # that is the wait's own end
            self.reason = told


def _connection(settings: Settings) -> dict[str, object]:
    """The connection in kafka-python's words."""
    config: dict[str, object] = {
        "bootstrap_servers": [server.strip() for server in settings.kafka_servers.split(",")],
        "client_id": "baton-admin",
        "security_protocol": settings.kafka_security,
        "bootstrap_timeout_ms": CONNECT_MS,
        "request_timeout_ms": REQUEST_MS,
    }
    if settings.kafka_security.endswith("SSL"):
        config["ssl_context"] = tls_context(settings)
    if settings.kafka_security.startswith("SASL"):
        password = settings.kafka_password
        config["sasl_mechanism"] = settings.kafka_sasl
        config["sasl_plain_username"] = settings.kafka_user
        config["sasl_plain_password"] = None if password is None else password.get_secret_value()
    return config


def _word(error: KafkaError) -> str:
    """The error's name and, where it says more, its message."""
    return str(error) or type(error).__name__


def _plan(admin: KafkaAdminClient, settings: Settings) -> list[Change]:
    found = _found(admin, [topic.name for topic in topics.ALL])
    return [_change(topic, found.get(topic.name), settings) for topic in topics.ALL]


def _found(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, _Found]:
    """The topics that are there."""
    described = {}
    for topic in admin.describe_topics(list(names)):
        error = topic["error_code"]
        if error not in {0, UnknownTopicOrPartitionError.errno}:
            raise BatonError(f"{topic['name']}: the broker does not tell of it (Kafka's error code {error})")
        if error == 0:
            described[topic["name"]] = topic["partitions"]
    told = _told_settings(admin, list(described))
    return {
        name: _Found(len(parts), min(len(part["replica_nodes"]) for part in parts), told.get(name, {}))
        for name, parts in described.items()
    }


def _told_settings(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings of topics; nothing of those that the broker, or this user's rights, keep to themselves."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    try:
        described = admin.describe_configs(resources, config_filter="all").get("topic", {})
    except KafkaError:
        return {}
    return {
        name: {key: entry["value"] for key, entry in entries.items() if entry["value"] is not None}
        for name, entries in described.items()
    }


def _change(topic: Topic, found: _Found | None, settings: Settings) -> Change:
    wanted = topic.config()
    partitions = topic.partitions or settings.partitions
    if found is None:
        wanted |= SAFE if settings.replication >= SAFE_FROM else {}
        return Change(topic.name, "create", _listed(wanted), partitions, wanted)
    if found.partitions != partitions:
        return Change(topic.name, "refuse", _other_partitions(topic, found.partitions, partitions), found.partitions)
    if not found.settings:
        return Change(topic.name, "nothing", "the broker does not tell its settings", partitions)
    differing = {name: value for name, value in wanted.items() if found.settings.get(name) != value}
    if differing:
        told = (f"{name} is {found.settings.get(name, 'unset')}, wants {differing[name]}" for name in differing)
        return Change(topic.name, "alter", ", ".join(told), partitions, differing)
    if found.replication < settings.replication:
        word = f"kept at replication {found.replication}, below {settings.replication}: reassign it with Kafka's tools"
        return Change(topic.name, "nothing", word, partitions)
    return Change(topic.name, "nothing", "", partitions)


def _other_partitions(topic: Topic, has: int, wants: int) -> str:
    if topic.partitions is not None:
        return f"has {has} partitions, wants {wants}; delete it and run 'baton topics apply'"
    return (
        f"has {has} partitions, wants {wants} (BATON_PARTITIONS); set BATON_PARTITIONS={has}, "
        "for leads that are kept cannot change partitions"
    )


def _listed(config: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in config.items())


def _create(admin: KafkaAdminClient, changes: Sequence[Change], settings: Settings) -> None:
    if not changes:
        return
    wanted = {
        change.topic: {
            "num_partitions": change.partitions,
            "replication_factor": settings.replication,
            "configs": change.settings,
        }
        for change in changes
    }
    made = admin.create_topics(wanted, raise_errors=False)
    for topic in made["topics"]:
        if topic["error_code"] not in {0, TopicAlreadyExistsError.errno}:  # another `apply` was quicker
            why = topic["error_message"] or f"Kafka's error code {topic['error_code']}"
            raise BatonError(f"{topic['name']}: the broker does not make it: {why}")
    admin.wait_for_topics(list(wanted), timeout_ms=REQUEST_MS)
    # the cluster names a leader a little before that leader knows; asked for offsets, it knows
    made_now = [TopicPartition(change.topic, number) for change in changes for number in range(change.partitions)]
    admin.list_partition_offsets(dict.fromkeys(made_now, OffsetSpec.LATEST), timeout_ms=REQUEST_MS)


def _alter(admin: KafkaAdminClient, change: Change) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, change.topic, change.settings)
    altered = admin.alter_configs([resource], raise_on_unknown=False)
    outcome = altered.get("topic", {}).get(change.topic, "OK")
    if outcome != "OK":
        raise BatonError(f"{change.topic}: the broker does not take {_listed(change.settings)}: {outcome}")


def _wait_for_settings(admin: KafkaAdminClient, altered: Sequence[Change]) -> None:
    """Return when the broker tells the settings that it took: it does so a little later."""
    deadline = time.monotonic() + CONNECT_MS / 1000
    while time.monotonic() < deadline:
        told = _told_settings(admin, [change.topic for change in altered])
        if all(change.settings.items() <= told.get(change.topic, {}).items() for change in altered):
            return
        time.sleep(0.05)
