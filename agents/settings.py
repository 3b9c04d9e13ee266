"""Every setting of Baton: environment variables that begin with `BATON_` (DESIGN §6)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What may be set from outside; the names are `BATON_` and the field's, in capitals."""

    model_config = SettingsConfigDict(env_prefix="BATON_", frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_servers: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, `host:port`, by comma.")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka."
    )
    kafka_ca: Path | None = Field(None, description="The certificate authority for Kafka, PEM; default: the system's.")
    kafka_certificate: Path | None = Field(None, description="This client's certificate for Kafka, PEM.")
    kafka_key: Path | None = Field(None, description="This client's private key for Kafka, PEM.")
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("PLAIN", description="SASL mechanism.")
    kafka_user: str | None = Field(None, description="SASL user.")
    kafka_password: SecretStr | None = Field(None, description="SASL password.")
    redis_url: str = Field(
        "", description="Redis, `redis://` or `rediss://` with user, password and database; empty: no read model."
    )
    redis_ca: Path | None = Field(None, description="The certificate authority for Redis, PEM; default: the system's.")
    agreement: Path | None = Field(
        None,
        description="The agreement: a file, or a folder of versions. A worker that starts publishes what is not "
        "published yet, on `baton.agreements`; all then go by that topic.",
    )
    partitions: int = Field(4, ge=1, le=1000, description="Partitions of every topic of leads.")
    replication: int = Field(1, ge=1, le=9, description="Replication factor of topics that `baton topics apply` makes.")
    state_dir: Path = Field(Path(".baton/state"), description="Where a worker keeps its files; one a worker.")
    store: Literal["memory", "rocksdb"] = Field("memory", description="Where the lead table is kept.")
    metrics_port: int = Field(9464, ge=0, le=65535, description="Port of /metrics, /livez and /readyz.")
    metrics_host: str = Field("127.0.0.1", description="Address that /metrics, /livez and /readyz listen on.")
    overdue_wait_s: float = Field(
        300.0,
        ge=0,
        description="Seconds before a clock that is overdue when it is born is said to be: its answer may be coming.",
    )
    language: Literal["en", "pt", "es"] = Field("en", description="What people are written to in.")
    notify: bool = Field(True, description="Whether an engine sends notifications, where the agreement has some.")
    notify_secrets: Path | None = Field(
        None,
        description="Where notifications find their secrets: a folder with a file for each, or a file of `NAME=value` "
        "lines; what it lacks, and without one all of them, are environment variables.",
    )
    notify_max_age_s: float = Field(
        86_400.0,
        gt=0,
        description="Seconds after which what fell due is not told any more; its first quiet hours do not count.",
    )
    notify_give_up_s: float = Field(
        86_400.0, gt=0, description="Seconds for which a message that a target does not take is tried again."
    )
    observe: bool = Field(
        False, description="Whether `baton up` also runs Prometheus and Alertmanager, which must be installed."
    )
    app: str = Field(
        "baton", pattern=r"^[a-z0-9._-]{1,64}$", description="Consumer group and prefix of transactional ids."
    )
    poll_records: int = Field(10_000, ge=1, le=100_000, description="Records that one fetch hands over at most.")
    session_timeout_s: float = Field(10.0, gt=0, description="Seconds without a heartbeat until a worker is given up.")
    rebalance_timeout_s: float = Field(30.0, gt=0, description="Seconds that a rebalance may take.")
    transaction_timeout_s: float = Field(30.0, gt=0, description="Seconds that a transaction may take.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="What a worker logs.")
