"""How long a partition takes to open, and what its rows take: in memory, in RocksDB, and in the changelog."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agents.engine.batch import is_head_key
from streams import topics
from tests.bench.ground import Ground, grounded
from tests.bench.log import make_log
from tests.bench.options import Options
from tests.bench.running import Workers, said_by
from tests.bench.systems import Engine, engine_environment
from tests.bench.tables import machine, middle, number, show
from tests.engines import read

LEADS_TO_OPEN = 250_000
LEADS_TO_WEIGH = 200_000
STORES = {"memory": "in memory", "rocksdb": "in RocksDB"}


@dataclass(frozen=True)
class Opened:
    """Seconds to open a partition from nothing, and with the rows kept; bytes of memory that the rows took."""

    cold_s: float
    kept_s: float
    resident: int


@dataclass
class Changelog:
    """What a changelog holds: leads, records, and bytes of keys and values, of all records and of the last ones."""

    leads: int = 0
    records: int = 0
    written: int = 0
    latest: int = 0


def opening(options: Options) -> int:
    """Tell the seconds that a partition of so many leads takes to open."""
    with _filled(options, LEADS_TO_OPEN) as (ground, changelog):
        rows = []
        for store, title in STORES.items():
            opened = [_open(ground, options, store) for _ in range(options.runs)]
            cold_s, kept_s = middle(one.cold_s for one in opened), middle(one.kept_s for one in opened)
            rows.append((title, number(cold_s, 1), number(kept_s, 1), number(changelog.leads / cold_s)))
    show(("rows", "cold, s", "kept, s", "leads/s, cold"), rows)
    return 0


def weighing(options: Options) -> int:
    """Tell the bytes that a lead takes."""
    with _filled(options, LEADS_TO_WEIGH) as (ground, changelog):
        rows = []
        for store, title in STORES.items():
            resident = middle(_open(ground, options, store).resident for _ in range(options.runs))
            rows.append((f"a worker's memory, rows {title}", number(resident / changelog.leads)))
    rows.append(("changelog, the last row of each key", number(changelog.latest / changelog.leads)))
    rows.append(("changelog, as written, before it is compacted", number(changelog.written / changelog.leads)))
    show(("where", "bytes a lead"), rows)
    return 0


@contextmanager
def _filled(options: Options, leads: int) -> Iterator[tuple[Ground, Changelog]]:
    """A Kafka on which the engine has worked off a log of so many leads, all on one partition."""
    with grounded(partitions=1) as ground:
        count = ground.publish(make_log(options.seed, options.leads or leads))
        Engine("a", "Baton's engine").run(ground, options)
        changelog = _read(ground)
        print(
            f"{machine()}\n\n{changelog.leads:,} leads and {count:,} events on one partition, "
            f"{changelog.records:,} records in its changelog; medians of {options.runs} runs\n",
            flush=True,
        )
        yield ground, changelog


def _read(ground: Ground) -> Changelog:
    found = Changelog()
    sizes: dict[bytes, int] = {}
    for record in read(ground.servers, topics.CHANGELOG, ground.partitions):
        key = record.key() or b""
        sizes[key] = len(key) + len(record.value() or b"")
        found.records += 1
        found.written += sizes[key]
    found.leads = sum(map(is_head_key, sizes))
    found.latest = sum(sizes.values())
    return found


def _open(ground: Ground, options: Options, store: str) -> Opened:
    folder = ground.new_folder()
    environment = engine_environment(ground, folder) | {"BATON_STORE": store}
    workers = Workers("the opening of a partition", folder, ["-m", "tests.bench.workers.opening"], environment)
    return said_by(workers, options.limit_s, Opened)
