"""The report of DESIGN §6 from the running engine's side: what its changelog holds, folded as a replay folds it.

The export reads beside the engine and writes nothing to Kafka. Because each lead is folded anew from its events, and
the engine folds one event after the other, it also holds the one to the other.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import confluent_kafka as ck
import msgspec

from agents.administration import check_topics
from agents.changelog import Ends, Late, Slice, ends_of, explained, read_to
from agents.engine.batch import is_head_key
from agents.engine.ownership import POSITIONS
from agents.engine.refolding import AGREEMENT, are_same, is_half_done, page_reader, read_versions
from agents.engine.table import MemoryStore
from agents.errors import BatonError
from agents.replaying import Watch
from agents.replaying.files import Quarantined, workspace, write_lines, write_report, write_sorted
from agents.replaying.plan import Plan
from agents.replaying.telling import tell_clocks, write_clocks
from agents.settings import Settings
from schemas.agreement import Agreement
from streams import topics
from streams.gathering import has_most
from streams.history import kept_events
from streams.report import Reporter, Summary
from streams.rows import Head
from streams.terms import Versions

__all__ = ["Exported", "Late", "export"]

COUNTED_APART: Final = ("conflict", "too_late")
"""Reasons of the quarantine that the summary counts by name; the others are `quarantined`."""
_decode_head: Final = msgspec.msgpack.Decoder(Head).decode


class Exported(NamedTuple):
    """What an export found: its summary, and the leads, in order, that the engine has folded otherwise."""

    summary: Summary
    differing: list[str]


def export(
    settings: Settings,
    agreements: Sequence[Agreement],
    out: Path,
    as_of: int | None = None,
    wait_s: float = 60.0,
    watch: Watch = lambda _doing, _done, _of: None,
) -> Exported:
    """Wait until the engine has committed all that is on its inputs now, and write the report into a folder.

    `as_of` in microseconds since 1970 (None: the last event's time). Raises Late when the engine does not get there
    within `wait_s` seconds, or does not fold by these versions; BatonError when Kafka or its topics are not there, and
    when another version was published meanwhile. Then nothing is written.
    """
    until = time.monotonic() + wait_s
    versions, partitions = Versions(agreements), range(settings.partitions)
    check_topics(settings)
    with explained(settings), workspace(out) as scratch:
        ends = _wait_for_engine(settings, until)
        found = _Found(versions, as_of)
        for partition in partitions:
            own = Slice(settings, partition, ends[topics.CHANGELOG, partition], until)
            store = own.rows(_Readiness(ends, partition, versions))
            write_sorted(scratch / f"leads-{partition}", found.leads(store))
            write_clocks(scratch / f"clocks-{partition}", found.clocks)
            found.clocks.clear()
            watch("partitions", partition + 1, settings.partitions)
        quarantine = scratch / "quarantine"
        write_lines(quarantine, found.quarantined(_quarantine(settings, until)))
        lines = [scratch / f"leads-{partition}" for partition in partitions]
        plan = Plan(
            scratch, settings.partitions, as_of, tuple(one.model_dump_json(by_alias=True) for one in agreements)
        )
        told_as_of = found.newest if as_of is None else as_of
        clocks = [tell_clocks(plan, scratch / f"clocks-{partition}", told_as_of) for partition in partitions]
        with quarantine.open("rb") as file:
            entries = (line[:-1] for line in file)
            write_report(out, scratch, lines, clocks, found.reporter.sums, versions, told_as_of, found.summary, entries)
        return Exported(found.summary, sorted(found.differing))


def _wait_for_engine(settings: Settings, until: float) -> Ends:
    """Where inputs and changelog end, when the engine has committed all that was on the inputs before.

    What a publisher put on another partition than its own is on its way through `baton.routed` by then, so that
    topic's end is taken once more. Raises Late.
    """
    partitions = range(settings.partitions)
    ends = ends_of(settings, [(topic, p) for topic in (*topics.INPUTS, topics.CHANGELOG) for p in partitions])
    for partition in partitions:
        own = Slice(settings, partition, ends[topics.CHANGELOG, partition], until)
        own.wait_for_positions(_Readiness(ends, partition))
    return ends | ends_of(settings, [(topics.ROUTED, partition) for partition in partitions])


class _Readiness:
    """Whether a partition's rows hold all that its inputs held, folded by these versions (None: by any)."""

    def __init__(self, ends: Ends, partition: int, versions: Versions | None = None) -> None:
        self._ends = {topic: ends[topic, partition] for topic in topics.INPUTS}
        self._versions = versions

    def __call__(self, store: MemoryStore) -> str | None:
        """What is still lacking."""
        row = store.get(POSITIONS)
        if row is None:
            return "no engine has opened it yet"
        positions = msgspec.json.decode(row, type=dict[str, int])
        return next(self._behind(positions), None) or self._folded_otherwise(store)

    def _folded_otherwise(self, store: MemoryStore) -> str | None:
        """By which versions the leads are not folded yet. Raises BatonError where they are by more."""
        row = store.get(AGREEMENT)
        if self._versions is None or row is None:
            return None
        by, wanted = read_versions(row), {terms.version for terms in self._versions.all}
        found = {terms.version for terms in by.all}
        if is_half_done(store):
            return "its leads are being folded again by a new version of the agreement"
        if wanted - found:
            return f"version {max(wanted - found)} of the agreement is not taken yet"
        if found - wanted:
            raise BatonError(f"version {max(found - wanted)} of the agreement was published meanwhile: run it again")
        return None if are_same(by, self._versions) else "the engine folds by other terms than BATON_AGREEMENT"

    def _behind(self, positions: Mapping[str, int]) -> Iterator[str]:
        for topic, end in self._ends.items():
            if positions.get(topic, 0) < end:
                yield f"{topic} is committed up to {positions.get(topic, 0)} of {end}"


class _Found:
    """What comes together over the partitions."""

    def __init__(self, versions: Versions, as_of: int | None) -> None:
        self.reporter = Reporter(versions)
        self.summary = Summary(read=None, duplicate=None, condensed=None, unknown_fields=None)
        self.differing: list[str] = []
        self.clocks: list[tuple[str, bytes]] = []
        self.newest = 0
        self._as_of = as_of

    def leads(self, store: MemoryStore) -> Iterator[tuple[str, bytes]]:
        """The leads of a partition, each with its line."""
        for key, row in store.items():
            if is_head_key(key) and row:  # an empty row is a lead that was forgotten
                line = self._tell(key, row, store)
                if line is not None:
                    yield key.decode(), line

    def _tell(self, key: bytes, row: bytes, store: MemoryStore) -> bytes | None:
        head = _decode_head(row)
        kept = kept_events(head, page_reader(store, key))
        events, condensed = kept, head.condensed
        if self._as_of is not None and kept and kept[-1].time > self._as_of:
            events = [event for event in kept if event.time <= self._as_of]
            condensed = condensed and has_most(events)
        self.summary.folded += len(events)
        self.summary.later += len(kept) - len(events)
        if not events:
            return None
        lead = key.decode()
        told = self.reporter.tell(lead, events, condensed)
        self.newest = max(self.newest, told.newest)
        if told.clocks is not None:
            self.clocks.append((lead, told.clocks))
        if len(events) == len(kept) and told.journey != head.journey:
            self.differing.append(lead)
        return told.line

    def quarantined(self, records: Iterator[ck.Message]) -> Iterator[bytes]:
        """The lines of the quarantine."""
        for record in records:
            entry = _entry(record)
            counted = entry.reason if entry.reason in COUNTED_APART else "quarantined"
            setattr(self.summary, counted, getattr(self.summary, counted) + 1)
            yield entry.written()


def _entry(record: ck.Message) -> Quarantined:
    """A record of the quarantine, with the topic and partition it came on as its file, and the offset as its line."""
    said = dict(record.headers() or ())

    def word(name: str) -> str:
        value = said.get(f"baton_{name}") or b""
        return value if isinstance(value, str) else value.decode(errors="replace")

    content = (record.value() or b"").decode(errors="replace")
    place = f"{word('topic')}/{word('partition')}"
    return Quarantined(place, int(word("offset") or 0), word("reason"), word("detail"), content)


def _quarantine(settings: Settings, until: float) -> Iterator[ck.Message]:
    """The records of the quarantine, partition by partition."""
    places = [(topics.QUARANTINE, partition) for partition in range(settings.partitions)]
    for (topic, partition), end in sorted(ends_of(settings, places).items()):
        yield from read_to(settings, topic, partition, end, until)
