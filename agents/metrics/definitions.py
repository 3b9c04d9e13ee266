"""Every metric: its name, type, meaning, unit and labels, in one list, from which the reference is made."""

from dataclasses import dataclass
from typing import Final, Literal

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400

UNKNOWN_FIELDS_KEPT: Final = 100
"""Names of unknown fields, of all types of event together, that get a series of their own."""
DEAL_STAGES_KEPT: Final = 100


@dataclass(frozen=True)
class Metric:
    """One metric; `buckets` are the upper bounds of a histogram's, without the infinite one."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


LABELS: Final[dict[str, str]] = {
    "stage": "A stage of the agreement; in `baton_pipeline_amount`, the stage of the deal.",
    "channel": "A channel of the agreement; `(none)`: the lead has no channel; `other`: one that the agreement "
    "does not name.",
    "currency": "ISO 4217.",
    "type": "The type of event, such as `baton.lead.v1`; `unknown` where it could not be read.",
    "outcome": "`folded`; `duplicate`; `conflict` and `too_late` and `quarantined` (all of them in the quarantine); "
    "`condensed` (past what a lead keeps); `routed` (passed on to its own partition).",
    "field": f"The unknown field of `data`. The first {UNKNOWN_FIELDS_KEPT} names have series of their own, "
    "the rest are `other`.",
    "reason": "Why, as in the record's header `baton_reason`.",
}

LEADS: Final = Metric(
    "baton_leads", "gauge", "leads", "Leads that are in a stage now; those that went out are not.", ("stage", "channel")
)
STAGE_ENTRIES: Final = Metric(
    "baton_stage_entries_total",
    "counter",
    "entries",
    "Entries into a stage that were said for the first time, under the channel that the lead had then; one that is "
    "corrected later is not counted again.",
    ("stage", "channel"),
)
STAGE_SECONDS: Final = Metric(
    "baton_stage_seconds",
    "histogram",
    "seconds",
    "How long leads had been in a stage when they left it, by the events' times; what is corrected later is not "
    "counted again.",
    ("stage",),
    (
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        HOUR,
        4 * HOUR,
        8 * HOUR,
        DAY,
        2 * DAY,
        3 * DAY,
        7 * DAY,
        14 * DAY,
        30 * DAY,
        60 * DAY,
        90 * DAY,
        180 * DAY,
        365 * DAY,
    ),
)
REVENUE: Final = Metric(
    "baton_revenue_total",
    "gauge",
    "units of the currency",
    "Revenue of the deals that are won, as they now stand. A gauge, for it goes down with a refund, or when a deal "
    "is won no more: use `delta`, never `rate` or `increase`.",
    ("currency", "channel"),
)
PIPELINE: Final = Metric(
    "baton_pipeline_amount",
    "gauge",
    "units of the currency",
    f"Amounts of the new deals that are open, by their stage; past {DEAL_STAGES_KEPT} stages, `other`.",
    ("currency", "stage"),
)
EVENTS: Final = Metric(
    "baton_events_total",
    "counter",
    "events",
    "Records that were read, each once, by what became of them.",
    ("type", "outcome"),
)
QUARANTINED: Final = Metric(
    "baton_quarantined_total", "counter", "records", "Records that were put into the quarantine.", ("reason",)
)
UNKNOWN_FIELDS: Final = Metric(
    "baton_unknown_fields_total",
    "counter",
    "fields",
    "Fields of `data` that the contract does not know, and that were left out.",
    ("type", "field"),
)
EVENT_DELAY: Final = Metric(
    "baton_event_delay_seconds",
    "histogram",
    "seconds",
    "From an event's own time to the commit of what it changed; 0 where its time is yet to come.",
    (),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, DAY, 7 * DAY, 90 * DAY),
)
BACKLOG: Final = Metric(
    "baton_backlog_events",
    "gauge",
    "records",
    "Records of the input topics that this worker has not committed yet, of the partitions that it has open.",
)
PROJECTION_BACKLOG: Final = Metric(
    "baton_projection_backlog",
    "gauge",
    "records",
    "Records that are not in Redis yet, of the partitions that this worker has open; absent without a read model.",
)
PARTITIONS_OPEN: Final = Metric(
    "baton_partitions_open", "gauge", "partitions", "Partitions that this worker has open, and alone may change."
)
LAST_COMMIT: Final = Metric(
    "baton_last_commit_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    "When this worker last committed anything; absent until it did.",
)

ALL: Final = (
    LEADS,
    STAGE_ENTRIES,
    STAGE_SECONDS,
    REVENUE,
    PIPELINE,
    EVENTS,
    QUARANTINED,
    UNKNOWN_FIELDS,
    EVENT_DELAY,
    BACKLOG,
    PROJECTION_BACKLOG,
    PARTITIONS_OPEN,
    LAST_COMMIT,
)
