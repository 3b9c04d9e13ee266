"""From an event's time to where its effect can be read: committed in the changelog, and in Redis.

Events are found in the rows that hold them, as any read_committed reader gets these; times are this machine's.
"""

import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import confluent_kafka as ck
import msgspec
import redis

from agents.engine.batch import is_head_key
from agents.kafka import reader_config
from agents.projection.model import ReadModel, Refused, Source
from agents.settings import Settings
from schemas.compact import Event
from streams import topics
from streams.history import kept_events, no_pages
from streams.rows import Head
from tests.bench.ground import Ground

ONE_IN = 10
"""So many leads, of which one is looked at: to decode every row would take the processors that are measured."""
LOOK_S = 0.005
POLL_S = 0.05
AT_ONCE = 5_000


class Delays:
    """Reads the changelog in a thread of its own, and Redis in another, from `begin` to `end`."""

    def __init__(self, ground: Ground, redis_url: str | None) -> None:
        self.committed_us: list[int] = []
        self.redis_us: list[int] = []
        self.records_at = 0.0
        """When the last record was read (monotonic seconds)."""
        self._reader = ck.Consumer(
            reader_config(ground.settings, "bench-delays") | {"fetch.wait.max.ms": 10, "enable.partition.eof": False}
        )
        self._places = [(topics.CHANGELOG, number) for number in range(ground.partitions)]
        self._model = ReadModel(Settings(redis_url=redis_url)) if redis_url else None
        self._pending: dict[int, deque[tuple[int, int]]] = {number: deque() for _, number in self._places}
        self._seen: set[tuple[bytes, str, str]] = set()
        self._decode_head = msgspec.msgpack.Decoder(Head).decode
        self._decode_page = msgspec.msgpack.Decoder(list[Event]).decode
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._read, daemon=True)]
        if self._model is not None:
            self._threads.append(threading.Thread(target=self._look, args=(self._model,), daemon=True))
        self._assign(ground)

    def _assign(self, ground: Ground) -> None:
        ends = ground.ends([topics.CHANGELOG])
        self._reader.assign([ck.TopicPartition(*place, end) for place, end in ends.items()])

    def begin(self) -> None:
        """Begin to read what comes from now on."""
        self.records_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop reading."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._reader.close()

    @property
    def in_redis(self) -> bool:
        """Whether Redis has all that was found in the changelog."""
        return not any(self._pending.values())

    def _read(self) -> None:
        while not self._ending.is_set():
            first = self._reader.poll(POLL_S)
            records = [] if first is None else [first, *self._reader.consume(AT_ONCE, 0)]
            now_us = time.time_ns() // 1000
            for record in records:
                if record.error() is not None:
                    raise ck.KafkaException(record.error())
                self.records_at = time.monotonic()
                key = record.key().partition(b"\x00")[0]
                if key and zlib.crc32(key) % ONE_IN == 0:
                    self._note(record, key, now_us)

    def _note(self, record: ck.Message, key: bytes, now_us: int) -> None:
        for event in self._events(record):
            identity = key, event.source, event.id
            if identity not in self._seen:
                self._seen.add(identity)
                self.committed_us.append(now_us - event.time)
                if self._model is not None:
                    self._pending[record.partition()].append((record.offset(), event.time))

    def _events(self, record: ck.Message) -> Iterator[Event]:
        """The events in a row: a page's, or the newest ones that a head holds itself."""
        if not is_head_key(record.key()):
            yield from self._decode_page(record.value())
            return
        head = self._decode_head(record.value())
        head.pages = 0
        yield from kept_events(head, no_pages)

    def _look(self, model: ReadModel) -> None:
        sources = [Source(*place) for place in self._places]
        while not self._ending.wait(LOOK_S):
            with suppress(redis.RedisError, Refused):
                positions = model.positions(sources)
                now_us = time.time_ns() // 1000
                for source, position in positions.items():
                    pending = self._pending[source.partition]
                    while pending and pending[0][0] < position.offset:
                        self.redis_us.append(now_us - pending.popleft()[1])
        model.close()
