"""Bringing Redis up to what Kafka says: from the positions that Redis has, batch by batch.

Positions are kept nowhere but in Redis. When anything is not as believed (Redis was away, wiped, restored, or
another writer went on), everything is read again from what Redis says.
"""

import logging
from collections.abc import Collection
from typing import Final

from agents.offsets import Brokers
from agents.projection.model import Held, Position, ReadModel, Refused, Source, Step
from agents.projection.reading import OutOfRange, Reader, Records
from agents.projection.steps import Steps
from agents.settings import Settings
from streams import topics
from streams.terms import Versions

log = logging.getLogger("baton.projection")

TOTALS: Final = Source(topics.TOTALS, 0)


class Projection:
    """The read model of some sources.

    Methods raise redis.RedisError, KafkaException and Refused; after any of them, `begin` again.
    """

    def __init__(self, settings: Settings, versions: Versions, model: ReadModel) -> None:
        """Connect at `begin`."""
        self._steps = Steps(versions)
        self.sources: frozenset[Source] = frozenset()
        self.at: dict[Source, Position] = {}
        self._model = model
        self._brokers = Brokers(settings)
        self._reader = Reader(settings)
        self._ids: dict[str, str] = {}

    def adopt(self, versions: Versions) -> None:
        """Go by these versions of the agreement too; what was made by others is made anew when its lead's row comes."""
        self._steps.adopt(versions)

    @property
    def reached(self) -> dict[Source, int]:
        """How far each source was read; what is read but not in Redis yet is at most a batch."""
        return self._reader.reached

    def begin(self, sources: Collection[Source]) -> None:
        """Go on with these sources from where Redis says; where a topic was made anew, from an empty Redis."""
        self._ids = self._brokers.topic_ids({source.topic for source in sources}) if sources else {}
        found = self._model.positions(sources)
        for source, position in found.items():
            if position.topic_id != self._ids[source.topic]:
                self._forget(f"{source.topic} was made anew")
        self.sources, self.at = frozenset(sources), found
        self._reader.assign({source: found[source].offset if source in found else None for source in sources})

    def advance(self, wait_s: float) -> int:
        """Bring what has come, or comes within some seconds, to Redis; returns how many records that were."""
        try:
            records = self._reader.read(wait_s)
        except OutOfRange as gone:
            self._go_on_from_start(gone.source)
            return 0
        if records:
            self._apply(records)
        return sum(map(len, records.values()))

    def check(self) -> None:
        """Raise Refused unless Redis still has the positions that were written to it."""
        if self._model.positions(self.sources) != self.at:
            raise Refused

    def refresh(self) -> None:
        """Say anew how the promises stand: their pace goes on, and periods end, also while nothing happens."""
        at = self.at.get(TOTALS)
        if at is not None:
            told = self._steps.promises(self._model.totals(), at.offset - 1)
            self._model.apply([Step(TOTALS, at, at, told)])

    def commit(self) -> None:
        """Tell Kafka how far this is."""
        self._reader.commit({source: self.reached[source] for source in self.at})

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _apply(self, records: Records) -> None:
        known = self._model.totals() if any(source.topic == topics.TOTALS for source in records) else {}
        made = [
            step
            for source, found in records.items()
            for step in self._steps.of(source, self.at.get(source), self._ids[source.topic], found, known)
        ]
        self._model.apply(made)
        self.at |= {step.source: step.to for step in made}

    def _go_on_from_start(self, source: Source) -> None:
        """The offset is gone: by the topic's retention, or with a topic that lost its end (then all is read anew)."""
        start = self._brokers.starts([source])[source]
        if start < self.reached[source]:
            self._forget(f"{source.field} ends before {self.reached[source]}")
        log.warning("%s begins at %d: what was before it is gone", source.field, start)
        self._reader.assign(self.reached | {source: start})

    def _forget(self, why: str) -> None:
        """Empty Redis, then have everybody begin again. Raises Refused."""
        log.warning("the read model is made anew: %s", why)
        if not self._model.hold():
            raise Held
        try:
            self._model.clear()
        finally:
            self._model.release()
        raise Refused
