"""What the metrics cost at a size: how many series four workers tell of a large agreement, and what a scrape takes."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from agents.embedded import embedded_redis
from streams.percentiles import percentile
from tests.bench.ground import grounded
from tests.bench.options import Options
from tests.bench.tables import machine, number, show
from tests.deploy.observed import Observed, observed

CHANNELS = 20
STAGES = 8
CLOCKS = 9
CLAUSES = CLOCKS + 3
WORKERS = 4
PARTITIONS = 8
LEADS = 4_000
SCRAPES = 50
SHOWN = 12
"""Metrics with the most series, told one by one."""
DEAL_STAGES = ("new", "qualified", "demo", "proposal", "negotiation", "won")


@dataclass(frozen=True)
class Cost:
    """What the scrapes of one worker came to: bytes of one, seconds each took, processor seconds of one."""

    size: int
    took_s: list[float]
    cpu_s: float


def scraping(options: Options) -> int:
    """Tell the series of 20 channels, 8 stages, 12 clauses and 4 workers, and the cost of one scrape at that size."""
    leads = options.leads or LEADS
    with ExitStack() as ends:
        ground = ends.enter_context(grounded(PARTITIONS))
        redis_url = ends.enter_context(embedded_redis(ground.new_folder()))
        folder = ground.new_folder()
        agreement = folder / "agreement.yaml"
        agreement.write_text(written())
        engine = ends.enter_context(observed(ground.servers, redis_url, folder, agreement, WORKERS, PARTITIONS))
        engine.wait_until_open()
        engine.publish(events(leads), [b"no event", b"{}"])
        texts = [engine.metrics(port) for port in engine.ports]
        costs = [_cost(engine, port, pid) for port, pid in zip(engine.ports, engine.pids, strict=True)]
    _tell(leads, texts, costs)
    return 0


def written() -> str:
    """The agreement: stages one after another by status, clocks from stage to stage, and three promises by period."""
    channels = ", ".join(f"channel_{place:02}" for place in range(CHANNELS))
    stages = "\n".join(
        f"    - {{id: stage-{place}, enters: {{type: lead, status: status-{place}}}}}" for place in range(1, STAGES)
    )
    clocks = "\n".join(
        f"  - {{id: clock-{place}, owed_by: sales, kind: response, within: {place + 1}h, warn_at: [0.5], "
        f"starts: {{stage: stage-{1 + place % (STAGES - 2)}}}, met_by: {{stage: stage-{2 + place % (STAGES - 2)}}}}}"
        for place in range(CLOCKS)
    )
    return f"""agreement: large
version: 1
effective: 2020-01-01T00:00:00Z
parties: {{marketing: {{}}, sales: {{responsible: ana}}}}
channels: [{channels}]
funnel:
  stages:
    - {{id: stage-0, enters: {{type: touchpoint, party: lead}}}}
{stages}
clauses:
{clocks}
  - {{id: volume, owed_by: marketing, kind: volume, counts: {{stage: stage-1}}, at_least: 100, per: month}}
  - {{id: ratio, owed_by: marketing, kind: ratio, of: {{stage: stage-2}}, among: {{stage: stage-1}}, at_least: 0.5,
     per: month}}
  - {{id: fields, owed_by: marketing, kind: completeness, fields: [email], among: {{stage: stage-1}}, at_least: 0.5,
     per: month}}
goals:
  - {{id: revenue, metric: revenue, target: "500000", currency: EUR, per: quarter, responsible: ana}}
"""


def events(leads: int) -> Iterator[dict[str, Any]]:
    """Leads of every channel, each as far as some stage, one in four with a deal; some say fields nobody knows."""
    for turn in range(leads):
        lead, channel = f"lead-{turn}", f"channel_{turn % CHANNELS:02}"
        touch = {"kind": "page_view", "party": "lead", "channel": channel, f"field-{turn % 10}": 1}
        yield _event(lead, 0, "touchpoint", touch)
        for place in range(1, 1 + turn % STAGES):
            yield _event(lead, place, "lead", {"status": f"status-{place}", "owner": "ana"})
        if turn % 4 == 0:
            deal = {"deal_id": "d", "stage": DEAL_STAGES[turn // 4 % len(DEAL_STAGES)]}
            yield _event(lead, STAGES, "deal", deal | {"amount": "100", "currency": "EUR"})


def _event(lead: str, place: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{lead}-{place}",
        "source": "/bench",
        "type": f"baton.{kind}.v1",
        "subject": lead,
        "time": datetime.fromtimestamp(time.time() - 100 + place, UTC).isoformat(),
        "data": data,
    }


def _cost(engine: Observed, port: int, pid: int) -> Cost:
    """Scrape one worker again and again; what it spends with nobody asking is taken off its processor time."""
    worker = psutil.Process(pid)
    idle_s = _cpu_s(worker, lambda: time.sleep(2)) / 2
    took: list[float] = []

    def scrapes() -> None:
        for _ in range(SCRAPES):
            began = time.perf_counter()
            engine.metrics(port)
            took.append(time.perf_counter() - began)

    spent = _cpu_s(worker, scrapes)
    return Cost(len(engine.metrics(port).encode()), took, max(0.0, spent - idle_s * sum(took)) / SCRAPES)


def _cpu_s(process: psutil.Process, do: Callable[[], object]) -> float:
    before = process.cpu_times()
    do()
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system)


def _tell(leads: int, texts: list[str], costs: list[Cost]) -> None:
    by_metric = Counter(_family(line) for text in texts for line in _samples(text))
    series = [len(_samples(text)) for text in texts]
    took = sorted(second for cost in costs for second in cost.took_s)
    sizes = [cost.size for cost in costs]
    print(
        f"{machine()}\n\n{CHANNELS} channels, {STAGES} stages, {CLAUSES} clauses ({CLOCKS} with clocks), "
        f"{WORKERS} workers on {PARTITIONS} partitions, {leads:,} leads; {SCRAPES} scrapes of each worker\n"
    )
    show(
        ("what", "measured"),
        [
            ("series, of all workers together", number(sum(series))),
            ("series of a worker, fewest and most", f"{min(series):,} and {max(series):,}"),
            ("bytes of one scrape, fewest and most", f"{min(sizes):,} and {max(sizes):,}"),
            ("from request to last byte, p50, ms", number((percentile(took, 50) or 0) * 1000, 1)),
            ("p99, ms", number((percentile(took, 99) or 0) * 1000, 1)),
            ("a worker's processor time for one, ms", number(sum(cost.cpu_s for cost in costs) / WORKERS * 1000, 1)),
        ],
    )
    rows = [(f"`{name}`", number(count)) for name, count in by_metric.most_common(SHOWN)]
    others = sum(by_metric.values()) - sum(count for _, count in by_metric.most_common(SHOWN))
    show(("metric", "series"), [*rows, (f"the other {len(by_metric) - len(rows)}", number(others))])


def _samples(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _family(line: str) -> str:
    name = line.split("{", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    for end in ("_bucket", "_count", "_sum"):
        if name.startswith("baton_") and name.endswith(end):
            return name.removesuffix(end)
    return name
