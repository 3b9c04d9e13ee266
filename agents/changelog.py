"""Reading what the engine has committed: the rows of a partition's changelog, and where topics end.

For readers beside the engine, which own nothing and write nothing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import confluent_kafka as ck

from agents.engine.opening import sound
from agents.engine.ownership import POSITIONS
from agents.engine.table import MemoryStore
from agents.errors import BatonError
from agents.kafka import reader_config
from agents.settings import Settings
from streams import topics

__all__ = ["Ends", "Late", "Slice", "ends_of", "explained", "read_to"]

Ends = dict[tuple[str, int], int]
"""Behind the last record, committed or not, by topic and partition."""

NEAR: Final = 100_000
"""Records from the end among which the last transaction most likely ended."""
ASK_S: Final = 10.0
AT_ONCE: Final = 20_000
POLL_S: Final = 0.2
STALL_S: Final = 10.0
"""Reading what is there may take as long as it goes on; so long nothing may come."""


class Late(Exception):  # noqa: N818  says what did not happen in time
    """What was waited for did not come in time; the message says what."""


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """What Kafka refuses in the block becomes a BatonError that names it."""
    try:
        yield
    except ck.KafkaException as error:
        raise BatonError(f"Kafka at {settings.kafka_servers}: {error.args[0].str()}") from error


def ends_of(settings: Settings, places: Iterable[tuple[str, int]]) -> Ends:
    """Where partitions end now, or a moment later. Raises KafkaException.

    The end is where a reader finds it, from the offset that the broker says on: Tansu's is short of the end.
    """
    config = reader_config(settings, f"{settings.app}-export") | {"isolation.level": "read_uncommitted"}
    with closing(ck.Consumer(config)) as reader:
        said = {place: reader.get_watermark_offsets(ck.TopicPartition(*place), timeout=ASK_S)[1] for place in places}
        found: Ends = {}
        reader.assign([ck.TopicPartition(*place, end) for place, end in said.items()])
        until = time.monotonic() + ASK_S
        while len(found) < len(said):
            for record in reader.consume(AT_ONCE, POLL_S):
                place = record.topic() or "", _number(record.partition())
                said[place] = max(said[place], _next(record))
                if record.error() is not None:
                    found[place] = said[place]
            if time.monotonic() > until:
                return said | found  # so much comes in that the end is never seen: what was read is enough
    return found


Lacking: TypeAlias = Callable[[MemoryStore], str | None]
"""Says what rows lack yet; None: nothing."""


@dataclass(frozen=True)
class Slice:
    """One partition of the changelog, to be read at least up to `end`.

    `until` (monotonic seconds) is how long to wait for what is not there yet; `watch` is told offsets that were
    reached. Every method may raise Late and KafkaException.
    """

    settings: Settings
    partition: int
    end: int
    until: float
    watch: Callable[[int], None] = lambda _reached: None

    def wait_for_positions(self, lacking: Lacking) -> None:
        """Return when the positions are such that nothing is lacking.

        They are the last row of each transaction, so they are looked for near the end before all is read.
        """
        with self._reader() as reader:
            begin, _ = reader.get_watermark_offsets(ck.TopicPartition(topics.CHANGELOG, self.partition), timeout=ASK_S)

        def known(store: MemoryStore) -> str | None:
            return None if store.get(POSITIONS) is None else lacking(store)

        near = self.rows(known, _is_positions, max(begin, self.end - NEAR))
        if near.get(POSITIONS) is None:
            self.rows(lacking, _is_positions)

    def rows(
        self,
        lacking: Lacking = lambda _store: None,
        wanted: Callable[[bytes], bool] = lambda _key: True,
        start: int = ck.OFFSET_BEGINNING,
    ) -> MemoryStore:
        """The rows of the keys that are wanted, as a whole number of transactions left them."""
        store, waiting = MemoryStore(), dict[bytes, bytes]()
        with self._reader() as reader:
            reader.assign([ck.TopicPartition(topics.CHANGELOG, self.partition, start)])
            at, moved = 0, time.monotonic()
            while True:
                for record in reader.consume(AT_ONCE, POLL_S):
                    at, moved = _next(record), time.monotonic()
                    if record.error() is None:
                        _put(record, waiting, store, wanted)
                self.watch(at)
                lack = lacking(store) if at >= self.end else f"read up to {at} of {self.end}"
                if lack is None:
                    return store
                if time.monotonic() > (self.until if at >= self.end else max(self.until, moved + STALL_S)):
                    raise Late(f"partition {self.partition}: {lack}")

    def _reader(self) -> AbstractContextManager[ck.Consumer]:
        return closing(ck.Consumer(reader_config(self.settings, f"{self.settings.app}-export")))


def _is_positions(key: bytes) -> bool:
    return key == POSITIONS


def read_to(settings: Settings, topic: str, partition: int, end: int, until: float) -> Iterator[ck.Message]:
    """The committed records of a partition below `end`, from its first. Raises Late, KafkaException."""
    with closing(ck.Consumer(reader_config(settings, f"{settings.app}-export"))) as reader:
        reader.assign([ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING)])
        at, moved = 0, time.monotonic()
        while at < end:
            for record in reader.consume(AT_ONCE, POLL_S):
                at, moved = _next(record), time.monotonic()
                if record.error() is None and at <= end:
                    yield record
            if at < end and time.monotonic() > max(until, moved + STALL_S):
                raise Late(f"{topic}/{partition}: read up to {at} of {end}")


def _next(record: ck.Message) -> int:
    """The offset that comes after a record, or the one at which a partition ends. Raises KafkaException."""
    for _ in sound([record]):
        return _number(record.offset()) + 1
    return _number(record.offset())


def _number(told: int | None) -> int:
    """An offset or a partition, which a record that was read always has."""
    return -1 if told is None else told


def _put(record: ck.Message, waiting: dict[bytes, bytes], store: MemoryStore, wanted: Callable[[bytes], bool]) -> None:
    """Keep a row until its transaction's last one, which is the positions, has come."""
    key = record.key() or b""
    if wanted(key):
        waiting[key] = record.value() or b""
    if key == POSITIONS:
        store.write(waiting, _next(record))
        waiting.clear()
