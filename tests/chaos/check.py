"""Whether the promise held: the changelog and the derived topics against a fold of the log that was published."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import confluent_kafka as ck
import msgspec

from agents.engine.batch import is_head_key, page_key
from schemas.agreement import Agreement
from schemas.compact import Event, order_key, time_text
from streams import topics
from streams.funnel import Counts, add, total
from streams.history import kept_events, no_pages, take
from streams.life import Life, fold
from streams.pledges import contribution as promised
from streams.rows import Head
from streams.terms import Versions
from streams.totals import TotalsRow, all_promised, bounded, read_totals, whole
from streams.verdicts import clock_counts, facts, statement
from tests.chaos.log import Line, by_lead
from tests.engines import read

Key: TypeAlias = tuple[str, str, int]


@dataclass
class Findings:
    """What is wrong, a line each; nothing if the promise held."""

    lines: list[str] = field(default_factory=list)
    facts: int = 0
    corrected: int = 0
    leads: int = 0
    clock_facts: int = 0
    clocks_corrected: int = 0

    def add(self, condition: bool, line: str) -> None:
        """Note a line where the condition is true."""
        if condition:
            self.lines.append(line)


def check(servers: str, partitions: int, log: list[Line], agreements: Sequence[Agreement]) -> Findings:
    """Compare everything that the engine wrote with a fold of what was published, by these versions."""
    versions = Versions(agreements)
    findings = Findings()
    expected = {lead: take(None, no_pages, events, versions) for lead, events in by_lead(log).items()}
    findings.leads = len(expected)
    _check_table(servers, partitions, {lead: taken.head for lead, taken in expected.items()}, findings)
    lives = {lead: fold(_set_of(events), versions) for lead, events in by_lead(log).items()}
    _check_facts(servers, partitions, lives, findings)
    _check_clocks(servers, partitions, lives, versions, findings)
    _check_totals(servers, lives, versions, findings)
    quarantined = Counter(_reason(record) for record in read(servers, topics.QUARANTINE, partitions))
    findings.add(bool(quarantined), f"quarantined: {dict(quarantined)}")
    return findings


def _set_of(events: list[Event]) -> list[Event]:
    return sorted({(event.source, event.id): event for event in events}.values(), key=order_key)


def _reason(record: ck.Message) -> str:
    return dict(record.headers() or [])["baton_reason"].decode()


def _check_table(servers: str, partitions: int, expected: dict[str, Head], findings: Findings) -> None:
    rows = {record.key(): record.value() for record in read(servers, topics.CHANGELOG, partitions)}
    heads = {key.decode(): msgspec.msgpack.decode(row, type=Head) for key, row in rows.items() if is_head_key(key)}
    findings.add(heads.keys() != expected.keys(), f"{len(heads)} leads in the table, {len(expected)} in the log")
    wrong = [lead for lead in expected if lead in heads and heads[lead].journey != expected[lead].journey]
    findings.add(bool(wrong), f"{len(wrong)} journeys differ, such as {wrong[:3]}")
    for lead, head in expected.items():
        if lead not in heads:
            continue
        kept = kept_events(heads[lead], lambda number, lead=lead: rows[page_key(lead.encode(), number)])
        findings.add(len(kept) != _kept(head), f"{lead}: {len(kept)} events kept, {_kept(head)} published")


def _kept(head: Head) -> int:
    return head.journey.touches + head.journey.others + head.journey.spends


@dataclass
class Said:
    """What is on a topic of facts: the last word on each fact that holds, and how often one was corrected."""

    holding: dict[tuple[str, str, int], dict[str, object]]
    corrected: int


def _said(servers: str, topic: str, partitions: int, findings: Findings) -> Said:
    """Read a topic of facts; each statement must be there once, and revisions be 1, 2, 3 and so on."""
    ids: Counter[str] = Counter()
    latest: dict[tuple[str, str, int], dict[str, object]] = {}
    revisions: dict[tuple[str, str, int], list[int]] = {}
    for record in read(servers, topic, partitions):
        event = msgspec.json.decode(record.value())
        data = event["data"]
        fact = data["fact"]
        key = (fact["lead"], fact["kind"], fact["number"])
        ids[event["id"]] += 1
        revisions.setdefault(key, []).append(data["revision"])
        latest[key] = data
    twice = [ident for ident, times in ids.items() if times > 1]
    findings.add(bool(twice), f"{topic}: {len(twice)} events are there more than once, such as {twice[:2]}")
    gaps = [key for key, numbers in revisions.items() if numbers != list(range(1, len(numbers) + 1))]
    findings.add(bool(gaps), f"{topic}: {len(gaps)} facts whose revisions are not 1, 2, 3 …, such as {gaps[:2]}")
    holding = {key: data for key, data in latest.items() if data["holds"]}
    return Said(holding, sum(len(numbers) - 1 for numbers in revisions.values()))


def _compare(topic: str, holding: dict[Key, object], wanted: dict[Key, object], findings: Findings) -> None:
    missing, extra = wanted.keys() - holding.keys(), holding.keys() - wanted.keys()
    other = [(key, holding[key], wanted[key]) for key in wanted.keys() & holding.keys() if wanted[key] != holding[key]]
    findings.add(bool(missing), f"{topic}: {len(missing)} facts were not said, such as {sorted(missing)[:2]}")
    findings.add(bool(extra), f"{topic}: {len(extra)} facts hold that should not, such as {sorted(extra)[:2]}")
    findings.add(bool(other), f"{topic}: {len(other)} facts say something else, such as {other[:2]}")


def _check_facts(servers: str, partitions: int, lives: dict[str, Life], findings: Findings) -> None:
    said = _said(servers, topics.STAGES, partitions, findings)
    holding = {key: (data["at"], data.get("other"), data.get("exit")) for key, data in said.holding.items()}
    wanted = {
        (lead, f"{fact.name}.{fact.stage}", fact.number): (time_text(fact.at), fact.other, fact.exit)
        for lead, life in lives.items()
        for fact in life.facts
    }
    findings.facts, findings.corrected = len(wanted), said.corrected
    _compare(topics.STAGES, holding, wanted, findings)


def _check_clocks(servers: str, partitions: int, lives: dict[str, Life], by: Versions, findings: Findings) -> None:
    """All that fell due did so long ago: by now everything is said of it."""
    said = _said(servers, topics.CLOCKS, partitions, findings)
    now = time.time_ns() // 1000
    wanted = {
        (lead, fact.kind, fact.cycle): _without_revision(msgspec.to_builtins(statement(lead, fact, 1, True)))
        for lead, life in lives.items()
        for clock in life.clocks.running
        for fact in facts(clock, by, life.journey.owner, now)
    }
    holding = {key: _without_revision(data) for key, data in said.holding.items()}
    findings.clock_facts, findings.clocks_corrected = len(wanted), said.corrected
    _compare(topics.CLOCKS, holding, wanted, findings)


def _without_revision(data: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in data.items() if name != "revision"}


def _check_totals(servers: str, lives: dict[str, Life], versions: Versions, findings: Findings) -> None:
    rows: dict[bytes, TotalsRow] = {}
    for record in read(servers, topics.TOTALS, 1):
        rows[record.key()] = read_totals(record.value())
    sums = total((life.journey for life in lives.values()), versions.latest)
    for life in lives.values():
        life.clocks.told = time.time_ns() // 1000
        add(sums, clock_counts(life.clocks))
    wanted = bounded(sums, versions.latest)
    pledged: Counts = {}
    for life in lives.values():
        add(pledged, promised(life.pledges, life.journey, versions))
    findings.add(all_promised(rows.values()) != pledged, "the sums for promises differ")
    said = whole(rows.values())
    wrong = {
        key: (said.get(key), wanted.get(key)) for key in wanted.keys() | said.keys() if said.get(key) != wanted.get(key)
    }
    findings.add(bool(wrong), f"{len(wrong)} sums differ (said, wanted): {dict(list(wrong.items())[:4])}")
