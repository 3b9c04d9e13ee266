"""The limits that brokers set to what a worker asks of them, looked at before it starts.

A worker whose session or transaction may last longer, or less long, than its brokers allow would go on trying for
ever: it would be in no group, and open no partition.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from agents.administration import kafka_admin
from agents.errors import BatonError
from agents.settings import Settings

__all__ = ["check_limits", "refused_timeouts"]


class _Limit(NamedTuple):
    """A broker's setting, in milliseconds, and whether it is the least or the most that ours may be."""

    of: str
    name: str
    is_least: bool


_LIMITS: Final = (
    _Limit("session_timeout_s", "group.min.session.timeout.ms", is_least=True),
    _Limit("session_timeout_s", "group.max.session.timeout.ms", is_least=False),
    _Limit("transaction_timeout_s", "transaction.max.timeout.ms", is_least=False),
)


def check_limits(settings: Settings) -> None:
    """Raise BatonError where the brokers would refuse a worker's timeouts, with all that they refuse."""
    refused = refused_timeouts(settings)
    if refused:
        raise BatonError("; ".join(refused))


def refused_timeouts(settings: Settings) -> list[str]:
    """What the brokers would refuse, and how to mend it; those that do not tell their limits refuse nothing."""
    told = _told(settings)
    found = (_refused(limit, getattr(settings, limit.of), told.get(limit.name)) for limit in _LIMITS)
    return [word for word in found if word is not None]


def _refused(limit: _Limit, ours_s: float, bound_ms: int | None) -> str | None:
    if bound_ms is None or (ours_s * 1000 >= bound_ms if limit.is_least else ours_s * 1000 <= bound_ms):
        return None
    name, word = f"BATON_{limit.of.upper()}", "below the least" if limit.is_least else "above the most"
    return (
        f"{name} is {ours_s:g} s, {word} that the brokers allow ({limit.name}={bound_ms}): set "
        f"{name}={bound_ms / 1000:g}, or change the brokers' setting"
    )


def _told(settings: Settings) -> Mapping[str, int]:
    """The limits of one broker, as all of a cluster should have; none where it, or this user's rights, keep them."""
    names = {limit.name for limit in _LIMITS}
    with kafka_admin(settings) as admin:
        broker = str(admin.describe_cluster()["brokers"][0]["broker_id"])
        try:
            described = admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, broker)], config_filter="all")
        except KafkaError:
            return {}
    entries = described.get("broker", {}).get(broker, {})
    found = {name: entry["value"] for name, entry in entries.items() if name in names}
    return {name: int(value) for name, value in found.items() if value is not None}
