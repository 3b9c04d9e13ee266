"""Makes docs/reference/metrics.md: python -m agents.metrics.reference > docs/reference/metrics.md"""

import sys

from agents.metrics.definitions import ALL, LABELS, Metric

_HEAD = """# Metrics

Made from `agents/metrics/definitions.py` by `python -m agents.metrics.reference`: change it there.

A worker serves them on `/metrics`, at `BATON_METRICS_HOST` and `BATON_METRICS_PORT` (9464; 0: not at all). No label
holds a lead's id. Counters and histograms count what this process has committed since it started; nothing is counted
again when a partition is opened. Gauges come from the partitions that this process has open, each once: sum them over
the workers, and during a handover of a partition it may be missing, or in two, for a moment. What Python's process
and garbage collector tell (`process_`, `python_gc_`) is there as well.

`/livez` answers 200, or 503 with the reasons, a line each, when the process should be replaced: a partition had
records to read and committed none for two minutes, or the consumer group has not answered for as long, while the
brokers did. `/readyz` answers 200 when the worker is in the consumer group and every partition that it was given is
open.
"""


def reference() -> str:
    """The page."""
    rows = "\n".join(_row(metric) for metric in ALL)
    labels = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in LABELS.items())
    buckets = "\n".join(
        f"- `{metric.name}`: {', '.join(f'{bound:g}' for bound in metric.buckets)}" for metric in ALL if metric.buckets
    )
    return (
        f"{_HEAD}\n| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n{rows}\n"
        f"\n## Labels\n\n| label | values |\n|---|---|\n{labels}\n"
        f"\n## Buckets\n\nUpper bounds, in seconds, beside the infinite one:\n\n{buckets}\n"
    )


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.meaning} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
