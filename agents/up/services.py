"""What `baton up` runs beside the engine, and the settings by which everything finds it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

import redis

from agents.embedded import embedded_kafka, embedded_redis, free_port
from agents.own_folder import own_folder
from agents.projection.keys import PREFIX
from agents.settings import Settings

DIRECTORY: Final = Path(".baton/up")
"""Logs, Redis's data and the worker's files; one `baton up` at a time."""
JOIN_S: Final = 3.0
"""On the embedded broker joining a group takes the whole of these time-outs (DESIGN §9)."""


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep the directory for this process. Raises BatonError if another has it, or it cannot be made."""
    what, mend = f"'baton up' runs in {directory} already", "end it, or start this one in another directory"
    with own_folder(directory, what, mend):
        yield


def serve(ends: ExitStack, given: Settings, directory: Path, port: int | None = None) -> Settings:
    """Start what the settings do not name, until `ends` ends it; returns the settings by which all is found.

    `port` is the embedded broker's; without it a free one is taken. Raises ServiceError.
    """
    told = given.model_fields_set
    found: dict[str, object] = {}
    if "metrics_port" not in told:
        found["metrics_port"] = free_port()
    if is_embedded(given):
        found["kafka_servers"] = ends.enter_context(embedded_kafka(directory, port))
        defaults = {"session_timeout_s": JOIN_S, "rebalance_timeout_s": JOIN_S, "state_dir": directory / "state"}
        found |= {name: value for name, value in defaults.items() if name not in told}
        if "redis_url" not in told:
            found["redis_url"] = ends.enter_context(embedded_redis(directory / "redis"))
            _forget(str(found["redis_url"]))
    return given.model_copy(update=found)


def agreement_file(given: Settings) -> Path:
    """The agreement that is named, or that of the simulated company."""
    return given.agreement or Path(str(files("agents.up") / "acme.yaml"))


def is_embedded(given: Settings) -> bool:
    """Whether no broker is named, so that one is started."""
    return "kafka_servers" not in given.model_fields_set


def _forget(url: str) -> None:
    """Delete the read model: Redis has kept it, and the broker that it was made from is gone."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"{PREFIX}*", count=1_000):
            client.unlink(key)
