"""Publish events at a steady rate, each with the present as its time: a company whose months pass in a minute.

Says on standard output, once, how many events that were, and how many seconds the last one was late.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import confluent_kafka as ck

from agents.kafka import producer_config
from agents.publishing import STRUCTURED, Record
from agents.settings import Settings
from tests.bench.log import make_log

TICK_S = 0.005
LEADS_PER_EVENT = 1 / 8
TIME = b'"time":"'


def parted(log: Iterator[Record], count: int) -> list[tuple[str, bytes, bytes, bytes]]:
    """Topic, key, and what stands before and after the time, of so many events."""
    events = []
    for topic, key, value in log:
        before, _, rest = value.partition(TIME)
        events.append((topic, key, before + TIME, rest[rest.index(b'"') :]))
        if len(events) == count:
            break
    return events


def publish(producer: ck.Producer, events: list[tuple[str, bytes, bytes, bytes]], rate: float) -> float:
    """Returns the seconds that the last one came later than it should."""
    began, sent, headers = time.monotonic(), 0, list(STRUCTURED)
    while sent < len(events):
        due = min(len(events), int((time.monotonic() - began) * rate))
        for topic, key, before, after in events[sent:due]:
            now = datetime.now(UTC).isoformat().encode()
            producer.produce(topic, before + now + after, key, headers=headers)
        sent = due
        producer.poll(TICK_S)
    late_s = time.monotonic() - began - len(events) / rate
    producer.flush()
    return late_s


def main() -> None:
    rate, seconds = float(os.environ["BENCH_RATE"]), float(os.environ["BENCH_SECONDS"])
    count = int(rate * seconds)
    log = make_log(int(os.environ["BENCH_SEED"]), max(100, int(count * LEADS_PER_EVENT)))
    events = parted(log, count)
    producer = ck.Producer(producer_config(Settings()) | {"partitioner": "murmur2_random", "linger.ms": 1})
    late_s = publish(producer, events, rate)
    print(json.dumps({"events": len(events), "late_s": late_s}))


if __name__ == "__main__":
    main()
