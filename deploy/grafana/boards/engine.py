"""*Engine*: whether the machine keeps up, and what it could not read."""

from typing import Final

from deploy.grafana.boards.making import NO_LIMIT, NONE_IS_GOOD, Ask, Board, Limits, Row, lines, stats

JOB: Final = 'job="baton"'
BACKLOG: Final[Limits] = [(None, "green"), (1_000, "yellow"), (10_000, "orange"), (100_000, "red")]
"""A thousand is where BatonBacklogGrowing begins, if they get more."""
BEHIND: Final[Limits] = [(None, "green"), (10_000, "yellow"), (100_000, "red")]
"""Ten thousand is where BatonProjectionBehind begins."""
LATE: Final[Limits] = [(None, "green"), (10, "yellow"), (60, "red")]
QUIET: Final[Limits] = [(None, "green"), (900, "yellow"), (3_600, "orange")]
ONE_AT_LEAST: Final[Limits] = [(None, "red"), (1, "green")]
A_CORE: Final[Limits] = [(None, "green"), (1, "yellow")]


def _delay(quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate(baton_event_delay_seconds_bucket[$__rate_interval])))"


BOARD: Final = Board(
    uid="baton-engine",
    title="Engine",
    description="Whether the workers are there, keep up, and can read what they get.",
    since="now-3h",
    refresh="10s",
    rows=[
        Row(
            "Is it well?",
            [
                stats(
                    "Workers",
                    "Workers that Prometheus reaches. Fewer than were started: see the log of the one that is missing; "
                    "the others take its partitions over within seconds, so nothing is lost "
                    "(docs/runbooks/BatonWorkerDown.md).",
                    [Ask(f"sum(up{{{JOB}}})", "up")],
                    ONE_AT_LEAST,
                    width=4,
                ),
                stats(
                    "Partitions not open",
                    "Partitions that a worker was given and has not opened yet: they are being recovered, and their "
                    "clocks stand. Above 0 for minutes: `/readyz` of the worker names them, its log says why "
                    "(docs/runbooks/BatonRecoveryTooLong.md).",
                    [Ask("sum(baton_partitions_assigned) - sum(baton_partitions_open)", "not open")],
                    NONE_IS_GOOD,
                    width=4,
                ),
                stats(
                    "Backlog",
                    "Records of the inputs that are not committed yet. Growing: more comes in than goes out; start "
                    "another worker, up to the number of partitions (docs/runbooks/BatonBacklogGrowing.md).",
                    [Ask("sum(baton_backlog_events)", "records")],
                    BACKLOG,
                    width=4,
                ),
                stats(
                    "Read model behind",
                    "Records that are not in Redis yet. Growing while the backlog is 0: Redis is slow or away; "
                    "verdicts are right all the same, but whoever reads Redis reads what is old "
                    "(docs/runbooks/BatonProjectionBehind.md).",
                    [Ask("sum(baton_projection_backlog)", "records")],
                    BEHIND,
                    width=4,
                ),
                stats(
                    "Clocks behind",
                    "How far the clocks' now is behind the wall, in the partition that is furthest behind. Above a "
                    "minute: no breach is said in time. It follows the backlog; if that is 0, a broker does not tell "
                    "where its topics end (docs/runbooks/BatonNowStandsStill.md).",
                    [Ask("time() - min(baton_now_timestamp_seconds)", "behind")],
                    LATE,
                    "s",
                    width=4,
                ),
                stats(
                    "Last commit",
                    "How long ago anything was committed. Long, with a backlog: the engine has stalled, and `/livez` "
                    "has the reason. Long, without one: nobody publishes anything.",
                    [Ask("time() - max(baton_last_commit_timestamp_seconds)", "ago")],
                    QUIET,
                    "s",
                    width=4,
                ),
            ],
        ),
        Row(
            "Events",
            [
                lines(
                    "Events a second by type",
                    "Records read, by type. One type stops while others go on: its publisher has stopped; `baton "
                    "doctor` tells at which hop (docs/runbooks/BatonSourceSilent.md).",
                    [Ask("sum by (type) (rate(baton_events_total[$__rate_interval]))", "{{type}}")],
                    NO_LIMIT,
                    "cps",
                ),
                lines(
                    "Events a second by outcome",
                    "What became of the records. `duplicate` rising: a publisher sends again what it has sent, which "
                    "costs nothing. `quarantined`, `conflict` or `too_late` rising: see the quarantine below.",
                    [Ask("sum by (outcome) (rate(baton_events_total[$__rate_interval]))", "{{outcome}}")],
                    NO_LIMIT,
                    "cps",
                ),
                lines(
                    "From an event's time to its commit",
                    "How old events are when their effect is committed. High without a backlog: they arrive late, so "
                    "ask the publisher. High with one: see the backlog. History that is imported shows here as well.",
                    [
                        Ask(_delay(0.5), "median"),
                        Ask(_delay(0.9), "90th percentile"),
                        Ask(_delay(0.99), "99th percentile"),
                    ],
                    LATE,
                    "s",
                ),
                lines(
                    "Backlog by worker",
                    "Records not committed yet, by worker. One worker alone has it: its machine is slow, or one "
                    "partition gets most of the events. All have it: too few workers.",
                    [
                        Ask("sum by (instance) (baton_backlog_events)", "{{instance}}, engine"),
                        Ask("sum by (instance) (baton_projection_backlog)", "{{instance}}, read model"),
                    ],
                    BACKLOG,
                ),
            ],
        ),
        Row(
            "What could not be read",
            [
                lines(
                    "Quarantined an hour",
                    "Records put aside, by reason; none is lost. `baton quarantine list` shows them with what is "
                    "wrong; after the publisher is mended, they are sent again (docs/runbooks/BatonQuarantineRate.md).",
                    [Ask("sum by (reason) (rate(baton_quarantined_total[$__rate_interval])) * 3600", "{{reason}}")],
                    NONE_IS_GOOD,
                    "suffix: /h",
                ),
                lines(
                    "Unknown fields an hour",
                    "Fields of `data` that the contract does not know; the rest of their events was used. A new field "
                    "with many: a publisher was changed; if its name is a slip of the pen, tell them.",
                    [
                        Ask(
                            "topk(10, sum by (type, field) (rate(baton_unknown_fields_total[$__rate_interval])))"
                            " * 3600",
                            "{{field}} of {{type}}",
                        )
                    ],
                    NO_LIMIT,
                    "suffix: /h",
                ),
            ],
        ),
        Row(
            "Workers",
            [
                lines(
                    "Partitions open",
                    "Partitions by worker; together they should be all of them, each once. Very uneven: workers were "
                    "just added or lost. A saw: workers restart or lose the group again and again; see their logs.",
                    [Ask("sum by (instance) (baton_partitions_open)", "{{instance}}")],
                    ONE_AT_LEAST,
                    stacked=True,
                ),
                lines(
                    "Processor",
                    "Cores in use by worker. At 1 or more for long with a backlog: start another worker.",
                    [Ask(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}")],
                    A_CORE,
                ),
                lines(
                    "Memory",
                    "Resident memory by worker. It follows the number of leads in the partitions that it has. Near the "
                    "limit: BATON_STORE=rocksdb keeps the leads on disk, or more workers share them.",
                    [Ask(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}")],
                    NO_LIMIT,
                    "bytes",
                ),
                lines(
                    "Open files",
                    "File descriptors by worker, as a share of what is allowed. Rising without end is a defect: "
                    "restart the worker, and report it with its log.",
                    [Ask(f"process_open_fds{{{JOB}}} / process_max_fds{{{JOB}}}", "{{instance}}")],
                    [(None, "green"), (0.8, "red")],
                    "percentunit",
                ),
                stats(
                    "Restarts in the last day",
                    "How often workers were started again in the last day. More than deployments explain: the last "
                    "lines of the log before each start say why (docs/runbooks/BatonWorkerRestarts.md).",
                    [Ask(f"sum(changes(process_start_time_seconds{{{JOB}}}[1d]))", "restarts")],
                    [(None, "green"), (1, "yellow"), (5, "red")],
                    width=8,
                ),
                stats(
                    "Cost of a scrape",
                    "How long Prometheus waits for /metrics, the slowest worker. Near the scrape interval: the worker "
                    "has no processor left.",
                    [Ask(f"max(scrape_duration_seconds{{{JOB}}})", "slowest")],
                    [(None, "green"), (1, "yellow"), (5, "red")],
                    "s",
                    width=8,
                ),
                stats(
                    "Series",
                    "Series of all workers together. It depends on the agreement, not on leads; a jump comes from a "
                    "new version, or from unknown fields.",
                    [Ask(f"sum(scrape_samples_scraped{{{JOB}}})", "series")],
                    NO_LIMIT,
                    width=8,
                ),
            ],
        ),
    ],
)
