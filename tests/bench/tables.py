"""Tables in Markdown, and what a table was measured on."""

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from math import isnan, nan
from statistics import median

import confluent_kafka as ck

from tests.services import JARS


def show(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column stands to the left, the others, numbers, to the right."""
    print("|", " | ".join(titles), "|")
    print("| --- |", " | ".join("---:" for _ in titles[1:]), "|")
    for row in rows:
        print("|", " | ".join(map(str, row)), "|", flush=True)
    print(flush=True)


def machine() -> str:
    """The machine and the versions that matter, in a line."""
    kafka = next((JARS / "libs").glob("kafka_*.jar")).stem.partition("-")[2]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores ({platform.machine()}) for everything, Python {platform.python_version()}, "
        f"Apache Kafka {kafka}, faust-streaming {version('faust-streaming')}, "
        f"confluent-kafka {version('confluent-kafka')} (librdkafka {ck.libversion()[0]})"
    )


def number(value: float, digits: int = 0) -> str:
    """A number with so many digits of its fraction; a dash for what could not be measured."""
    return "-" if isnan(value) else f"{value:,.{digits}f}"


def megabytes(count: float) -> str:
    """Bytes as millions of them."""
    return number(count / 1e6)


def middle(values: Iterable[float]) -> float:
    """The median of what could be measured; not a number, if nothing could."""
    measured = [value for value in values if not isnan(value)]
    return median(measured) if measured else nan
