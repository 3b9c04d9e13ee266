"""One batch of records of one partition: decoded, checked, folded, and made into what its transaction holds.

Nothing here changes a store or talks to Kafka, so a batch can be made again after a failure.
"""

from collections.abc import Collection, Iterable, Sequence
from threading import Lock
from typing import Final, NamedTuple, TypeAlias

import msgspec

from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.table import Store
from schemas.compact import TYPES, Deal, Event, document, time_text
from schemas.decode import Unreadable
from schemas.derived import clock_event, stage_event
from streams import topics
from streams.clock_rows import Clocks
from streams.funnel import Counts, add, channel_of, contribution, difference
from streams.history import Taken, take
from streams.life import ClockSaid, Now, tick
from streams.partitioning import partition_of
from streams.pledges import change as promised_change
from streams.rows import Head, Journey, Said
from streams.terms import Versions
from streams.verdicts import clock_counts, next_instant, statement

DAY_US: Final = 86_400_000_000
FOLDING: Final = Lock()
"""Held by the partition that folds. Python runs one thread at a time: taking turns by batches, not by slices of 5 ms,
keeps a processor's caches warm, which is worth a quarter of an event's time."""
LARGEST_ROW: Final = topics.ROOM - 65_536
"""A row above this would not fit its topic with its key and the batch around it."""
ORIGIN: Final = "baton_origin"
_ENCODE: Final = msgspec.msgpack.Encoder().encode

RecordHeaders: TypeAlias = list[tuple[str, str | bytes | None]]


class Outgoing(NamedTuple):
    """A record to be produced, with the partition where that is not the batch's own (None: by its key)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders
    partition: int | None


class Work:
    """What a batch comes to: rows to write, records to send, and what to count once it is committed."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.outgoing: list[Outgoing] = []
        self.change: Counts = {}
        self.promised: Counts = {}
        self.outcomes: dict[tuple[str, str], int] = {}
        self.unknown: dict[tuple[str, str], int] = {}
        self.times: list[int] = []
        self.said: list[Said] = []
        self.entries: dict[tuple[str, str], int] = {}
        """Entries into stages that were said for the first time, by stage and channel."""
        self.clocks_said: list[ClockSaid] = []
        self.due: list[tuple[int, bytes]] = []
        """The nows (microseconds) from which there is something new to say of a lead's clocks, each with its key."""

    def refuse(self, record: Record, reason: str, detail: str, kind: str = "unknown") -> None:
        """Quarantine a record."""
        self.outgoing.append(quarantined(record, reason, detail))
        self.count(kind, "quarantined")

    def count(self, kind: str, outcome: str) -> None:
        """Count a record by type of event and what became of it."""
        self.outcomes[kind, outcome] = self.outcomes.get((kind, outcome), 0) + 1


