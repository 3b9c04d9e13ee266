"""Events to Kafka, as any publisher could send them (DESIGN §2): by type to a topic, by subject to a partition.

Sent is what the broker acknowledged. Sending something again does no harm: events are known by identity.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

import confluent_kafka as ck
import msgspec

from agents.errors import BatonError
from agents.files import read_events
from agents.kafka import producer_config
from agents.settings import Settings
from schemas.compact import TYPES
from schemas.decode import Unreadable, decode
from streams.topics import INPUT_BYTES, TOPIC_OF

__all__ = ["STRUCTURED", "Line", "Published", "Publisher", "Record", "Refused", "publish", "read_lines", "record_of"]

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]

STRUCTURED: Final[Headers] = (("content-type", b"application/cloudevents+json"),)
"""The header of a record that is a whole event."""
DELIVERY_S: Final = 120.0
"""How long a broker that went away is waited for."""
ANSWER_S: Final = 5.0
WAIT_S: Final = 0.1
OVERHEAD: Final = 1_024
"""Bytes of a batch that holds one record, beside key and value."""
QUEUED_KB: Final = 64 * 1024
"""Kilobytes that wait to be sent, at most."""


class Line(NamedTuple):
    """A line of a file; `number` is from 1."""

    file: str
    number: int
    content: bytes


class Record(NamedTuple):
    """What is sent for an event."""

    topic: str
    key: bytes | None
    value: bytes


class Refused(NamedTuple):
    """A line that was not sent, and why."""

    file: str
    number: int
    why: str

    def __str__(self) -> str:
        """As a compiler would write it."""
        return f"{self.file}:{self.number}: {self.why}"


@dataclass
class Published:
    """What became of the lines."""

    acknowledged: int = 0
    refused: int = 0


class Publisher:
    """An idempotent producer that knows what was acknowledged. A context manager: what it leaves is not sent.

    Partitions are Java's (murmur2 of the key), so nothing need be passed on to another.
    """

    def __init__(
        self,
        settings: Settings,
        timeout_s: float = DELIVERY_S,
        outage: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make it, without a connection yet; `outage` is told, once, that no broker answers."""
        self._servers = settings.kafka_servers
        self._timeout_s = timeout_s
        self._outage = outage
        self._told = False
        self._failed = 0
        self._failure: ck.KafkaError | None = None
        self.sent = 0
        self._producer = ck.Producer(
            producer_config(settings)
            | {
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": int(timeout_s * 1000),
                "delivery.report.only.error": True,
                "queue.buffering.max.kbytes": QUEUED_KB,
                "compression.type": "lz4",
                "on_delivery": self._undelivered,
                "error_cb": self._trouble,
            }
        )

    def __enter__(self) -> Self:
        """Nothing is done yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Give up what was not sent."""
        self._told = True  # whoever leaves need not hear of outages any more
        self._producer.purge()
        self._producer.flush(WAIT_S)
        self._producer.close()

    @property
    def acknowledged(self) -> int:
        """How many records the broker has, as far as is known."""
        return self.sent - len(self._producer) - self._failed

    def need(self, topics: Iterable[str]) -> None:
        """Raise BatonError unless the broker answers and has these topics."""
        try:
            found = self._producer.list_topics(timeout=ANSWER_S).topics
        except ck.KafkaException as error:
            raise BatonError(
                f"no Kafka broker answers at {self._servers} (waited {ANSWER_S:.0f} s); "
                f"start it, or set BATON_KAFKA_SERVERS and BATON_KAFKA_SECURITY ({error.args[0].str()})"
            ) from error
        missing = sorted(set(topics) - found.keys())
        if missing:
            raise BatonError(f"{self._servers} has no topic {', '.join(missing)}; run 'baton topics apply'")

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = STRUCTURED) -> None:
        """Queue a record; waits while too much is queued. Raises BatonError once one could not be delivered."""
        while True:
            self._check()
            try:
                self._producer.produce(topic, value, key, headers=list(headers))
            except BufferError:
                self._producer.poll(WAIT_S)
            except ck.KafkaException as error:
                self._give_up(error.args[0])
            else:
                break
        self.sent += 1
        self._producer.poll(0)

    def wait(self, seconds: float) -> None:
        """Let time pass while the queue is served."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._producer.poll(min(left, WAIT_S))
            self._check()

    def finish(self) -> int:
        """Wait until all that was sent is acknowledged, and say how much that is. Raises BatonError if it isn't."""
        while len(self._producer):
            self._producer.flush(WAIT_S)
            self._check()
        self._check()
        return self.acknowledged

    def _undelivered(self, error: ck.KafkaError | None, _: ck.Message) -> None:
        if error is not None:
            self._failed += 1
            self._failure = self._failure or error

    def _trouble(self, error: ck.KafkaError) -> None:
        if error.fatal():
            self._failure = self._failure or error
        elif error.code() == ck.KafkaError._ALL_BROKERS_DOWN and not self._told:
            self._told = True
            self._outage(f"no Kafka broker answers at {self._servers}: trying for {self._timeout_s:.0f} s")

    def _check(self) -> None:
        if self._failure is not None:
            self._give_up(self._failure)

    def _give_up(self, error: ck.KafkaError) -> None:
        self._producer.purge()
        self._producer.flush(WAIT_S)
        raise BatonError(
            f"Kafka at {self._servers} did not take everything: {error.str()}; acknowledged: {self.acknowledged} of "
            f"{self.sent} sent. Publish it again when the broker is well: what it has already is dropped as a duplicate"
        )


