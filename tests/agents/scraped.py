"""What Prometheus would get of collectors."""

from prometheus_client import CollectorRegistry


def samples(*collectors) -> dict:
    """What a scrape gives: values by name and labels."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def value(told: dict, name: str, **labels) -> float | None:
    return told.get((name, frozenset(labels.items())))
