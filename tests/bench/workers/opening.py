"""Open a partition, as a worker does that is given it: first from nothing, then with the rows that it has kept.

Says on standard output, once, how long each took and how much memory the rows took.
"""

import json
import time
from threading import Lock

import psutil

from agents.agreements import read_agreements
from agents.engine.batch import Folder, Work
from agents.engine.opening import topic_ids
from agents.engine.ownership import Ownership
from agents.engine.table import MemoryStore, RocksStore, Store
from agents.kafka import client_config, producer_config, reader_config
from agents.settings import Settings
from streams.terms import Versions


class Alone:
    """An ownership's surroundings, where nobody watches."""

    def committed(self, partition: int, work: Work, seconds: float) -> None:
        pass


def ownership(settings: Settings) -> Ownership:
    versions = Versions(read_agreements([settings.agreement]))
    kept = MemoryStore()

    def store() -> Store:
        return kept if settings.store == "memory" else RocksStore(settings.state_dir / "partition-0")

    return Ownership(
        number=0,
        transactional_id=f"{settings.app}-0",
        producer_config=producer_config(settings),
        reader_config=reader_config(settings, f"{settings.app}-reader"),
        versions=versions,
        folder=Folder(0, settings.partitions, versions),
        store=store,
        ids=topic_ids(client_config(settings)),
        books=Alone(),
        transaction_s=settings.transaction_timeout_s,
        one_at_a_time=Lock(),
    )


def opened_in_s(partition: Ownership) -> float:
    began = time.monotonic()
    partition.open(lambda: True)
    return time.monotonic() - began


def main() -> None:
    partition, process = ownership(Settings()), psutil.Process()
    before = process.memory_info().rss
    cold_s = opened_in_s(partition)
    resident = process.memory_info().rss - before
    partition.let_go()
    kept_s = opened_in_s(partition)
    partition.let_go()
    print(json.dumps({"cold_s": cold_s, "kept_s": kept_s, "resident": resident}))


if __name__ == "__main__":
    main()
