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
    "agreement": "The agreement's name.",
    "version": "A version of the agreement.",
    "previous": "The stage before it in the funnel; empty for the first.",
    "stage": "A stage of the agreement; in `baton_pipeline_amount`, the stage of the deal.",
    "channel": "A channel of the agreement; `(none)`: the lead has no channel; `other`: one that the agreement "
    "does not name.",
    "clause": "A clause of the agreement.",
    "owed_by": "The party that owes the clause.",
    "kind": "`response`, `attempts`, `volume`, `ratio` or `completeness`.",
    "state": "`running`; `at_risk` (warned of); `overdue` (breached, and still to be answered).",
    "verdict": "`met`, `breached` or `cancelled`.",
    "correction": "`withdrawn` (it turned out not to be so); `changed` (said again with something else, such as the "
    "late answer to a breach, or after it was withdrawn).",
    "goal": "A goal of the agreement.",
    "currency": "ISO 4217.",
    "type": "The type of event, such as `baton.lead.v1`; `unknown` where it could not be read.",
    "outcome": "`folded`; `duplicate`; `conflict` and `too_late` and `quarantined` (all of them in the quarantine); "
    "`condensed` (past what a lead keeps); `routed` (passed on to its own partition).",
    "field": f"The unknown field of `data`. The first {UNKNOWN_FIELDS_KEPT} names have series of their own, "
    "the rest are `other`.",
    "reason": "Why, as in the record's header `baton_reason`.",
}

AGREEMENT: Final = Metric(
    "baton_agreement_effective_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    "From when a version of the agreement judges events, for every version that this worker knows; every worker tells "
    "the same.",
    ("agreement", "version"),
)
STAGE_POSITION: Final = Metric(
    "baton_stage_position",
    "gauge",
    "none",
    "The stage's place in the funnel of the latest version, from 1; every worker tells the same. For the order in "
    "which stages are shown, and for joins with the stage before.",
    ("stage", "previous"),
)
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
CLOCKS: Final = Metric(
    "baton_clocks",
    "gauge",
    "clocks",
    "Clocks that run, or are overdue and can still be answered; every clause of the latest version is there.",
    ("clause", "owed_by", "state"),
)
CLOCK_VERDICTS: Final = Metric(
    "baton_clock_verdicts_total",
    "counter",
    "verdicts",
    "Verdicts that were said for the first time. What is corrected later neither goes off nor counts again: see "
    "`baton_clock_corrections_total`.",
    ("clause", "owed_by", "verdict"),
)
CLOCK_RECENT: Final = Metric(
    "baton_clock_recent_verdicts_total",
    "counter",
    "verdicts",
    "Of these, clocks met or breached no longer ago than `BATON_NOTIFY_MAX_AGE_S` when it was said; `late`: breaches "
    "answered no longer ago. Alerts go by them, so that a backfill of last year's events tells nobody.",
    ("clause", "owed_by", "verdict"),
)
CLOCK_CORRECTIONS: Final = Metric(
    "baton_clock_corrections_total",
    "counter",
    "revisions",
    "Later revisions of verdicts, by the verdict that they correct. Where a breach turns out to have been met, it is "
    "`breached`, `withdrawn` here, and `met` among the verdicts.",
    ("clause", "owed_by", "verdict", "correction"),
)
CLOCK_SECONDS: Final = Metric(
    "baton_clock_seconds",
    "histogram",
    "seconds of open time",
    "From the start of a clock to its answer, in time or late, when that is first said; one that is never answered is "
    "not here, and what is corrected later is not counted again. The clause's targets, also those of tiers and of "
    "earlier versions, are among the buckets, but for targets in business days.",
    ("clause",),
    (
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        4 * HOUR,
        8 * HOUR,
        16 * HOUR,
        DAY,
        2 * DAY,
        5 * DAY,
        10 * DAY,
        30 * DAY,
    ),
)
PROMISE_RATIO: Final = Metric(
    "baton_promise_ratio",
    "gauge",
    "ratio",
    "What a clause that is judged by period has come to in the period that runs, over what it promises, over all "
    "partitions: kept at 1 or more. From the worker that has partition 0 open; absent while nothing is in it to judge.",
    ("clause",),
)
PROMISE_LEADS: Final = Metric(
    "baton_promise_leads",
    "gauge",
    "leads",
    "Leads of which a clause of kind ratio or completeness is a share, in the period that runs: of few, the share says "
    "little. From the worker that has partition 0 open.",
    ("clause",),
)
GOAL_RATIO: Final = Metric(
    "baton_goal_ratio",
    "gauge",
    "ratio",
    "The same of a goal: what it has come to in the period that runs, over its target.",
    ("goal",),
)
CLAUSE_INFO: Final = Metric(
    "baton_clause_info",
    "gauge",
    "none",
    "1 for every clause of the latest version; every worker tells the same. For joins: who owes it, and what it is.",
    ("clause", "owed_by", "kind"),
)
PROMISE_PACE: Final = Metric(
    "baton_promise_pace_ratio",
    "gauge",
    "ratio",
    "What a clause that is judged by period has come to in the period that runs, over where it should be by now, in "
    "open time: on pace at 1 or more. Absent before any open time, and while nothing is in it to judge.",
    ("clause",),
)
GOAL_PACE: Final = Metric(
    "baton_goal_pace_ratio",
    "gauge",
    "ratio",
    "The same of a goal: what it has come to in the period that runs, over where it should be by now.",
    ("goal",),
)
PROMISE_EXPECTED: Final = Metric(
    "baton_promise_expected_ratio",
    "gauge",
    "ratio",
    "Where a clause that is judged by period should be by now, in open time, over what it promises: 1 at the period's "
    "end, and at any time for a share, which does not add up.",
    ("clause",),
)
GOAL_EXPECTED: Final = Metric(
    "baton_goal_expected_ratio",
    "gauge",
    "ratio",
    "The same of a goal: where it should be by now, over its target.",
    ("goal",),
)
NOW: Final = Metric(
    "baton_now_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    "Up to where time has passed for the clocks, in the partition that is furthest behind of those that this worker "
    "has open; absent until each of them has a now.",
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
PARTITIONS_ASSIGNED: Final = Metric(
    "baton_partitions_assigned",
    "gauge",
    "partitions",
    "Partitions that the consumer group gave this worker; those of them that are not open yet are being recovered. "
    "Absent until it is in the group.",
)
LAST_COMMIT: Final = Metric(
    "baton_last_commit_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    "When this worker last committed anything; absent until it did.",
)

ALL: Final = (
    AGREEMENT,
    STAGE_POSITION,
    LEADS,
    STAGE_ENTRIES,
    STAGE_SECONDS,
    CLOCKS,
    CLOCK_VERDICTS,
    CLOCK_RECENT,
    CLOCK_CORRECTIONS,
    CLOCK_SECONDS,
    PROMISE_RATIO,
    PROMISE_LEADS,
    GOAL_RATIO,
    PROMISE_PACE,
    GOAL_PACE,
    PROMISE_EXPECTED,
    GOAL_EXPECTED,
    CLAUSE_INFO,
    NOW,
    REVENUE,
    PIPELINE,
    EVENTS,
    QUARANTINED,
    UNKNOWN_FIELDS,
    EVENT_DELAY,
    BACKLOG,
    PROJECTION_BACKLOG,
    PARTITIONS_OPEN,
    PARTITIONS_ASSIGNED,
    LAST_COMMIT,
)
