"""The time by which promises are judged: the wall's, once all that had come by then is in the sums (§5.9).

So an outage or a backlog makes no promise look missed.
"""

from collections.abc import Callable
from typing import Final

import confluent_kafka as ck

from agents.kafka import client_config
from agents.offsets import Brokers, Offsets
from agents.settings import Settings
from streams import topics

ASK_S: Final = 10.0
SAID_US: Final = 3_000_000
"""A partition says its sums at most once a second, and the group hears of positions as often."""


class Now:
    """Readings of the wall clock, each taken together with the ends of the inputs; microseconds since 1970.

    Every method but `close` may raise KafkaException.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int]) -> None:
        """`clock`: the wall's."""
        self._clock = clock
        self._brokers = Brokers(settings)
        self._consumer = ck.Consumer(
            client_config(settings) | {"group.id": settings.app, "enable.auto.commit": False}
        )  # asks what the group has committed, and never joins it
        self._places = [(topic, number) for topic in topics.INPUTS for number in range(settings.partitions)]
        self._reading: tuple[int, Offsets] | None = None
        self._folded_at: int | None = None

    def look(self) -> int | None:
        """The latest reading up to which all is in the sums that a reader of `baton.totals` has read; None: none yet.

        The caller reads `baton.totals` to its end after this returned.
        """
        if self._reading is None:
            at = self._clock()
            self._reading, self._folded_at = (at, self._brokers.written(self._places)), None
        at, ends = self._reading
        if self._folded_at is None and self._is_folded(ends):
            self._folded_at = self._clock()
        if self._folded_at is None or self._clock() < self._folded_at + SAID_US:
            return None
        self._reading = None
        return at

    def close(self) -> None:
        """Ask nothing more."""
        self._consumer.close()

    def _is_folded(self, ends: Offsets) -> bool:
        asked = [ck.TopicPartition(*place) for place in self._places]
        committed = {
            (place.topic, place.partition): place.offset for place in self._consumer.committed(asked, timeout=ASK_S)
        }
        return all(max(0, committed.get(place, 0)) >= end for place, end in ends.items())
