"""The quarantine: what could not be read or folded, counted, looked at, and sent again (DESIGN §2).

Nothing is ever taken out of it. Sending a record again does no harm: an event that was taken in the meantime is
dropped as a duplicate, and one that is refused again says of which record it is a copy.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import confluent_kafka as ck

from agents.administration import check_topics
from agents.changelog import Late, ends_of, explained, read_to
from agents.errors import BatonError
from agents.publishing import Headers, Publisher
from agents.settings import Settings
from schemas.compact import TYPES, time_text
from schemas.decode import Unreadable, decode
from streams import topics

__all__ = ["Place", "Quarantined", "Replayed", "Selection", "find", "read_quarantine", "replay", "still_refused"]

OURS: Final = "baton_"
"""How the headers begin that Baton adds."""
REPLAY_OF: Final = "baton_replay_of"
"""On a record that was sent again: partition and offset of the quarantine's record."""
BY_THE_OTHERS: Final = frozenset({"conflict", "too_late"})
"""Refused for what the lead's other events are, whatever the contract says: not sent again unless named."""
DAY_US: Final = 86_400_000_000
READ_S: Final = 600.0


class Place(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `TOPIC/PARTITION/OFFSET`. Raises BatonError."""
        topic, *numbers = text.rsplit("/", 2)
        if len(numbers) != 2 or not topic or not all(number.isascii() and number.isdigit() for number in numbers):
            raise BatonError(f"{text!r} is no record: write TOPIC/PARTITION/OFFSET, such as {topics.LEADS}/3/17")
        return cls(topic, int(numbers[0]), int(numbers[1]))


@dataclass(frozen=True)
class Quarantined:
    """A record of the quarantine: where it is, where it came from, why it is here, and what it was."""

    place: Place
    origin: Place
    at_us: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    replay_of: str | None
    """Partition and offset of the record whose copy it is."""


@dataclass(frozen=True)
class Selection:
    """Which records are meant: of these reasons (none: any), quarantined from `since` and before `until`."""

    reasons: frozenset[str] = frozenset()
    since_us: int | None = None
    until_us: int | None = None

    def holds(self, record: Quarantined) -> bool:
        """Whether the record is meant."""
        return (
            (not self.reasons or record.reason in self.reasons)
            and (self.since_us is None or record.at_us >= self.since_us)
            and (self.until_us is None or record.at_us < self.until_us)
        )


@dataclass
class Replayed:
    """What became of the records that were meant: `kept` counts those that were not sent, by why."""

    sent: int = 0
    kept: dict[str, int] = field(default_factory=dict)

    def keep(self, why: str) -> None:
        """Count one that was not sent."""
        self.kept[why] = self.kept.get(why, 0) + 1


def read_quarantine(settings: Settings, selection: Selection = Selection()) -> Iterator[Quarantined]:
    """The records that are in the quarantine now, partition by partition. Raises BatonError."""
    check_topics(settings)
    with explained(settings):
        ends = ends_of(settings, [(topics.QUARANTINE, number) for number in range(settings.partitions)])
        for (topic, partition), end in sorted(ends.items()):
            try:
                for message in read_to(settings, topic, partition, end, time.monotonic() + READ_S):
                    record = _record(message)
                    if selection.holds(record):
                        yield record
            except Late as late:
                raise BatonError(f"the quarantine was not read within {READ_S:.0f} s: {late}") from late


def find(settings: Settings, place: Place) -> Quarantined:
    """The record at a place of the quarantine, or the first that came from a place elsewhere. Raises BatonError."""
    for record in read_quarantine(settings):
        if place in {record.place, record.origin}:
            return record
    raise BatonError(f"{place}: there is no such record in the quarantine, and none came from there")


def replay(
    settings: Settings,
    publisher: Publisher | None,
    selection: Selection,
    force: bool = False,
    progress: Callable[[Replayed], None] = lambda _: None,
) -> Replayed:
    """Send records to the topics that they came from, with their bytes, their key and their own headers.

    Sent is what the contract accepts now; a conflict and a `too_late` only if `selection` names that reason. With
    `force` everything is sent. A copy of a record that is in the quarantine itself is passed over: that one is tried.
    Without a publisher nothing is sent. Raises BatonError.
    """
    done = Replayed()
    for record in read_quarantine(settings, selection):
        why = _kept_back(record, selection, force)
        if why is not None:
            done.keep(why)
            continue
        if publisher is not None:
            headers = [*record.headers, (REPLAY_OF, f"{record.place.partition}/{record.place.offset}".encode())]
            publisher.send(record.origin.topic, record.key, record.value, headers)
        done.sent += 1
        progress(done)
    if publisher is not None:
        publisher.finish()
    return done


def _kept_back(record: Quarantined, selection: Selection, force: bool) -> str | None:
    """Why a record is not sent again; None: it is."""
    if record.origin.topic not in topics.INPUTS:
        return "unknown_origin"
    if record.replay_of is not None:
        return "copy"
    if force:
        return None
    if record.reason in BY_THE_OTHERS - selection.reasons:
        return record.reason
    finding = still_refused(record, time.time_ns() // 1_000)
    return None if finding is None else finding.reason


def still_refused(record: Quarantined, now_us: int) -> Unreadable | None:
    """What the contract has against a record now; None if it would be taken."""
    try:
        subject, event, _ = decode(record.value, record.headers)
    except Unreadable as finding:
        return finding
    if record.key != subject.encode():
        return Unreadable("key_mismatch", f"the key is {record.key!r}, the subject {subject!r}")
    if type(event) not in topics.ACCEPTS.get(record.origin.topic, frozenset()):
        return Unreadable("wrong_topic", f"{TYPES[type(event)]} belongs on {topics.TOPIC_OF[TYPES[type(event)]]}")
    if event.time > now_us + DAY_US:
        return Unreadable("from_the_future", f"time: {time_text(event.time)} is more than 24 h ahead")
    return None


def _record(message: ck.Message) -> Quarantined:
    given = _headers(message)
    ours = {name: content.decode(errors="replace") for name, content in given if name.startswith(OURS) and content}
    return Quarantined(
        place=Place(topics.QUARANTINE, message.partition() or 0, message.offset() or 0),
        origin=Place(ours.get("baton_topic", ""), _number(ours, "baton_partition"), _number(ours, "baton_offset")),
        at_us=message.timestamp()[1] * 1_000,
        reason=ours.get("baton_reason", "none"),
        detail=ours.get("baton_detail", ""),
        key=message.key(),
        value=message.value(),
        headers=[(name, content) for name, content in given if not name.startswith(OURS)],
        replay_of=ours.get(REPLAY_OF),
    )


def _headers(message: ck.Message) -> list[tuple[str, bytes | None]]:
    """The headers, as bytes: the client's types leave more open."""
    headers = message.headers() or []
    entries = headers.items() if isinstance(headers, dict) else headers
    return [(name, content.encode() if isinstance(content, str) else content) for name, content in entries]


def _number(ours: dict[str, str], name: str) -> int:
    """A number in a header; -1 where something else was put into the quarantine by hand."""
    text = ours.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else -1
