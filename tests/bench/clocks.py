"""A million open clocks on one partition: what they take, and how soon it is said that one falls due (DESIGN §5.10)."""

import json
import time
from collections.abc import Iterator
from threading import Lock

import psutil

from agents.engine.batch import Folder, Work
from agents.engine.opening import topic_ids
from agents.engine.ownership import Ownership
from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.table import MemoryStore
from agents.engine.worker import READ_CLOCK_S
from agents.kafka import client_config, producer_config, reader_config
from schemas.compact import time_text
from schemas.loader import load_agreement
from streams import topics
from streams.percentiles import percentile
from streams.terms import Versions
from tests.bench.ground import Ground, grounded
from tests.bench.options import Options
from tests.bench.running import BenchError
from tests.bench.tables import machine, number, show

LEADS = 250_000
CLAUSES = 4
DUE = 10_000
"""Leads of which one clock falls due within one second."""
AHEAD_S = 60
"""How long after the leads are there the first of those falls due."""
HOUR_US = 3_600_000_000
IDLE_TICKS = 1_000
AGREEMENT = """
agreement: many
version: 1
effective: 2020-01-01T00:00:00Z
parties: {marketing: {}, sales: {responsible: ana}}
funnel: {stages: [{id: mql, enters: {type: lead, status: mql}}]}
clauses:
"""
CLAUSE = "- {{id: c{0}, owed_by: sales, kind: response, starts: {{stage: mql}}, met_by: {{type: deal}}, within: {1}}}\n"


class Notes:
    """Who is told of commits: keeps when each breach was committed, and when its clock had fallen due."""

    def __init__(self) -> None:
        self.delays_us: list[int] = []

    def committed(self, _partition: int, work: Work, _seconds: float) -> None:
        """Note the breaches."""
        now = time.time_ns() // 1000
        self.delays_us += [now - fact.due for fact, _, _ in work.clocks_said if fact.change == "breached"]


def ticking(options: Options) -> int:
    """Tell what a million open clocks take, and how late it is said that 10,000 fell due within a second."""
    leads = options.leads or LEADS
    if leads < DUE:
        raise BenchError(f"BENCH_LEADS: {DUE:,} at least, for so many are to fall due")
    with grounded(partitions=1) as ground:
        ground.clean()
        clauses = "".join(CLAUSE.format(place, within) for place, within in enumerate(("1h", "40d", "50d", "60d")))
        versions = Versions([load_agreement(AGREEMENT + clauses, "many.yaml")])
        notes, store = Notes(), MemoryStore()
        owner = _ownership(ground, versions, notes, store)
        before = psutil.Process().memory_info().rss
        owner.open(lambda: True)
        first_due = time.time_ns() // 1000 + AHEAD_S * 1_000_000
        done = 0
        for batch in _batches(leads, first_due):
            done += len(batch)
            owner.commit_all(batch, dict.fromkeys(topics.INPUTS, 0) | {topics.LEADS: done})
        owner.pass_time(time.time_ns() // 1000)
        taken = psutil.Process().memory_info().rss - before
        idle = _idle_s(owner)
        rebuilt = _rebuilt_s(owner, store)
        _live(owner, notes, first_due)
    delays = sorted(notes.delays_us)
    print(f"{machine()}\n\n{leads:,} leads with {CLAUSES} open clocks each, {len(delays):,} falling due within 1 s\n")
    show(
        ("what", "measured"),
        [
            ("a worker's memory, bytes a clock", number(taken / leads / CLAUSES)),
            ("a tick with nothing due, µs", number(idle * 1e6, 1)),
            ("counting and finding what is due, when a partition is opened, s", number(rebuilt, 1)),
            ("from due to committed, p50, ms", number((percentile(delays, 50) or 0) / 1000)),
            ("p99, ms", number((percentile(delays, 99) or 0) / 1000)),
        ],
    )
    return 0


def _ownership(ground: Ground, versions: Versions, notes: Notes, store: MemoryStore) -> Ownership:
    settings = ground.settings
    return Ownership(
        number=0,
        transactional_id="ticking-0",
        producer_config=producer_config(settings),
        reader_config=reader_config(settings, "ticking-reader"),
        versions=versions,
        folder=Folder(0, 1, versions),
        store=lambda: store,
        ids=topic_ids(client_config(settings)),
        books=notes,
        transaction_s=60.0,
        one_at_a_time=Lock(),
    )


def _batches(leads: int, first_due: int) -> Iterator[list[Record]]:
    """A start for each lead: of some the first clock falls due in turn within a second, of the others much later."""
    batch: list[Record] = []
    for place in range(leads):
        spread = place * 1_000_000 // DUE if place < DUE else HOUR_US // 2
        at = first_due + spread - HOUR_US
        event = {
            "specversion": "1.0",
            "id": f"e{place}",
            "source": "/bench",
            "type": "baton.lead.v1",
            "subject": f"lead-{place:07}",
            "time": time_text(at),
            "data": {"status": "mql"},
        }
        key, value = event["subject"].encode(), json.dumps(event).encode()  # type: ignore[attr-defined]  # it is text
        batch.append(Record(topics.LEADS, 0, place, time.time_ns() // 1_000_000, LOG_APPEND_TIME, key, value))
        if len(batch) == 20_000:
            yield batch
            batch = []
    if batch:
        yield batch


def _idle_s(owner: Ownership) -> float:
    now = time.time_ns() // 1000
    began = time.perf_counter()
    for _ in range(IDLE_TICKS):
        owner.pass_time(now)
    return (time.perf_counter() - began) / IDLE_TICKS


def _rebuilt_s(owner: Ownership, store: MemoryStore) -> float:
    began = time.perf_counter()
    owner._sum_up(store)
    return time.perf_counter() - began


def _live(owner: Ownership, notes: Notes, first_due: int) -> None:
    """Let time pass as a worker does, until all that falls due in that second is said."""
    while len(notes.delays_us) < DUE and time.time_ns() // 1000 < first_due + 60_000_000:
        owner.pass_time(time.time_ns() // 1000)
        time.sleep(READ_CLOCK_S)
