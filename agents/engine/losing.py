"""The ways in which a partition, or a transaction of it, is lost."""

from typing import Final

import confluent_kafka as ck

from agents.kafka import timed_out

__all__ = ["DataTrouble", "Lost", "NotWanted", "is_fencing"]

_FENCED: Final = frozenset(
    {
        ck.KafkaError._FENCED,
        ck.KafkaError.INVALID_PRODUCER_EPOCH,
        ck.KafkaError.PRODUCER_FENCED,
        ck.KafkaError.INVALID_PRODUCER_ID_MAPPING,
        ck.KafkaError.CONCURRENT_TRANSACTIONS,
    }
)
_AWAY: Final = frozenset(
    {ck.KafkaError._TRANSPORT, ck.KafkaError._ALL_BROKERS_DOWN, ck.KafkaError._RESOLVE, ck.KafkaError._STATE}
)


class Lost(Exception):  # noqa: N818  says what happened to the ownership
    """The transaction failed or its outcome is not known: the partition must be opened again."""

    def __init__(self, error: ck.KafkaError) -> None:
        super().__init__(str(error))
        self.fenced = is_fencing(error)
        self.timed_out = timed_out(error)
        self.broker_away = error.retriable() or error.code() in _AWAY


class NotWanted(Exception):  # noqa: N818
    """The partition was taken away while it was being opened."""


class DataTrouble(Exception):  # noqa: N818
    """The transaction was given up because of what was in it."""


def is_fencing(error: ck.KafkaError) -> bool:
    """Whether the error says that another worker has opened the partition."""
    return error.code() in _FENCED