def read_lines(files: Iterable[str]) -> Iterator[Line]:
    """Every line of the files that is not blank. Raises FileError."""
    for file in files:
        for number, content in enumerate(read_events(file), 1):
            if content and not content.isspace():
                yield Line(file, number, content)


def record_of(content: bytes, as_is: bool = False, topic: str | None = None) -> Record:
    """The record of an event; raises Unreadable for what is none.

    With `as_is` it is not checked: it goes to `topic`, or else to that of its type, if only that can be read.
    """
    record = _as_it_is(content, topic) if as_is else _checked(content)
    if len(content) + len(record.key or b"") > INPUT_BYTES - OVERHEAD:
        raise Unreadable("too_large", f"{len(content)} bytes, and a record holds {INPUT_BYTES - OVERHEAD} at most")
    return record


def _checked(content: bytes) -> Record:
    subject, event, _ = decode(content)
    return Record(TOPIC_OF[TYPES[type(event)]], subject.encode(), content)


class _Envelope(msgspec.Struct):
    type: object = None
    subject: object = None


def _as_it_is(content: bytes, topic: str | None) -> Record:
    try:
        envelope = msgspec.json.decode(content, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        envelope = _Envelope()
    known = TOPIC_OF.get(envelope.type) if isinstance(envelope.type, str) else None
    chosen = topic or known
    if chosen is None:
        raise Unreadable("no_topic", "it has no type that has a topic; name one with --topic")
    return Record(chosen, envelope.subject.encode() if isinstance(envelope.subject, str) else None, content)


def publish(
    publisher: Publisher | None,
    lines: Iterable[Line],
    record_of: Callable[[bytes], Record] = record_of,
    rate: float | None = None,
    refused: Callable[[Refused], None] = lambda _: None,
    progress: Callable[[Published], None] = lambda _: None,
) -> Published:
    """Send every line, and return when all is acknowledged.

    In: without a publisher nothing is sent; `record_of` raises Unreadable for a line that is refused, of which
    `refused` is told; `rate` is events a second; `progress` hears the counts now and then. Raises BatonError
    for a broker that does not take what was sent, FileError for a file.
    """
    done, began, good = Published(), time.monotonic(), 0
    for line in lines:
        try:
            record = record_of(line.content)
        except Unreadable as finding:
            done.refused += 1
            refused(Refused(line.file, line.number, str(finding)))
            continue
        good += 1
        if publisher is None:
            continue
        if rate is not None:
            publisher.wait(began + good / rate - time.monotonic())
        publisher.send(*record)
        if good % 1_000 == 0 or rate is not None:
            done.acknowledged = publisher.acknowledged
            progress(done)
    done.acknowledged = good if publisher is None else publisher.finish()
    return done
