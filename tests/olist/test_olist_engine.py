"""Olist's marketing funnel through Kafka and the engine, on both brokers, against its README's table."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from agents.importing import ImportReport, import_rows, load_mapping
from streams.topics import TOPIC_OF
from tests.chaos.files import differing_files
from tests.chaos.log import Line
from tests.engines import PARTITIONS, caught_up, fresh_topics, producer, wait_until
from tests.olist.table import DATA, HERE, TABLE, needs_data
from tests.services import Broker
from tests.workers import Workers

pytestmark = needs_data


@pytest.fixture
def log() -> list[Line]:
    """The three files as events."""
    mapping = load_mapping((HERE / "mapping.yaml").read_text(), "mapping.yaml")
    report = ImportReport()
    events = list(import_rows(mapping, [DATA], report))
    assert report.refused == 0
    return [Line(TOPIC_OF[str(e["type"])], str(e["subject"]), msgspec.json.encode(e)) for e in events]


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    fresh_topics(broker.servers)
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_AGREEMENT": str(HERE / "olist.yaml"),
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_METRICS_PORT": "0",
        "BATON_SESSION_TIMEOUT_S": "3",
        "BATON_REBALANCE_TIMEOUT_S": "3",
        "BATON_APP": f"olist-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    yield workers
    workers.end_all()


def test_the_engine_counts_what_olist_counted(broker: Broker, workers: Workers, log: list[Line], tmp_path: Path):
    """MQLs, won and revenue by origin come out exactly, and export and replay agree byte for byte."""
    sender = producer(broker.servers)
    for line in log:
        sender.produce(line.topic, line.value, line.key)
    assert sender.flush(60) == 0
    workers.start(0)
    wait_until(lambda: caught_up(broker.servers, workers.settings["BATON_APP"]), "all to be committed")
    assert differing_files(tmp_path, workers.settings, log) == []
    mqls, won, revenue = Counter[str](), Counter[str](), Counter[str]()
    for text in (tmp_path / "exported" / "leads.jsonl").read_text().splitlines():
        lead = json.loads(text)
        mqls[lead["channel"]] += "mql" in lead["entered"]
        won[lead["channel"]] += "customer" in lead["entered"]
        revenue[lead["channel"]] += Decimal(lead["revenue"].get("BRL", "0"))
    found = {channel: (mqls[channel], won[channel], revenue[channel]) for channel in mqls}
    assert found == TABLE
