"""Whether the promise held: the changelog and the derived topics against a fold of the log that was published."""

from collections import Counter
from dataclasses import dataclass, field

import confluent_kafka as ck
import msgspec

from agents.engine.batch import is_head_key, page_key
from schemas.agreement import Agreement
from schemas.compact import time_text
from streams import topics
from streams.funnel import total
from streams.history import kept_events, no_pages, take
from streams.rows import Fact, Head
from streams.terms import Versions
from streams.totals import TotalsRow, bounded, read_totals, whole
from tests.chaos.log import Line, by_lead
from tests.engines import read


@dataclass
class Findings:
    """What is wrong, a line each; nothing if the promise held."""

    lines: list[str] = field(default_factory=list)
    facts: int = 0
    corrected: int = 0
    leads: int = 0

    def add(self, condition: bool, line: str) -> None:
        """Note a line where the condition is true."""
        if condition:
            self.lines.append(line)


def check(servers: str, partitions: int, log: list[Line], agreement: Agreement) -> Findings:
    """Compare everything that the engine wrote with a fold of what was published."""
    versions = Versions([agreement])
    findings = Findings()
    expected = {lead: take(None, no_pages, events, versions) for lead, events in by_lead(log).items()}
    findings.leads = len(expected)
    _check_table(servers, partitions, {lead: taken.head for lead, taken in expected.items()}, findings)
    _check_facts(
        servers, partitions, {lead: [said[0] for said in taken.said] for lead, taken in expected.items()}, findings
    )
    _check_totals(servers, {lead: taken.head for lead, taken in expected.items()}, versions, findings)
    quarantined = Counter(_reason(record) for record in read(servers, topics.QUARANTINE, partitions))
    findings.add(bool(quarantined), f"quarantined: {dict(quarantined)}")
    return findings


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


def _check_facts(servers: str, partitions: int, expected: dict[str, list[Fact]], findings: Findings) -> None:
    ids: Counter[str] = Counter()
    latest: dict[tuple[str, str, int], dict[str, object]] = {}
    revisions: dict[tuple[str, str, int], list[int]] = {}
    for record in read(servers, topics.STAGES, partitions):
        event = msgspec.json.decode(record.value())
        data = event["data"]
        fact = data["fact"]
        key = (fact["lead"], fact["kind"], fact["number"])
        ids[event["id"]] += 1
        revisions.setdefault(key, []).append(data["revision"])
        latest[key] = data
    twice = [ident for ident, times in ids.items() if times > 1]
    findings.add(bool(twice), f"{len(twice)} derived events are there more than once, such as {twice[:2]}")
    gaps = [key for key, numbers in revisions.items() if numbers != list(range(1, len(numbers) + 1))]
    findings.add(bool(gaps), f"{len(gaps)} facts whose revisions are not 1, 2, 3 …, such as {gaps[:2]}")
    holding = {key: (data["at"], data.get("other"), data.get("exit")) for key, data in latest.items() if data["holds"]}
    wanted = {
        (lead, f"{fact.name}.{fact.stage}", fact.number): (time_text(fact.at), fact.other, fact.exit)
        for lead, facts in expected.items()
        for fact in facts
    }
    findings.facts, findings.corrected = len(wanted), sum(len(numbers) - 1 for numbers in revisions.values())
    missing, extra = wanted.keys() - holding.keys(), holding.keys() - wanted.keys()
    other = [key for key in wanted.keys() & holding.keys() if wanted[key] != holding[key]]
    findings.add(bool(missing), f"{len(missing)} facts were not said, such as {sorted(missing)[:2]}")
    findings.add(bool(extra), f"{len(extra)} facts hold that should not, such as {sorted(extra)[:2]}")
    findings.add(bool(other), f"{len(other)} facts say something else, such as {other[:2]}")


def _check_totals(servers: str, expected: dict[str, Head], versions: Versions, findings: Findings) -> None:
    rows: dict[bytes, TotalsRow] = {}
    for record in read(servers, topics.TOTALS, 1):
        rows[record.key()] = read_totals(record.value())
    wanted = bounded(total((head.journey for head in expected.values()), versions.latest), versions.latest)
    said = whole(rows.values())
    wrong = {
        key: (said.get(key), wanted.get(key)) for key in wanted.keys() | said.keys() if said.get(key) != wanted.get(key)
    }
    findings.add(bool(wrong), f"{len(wrong)} sums differ (said, wanted): {dict(list(wrong.items())[:4])}")