class Folder:
    """Makes batches of one partition into work."""

    def __init__(self, number: int, partitions: int, versions: Versions) -> None:
        self._number = number
        self._partitions = partitions
        self._versions = versions
        self._decode_head = msgspec.msgpack.Decoder(Head).decode

    def adopt(self, versions: Versions) -> None:
        """Fold by these versions from now on; the leads' rows are folded by them already."""
        self._versions = versions

    def head(self, raw: bytes) -> Head:
        """A head row, decoded."""
        return self._decode_head(raw)

    def fold(self, records: Iterable[Record], store: Store, now: Now) -> Work:
        """The work of some records; the wall's clock stands for the broker's where a record does not carry that."""
        work = Work()
        with FOLDING:
            for key, group in self._by_lead(records, store, work, now).items():
                self._take(key, group, store, work, now)
        return work

    def _by_lead(
        self, records: Iterable[Record], store: Store, work: Work, now: Now
    ) -> dict[bytes, list[tuple[Event, Record]]]:
        """The events that are good and belong here, by their leads' keys; what becomes of the rest is in the work."""
        leads: dict[bytes, list[tuple[Event, Record]]] = {}
        for record in records:
            key = record.key
            if key is None:
                work.refuse(record, "no_key", "the record has no key; it is the event's subject")
                continue
            group = leads.get(key)
            if group is None and store.get(key) is None and not self._is_mine(record, key, work):
                continue
            try:
                event = self._read(record, key, work, now.wall)
            except Unreadable as finding:
                work.refuse(record, finding.reason, finding.detail)
                continue
            if group is None:
                leads[key] = [(event, record)]
            else:
                group.append((event, record))
        return leads

    def pass_time(self, keys: Collection[bytes], store: Store, now: int) -> Work:
        """What time has brought by now to the clocks of these leads, each once: a batch with no records (§8.2)."""
        work = Work()
        for key in keys:
            raw = store.get(key)
            if raw is not None:
                self._tick(key, raw, work, now)
        return work

    def _tick(self, key: bytes, raw: bytes, work: Work, now: int) -> None:
        head = self._decode_head(raw)
        clocks, before = head.clocks, clock_counts(head.clocks)
        said = tick(clocks, head.journey.owner, self._versions, now, head.corrections)
        if said:
            work.rows[key] = _ENCODE(head)
            add(work.change, difference(clock_counts(clocks), before))
            self._say_clocks(key, said, work)
        self._note_due(key, clocks, None, work)

    def _note_due(self, key: bytes, clocks: Clocks, noted: int | None, work: Work) -> None:
        soonest = next_instant(clocks)
        if soonest is not None and soonest != noted:
            work.due.append((soonest, key))

    def _say_clocks(self, key: bytes, said: Sequence[ClockSaid], work: Work) -> None:
        work.clocks_said += said
        work.outgoing += [clock_outgoing(key, one, self._number) for one in said]

    def _is_mine(self, record: Record, key: bytes, work: Work) -> bool:
        """Whether the record is on its key's partition; if not it is passed on (DESIGN §2)."""
        own = partition_of(key, self._partitions)
        if own == self._number:
            return True
        if record.topic == topics.ROUTED:
            work.refuse(record, "cannot_route", f"its key belongs on partition {own}")
        else:
            origin = f"{record.topic}/{record.partition}/{record.offset}"
            headers: RecordHeaders = [*record.headers, (ORIGIN, origin.encode())]
            work.outgoing.append(Outgoing(topics.ROUTED, key, record.value, headers, own))
            work.count("unknown", "routed")
        return False

    def _read(self, record: Record, key: bytes, work: Work, default_us: int) -> Event:
        """The record's event, if it is a good one for its topic, key and time. Raises Unreadable."""
        subject, event, unknown = record.read()
        if key != subject.encode():
            raise Unreadable("key_mismatch", f"the key is {key[:60]!r}, the subject {subject[:60]!r}")
        if type(event) not in topics.ACCEPTS[record.topic]:
            raise Unreadable("wrong_topic", f"{TYPES[type(event)]} belongs on {topics.TOPIC_OF[TYPES[type(event)]]}")
        broker_us = record.timestamp * 1000 if record.timestamp_type == LOG_APPEND_TIME else default_us
        if event.time > broker_us + DAY_US:
            raise Unreadable("from_the_future", f"time: {time_text(event.time)} is more than 24 h ahead")
        for name in unknown:
            counted = TYPES[type(event)], name
            work.unknown[counted] = work.unknown.get(counted, 0) + 1
        return event

    def _take(self, key: bytes, group: Sequence[tuple[Event, Record]], store: Store, work: Work, now: Now) -> None:
        """Fold a lead's events; one that cannot be folded is quarantined, alone, and the rest is folded."""
        try:
            self._take_together(key, group, store, work, now)
        except Exception as error:
            if len(group) == 1:
                event, record = group[0]
                work.refuse(record, "cannot_fold", f"{type(error).__name__}: {error}", TYPES[type(event)])
                return
            for one in group:
                self._take(key, [one], store, work, now)

    def _take_together(
        self, key: bytes, group: Sequence[tuple[Event, Record]], store: Store, work: Work, now: Now
    ) -> None:
        raw = work.rows.get(key) or store.get(key)
        head = None if raw is None else self._decode_head(raw)
        channel, waiting = (None, None) if head is None else (head.journey.channel, head.journey.waiting)
        known = head is not None and head.journey.is_lead
        pledged = None if head is None else _ENCODE(head.pledges)
        ticking = head is not None and bool(head.clocks.running)
        standing, noted = (clock_counts(head.clocks), next_instant(head.clocks)) if head and ticking else ({}, None)
        events = [event for event, _ in group]
        earned = Deal in map(type, events)

        def read_page(number: int) -> bytes:
            page = work.rows.get(page_key(key, number)) or store.get(page_key(key, number))
            if page is None:
                raise LookupError(f"page {number} of lead {key!r} is missing")
            return page

        taken = take(head, read_page, events, self._versions, self._versions.lateness_at, now)
        if taken.changed:
            row = head_row(taken.head)
            journey = taken.head.journey
            moved = channel != journey.channel or waiting != journey.waiting or known != journey.is_lead
            if raw is None or taken.said or earned or taken.losers or moved:
                before = self._decode_head(raw) if raw is not None else Head(Journey())
                self._recount(before.journey, journey, work)
                self._repromise(before, taken.head, work)
            elif pledged != _ENCODE(taken.head.pledges):
                self._repromise(self._decode_head(raw), taken.head, work)
            clocks = taken.head.clocks
            if ticking or clocks.running:
                add(work.change, difference(clock_counts(clocks), standing))
                self._note_due(key, clocks, noted, work)
            work.rows[key] = row
            for number, page in taken.pages.items():
                work.rows[page_key(key, number)] = page
        self._say(key, group, taken, work)

    def _recount(self, before: Journey, after: Journey, work: Work) -> None:
        terms = self._versions.latest
        add(work.change, difference(contribution(after, terms), contribution(before, terms)))

    def _repromise(self, before: Head, after: Head, work: Work) -> None:
        pair = (before.pledges, before.journey), (after.pledges, after.journey)
        add(work.promised, promised_change(*pair, self._versions))

    def _say(self, key: bytes, group: Sequence[tuple[Event, Record]], taken: Taken, work: Work) -> None:
        outcomes, times = work.outcomes, work.times
        for (event, _), outcome in zip(group, taken.outcomes, strict=True):
            counted = TYPES[type(event)], outcome
            outcomes[counted] = outcomes.get(counted, 0) + 1
            times.append(event.time)
        if "too_late" in taken.outcomes:
            self._quarantine_late(group, taken, work)
        if "conflict" in taken.outcomes:
            self._quarantine_losers(group, taken, work)
        self._say_clocks(key, taken.clocks_said, work)
        for said in taken.said:
            work.outgoing.append(stage_outgoing(key, said, self._number))
            work.said.append(said)
            if said[0].name == "entered" and said[1] == 1:
                entered = said[0].stage, channel_of(taken.head.journey)
                work.entries[entered] = work.entries.get(entered, 0) + 1

    def _quarantine_late(self, group: Sequence[tuple[Event, Record]], taken: Taken, work: Work) -> None:
        """§4.3: what is older than `lateness` is quarantined."""
        for (event, record), outcome in zip(group, taken.outcomes, strict=True):
            if outcome == "too_late":
                detail = f"time: {time_text(event.time)} is older than the lead's newest event by more than `lateness`"
                work.outgoing.append(quarantined(record, "too_late", detail))

    def _quarantine_losers(self, group: Sequence[tuple[Event, Record]], taken: Taken, work: Work) -> None:
        """§4.2: of two contents under one identity the one that is not kept is quarantined."""
        beaten = dict(taken.losers)
        for index, outcome in enumerate(taken.outcomes):
            if outcome != "conflict":
                continue
            event, record = group[index]
            detail = f"another content has the id {event.id!r} of source {event.source!r}"
            if index in beaten:
                value = msgspec.json.encode(document((record.key or b"").decode(), beaten[index]))
                work.outgoing.append(quarantined(record, "conflict", f"{detail}, and is kept", value, CLOUDEVENT))
            else:
                work.outgoing.append(quarantined(record, "conflict", f"{detail}, and is kept"))


CLOUDEVENT: Final[RecordHeaders] = [("content-type", b"application/cloudevents+json")]


def head_row(head: Head) -> bytes:
    """A lead's head row. Raises ValueError: larger than its topic takes."""
    row = _ENCODE(head)
    if len(row) > LARGEST_ROW:
        raise ValueError(f"the lead's row would take {len(row)} bytes, more than {LARGEST_ROW}")
    return row


def page_key(key: bytes, number: int) -> bytes:
    """The key of a lead's page row: no id holds a zero byte."""
    return b"%b\x00%d" % (key, number)


def is_head_key(key: bytes) -> bool:
    """Whether a changelog key is a lead's head row."""
    return b"\x00" not in key


def stage_outgoing(key: bytes, said: Said, partition: int) -> Outgoing:
    """What is said of a lead, as it is sent."""
    return Outgoing(topics.STAGES, key, stage_record(key.decode(), said), CLOUDEVENT, partition)


def clock_outgoing(key: bytes, said: ClockSaid, partition: int) -> Outgoing:
    """What is said of a clock, as it is sent."""
    return Outgoing(topics.CLOCKS, key, clock_event(statement(key.decode(), *said)), CLOUDEVENT, partition)


def stage_record(lead: str, said: Said) -> bytes:
    """A fact as a `baton.stage.v1` event."""
    fact, revision, holds = said
    return stage_event(
        lead,
        fact.name,
        fact.stage,
        fact.number,
        revision,
        holds,
        time_text(fact.at),
        (fact.source, fact.event),
        fact.other,
        fact.exit,
        fact.reason,
        None if fact.since is None else time_text(fact.since),
    )


def quarantined(
    record: Record, reason: str, detail: str, value: bytes | None = None, headers: RecordHeaders | None = None
) -> Outgoing:
    """The record as it came (or another value), with why, and where it was first read."""
    given = list(record.headers) if headers is None else headers
    origin = next((content for name, content in given if name == ORIGIN and isinstance(content, bytes)), None)
    if record.topic == topics.ROUTED and origin is not None:
        first, partition, offset = origin.decode().rsplit("/", 2)
    else:
        first, partition, offset = record.topic, str(record.partition), str(record.offset)
    about: RecordHeaders = [
        ("baton_reason", reason.encode()),
        ("baton_detail", detail[:1000].encode(errors="replace")),
        ("baton_topic", first.encode()),
        ("baton_partition", partition.encode()),
        ("baton_offset", offset.encode()),
    ]
    kept = [(name, content) for name, content in given if name != ORIGIN]
    return Outgoing(
        topics.QUARANTINE, record.key, record.value if value is None else value, kept + about, record.partition
    )
