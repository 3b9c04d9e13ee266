"""*SLA clocks*: what is running, at risk and overdue, what was kept, and how long answers take."""

from typing import Final

from deploy.grafana.boards.making import (
    NO_LIMIT,
    NONE_IS_GOOD,
    SHARE_KEPT,
    Ask,
    Board,
    Limits,
    Row,
    choice,
    lines,
    rows_of,
    stats,
)

WHICH: Final = 'clause=~"$clause",owed_by=~"$owed_by"'
AT_RISK: Final[Limits] = [(None, "green"), (1, "yellow"), (10, "orange")]
"""Ten is where BatonClocksAtRisk begins."""


BY_CLAUSE: Final = "by (clause) "


def _now(state: str, by: str = "") -> str:
    return f'sum {by}(baton_clocks{{state="{state}",{WHICH}}})'


def _said(verdict: str, by: str = "", span: str = "$__range") -> str:
    return f'sum {by}(increase(baton_clock_verdicts_total{{verdict=~"{verdict}",{WHICH}}}[{span}]))'


def _kept(by: str = "", span: str = "$__range") -> str:
    return f"{_said('met', by, span)}\n/ {_said('met|breached', by, span)}"


def _answered(quantile: float) -> str:
    """Of the clauses that the party owes: the buckets do not have it, so verdicts say which they are."""
    buckets = 'sum by (le, clause) (increase(baton_clock_seconds_bucket{clause=~"$clause"}[$__range]))'
    return f"histogram_quantile({quantile},\n  {buckets}\n  and on (clause) {_said('.*', BY_CLAUSE)}\n)"


BOARD: Final = Board(
    uid="baton-clocks",
    title="SLA clocks",
    description="The clocks of the agreement: what is owed now, what was kept, and how long answers take.",
    variables=[choice("owed_by", "Owed by", "baton_clocks"), choice("clause", "Clause", "baton_clocks")],
    rows=[
        Row(
            "Now, and in the chosen time",
            [
                stats(
                    "Overdue",
                    "Clocks that are breached and still to be answered. Each is a lead that somebody waits with: the "
                    "read model has them by owner (`baton:v1:…` in docs/reference/redis.md), and `baton explain LEAD` "
                    "says why. Answer the oldest first, or give them to somebody who is there "
                    "(docs/runbooks/BatonClockBreached.md).",
                    [Ask(_now("overdue"), "overdue")],
                    NONE_IS_GOOD,
                ),
                stats(
                    "At risk",
                    "Running clocks that were warned of. There is still time: their owners have been told. Many at "
                    "once with one owner: that person is away or has too many; hand some of them over "
                    "(docs/runbooks/BatonClocksAtRisk.md). Always 0 for a clause without `warn_at` in the agreement.",
                    [Ask(_now("at_risk"), "at risk")],
                    AT_RISK,
                ),
                stats(
                    "Running",
                    "Clocks that run and were not warned of. None at all in working hours: no lead reaches the stages "
                    "at which clocks start; see *Funnel live*.",
                    [Ask(_now("running"), "running")],
                    NO_LIMIT,
                ),
                stats(
                    "Kept",
                    "Of the clocks judged in the chosen time, the share that was answered in time. Below what both "
                    "teams signed: see in the table which clause it is, then whether the routing or the people took "
                    "the time (docs/runbooks/BatonBreachesMany.md).",
                    [Ask(_kept(), "kept")],
                    SHARE_KEPT,
                    "percentunit",
                ),
            ],
        ),
        Row(
            "Clause by clause",
            [
                rows_of(
                    "Clauses",
                    "Every clause that has a clock: what is owed now, and what was said in the chosen time. Begin with "
                    "the clause that is red in *kept* and has the most overdue. Cancelled ones are leads that went out "
                    "before their time was up: many of them may be leads that were thrown out instead of called.",
                    "clause",
                    [
                        ("overdue", "short", _now("overdue", "by (clause, owed_by) ")),
                        ("at risk", "short", _now("at_risk", BY_CLAUSE)),
                        ("running", "short", _now("running", BY_CLAUSE)),
                        ("met", "short", _said("met", BY_CLAUSE)),
                        ("breached", "short", _said("breached", BY_CLAUSE)),
                        ("cancelled", "short", _said("cancelled", BY_CLAUSE)),
                        ("kept", "percentunit", _kept(BY_CLAUSE)),
                        ("median answer", "s", _answered(0.5)),
                        ("90th percentile", "s", _answered(0.9)),
                    ],
                    {"overdue": NONE_IS_GOOD, "at risk": AT_RISK, "kept": SHARE_KEPT},
                    labels=["owed_by"],
                ),
            ],
        ),
        Row(
            "Over time",
            [
                lines(
                    "Breaches an hour",
                    "Clocks that fell due without an answer. A peak at the start of the day: leads of the night were "
                    "not handed out. A peak after a new version of the agreement (the purple mark): its target or "
                    "calendar is not what was meant; try it with `baton backtest`.",
                    [
                        Ask(
                            f'sum by (clause, owed_by) (rate(baton_clock_verdicts_total{{verdict="breached",{WHICH}}}'
                            "[$__rate_interval])) * 3600",
                            "{{clause}} ({{owed_by}})",
                        )
                    ],
                    NONE_IS_GOOD,
                    "suffix: /h",
                    stacked=True,
                ),
                lines(
                    "Kept by party, over the last day",
                    "The share of the clocks judged in the last day that was kept, by the party that owes them. One "
                    "party falls: talk about it this week, with the table above in hand. Both fall together: look at "
                    "*Engine* first, whether events arrive late.",
                    [Ask(_kept("by (owed_by) ", "1d"), "{{owed_by}}")],
                    SHARE_KEPT,
                    "percentunit",
                ),
                lines(
                    "Owed now",
                    "Clocks that are overdue and at risk, by clause. *At risk* that turns into *overdue* every day at "
                    "the same hour: the shifts do not match the calendar of the agreement.",
                    [
                        Ask(_now("overdue", BY_CLAUSE), "{{clause}}, overdue"),
                        Ask(_now("at_risk", BY_CLAUSE), "{{clause}}, at risk"),
                    ],
                    AT_RISK,
                ),
                lines(
                    "Corrected verdicts an hour",
                    "Verdicts that turned out otherwise, because an event came late. A breach `withdrawn` was in fact "
                    "answered in time, and written down afterwards: if there are many, ask that calls be written down "
                    "at once, or let the CRM send `recorded_at`.",
                    [
                        Ask(
                            "sum by (verdict, correction) (rate(baton_clock_corrections_total"
                            f"{{{WHICH}}}[$__rate_interval])) * 3600",
                            "{{verdict}}, {{correction}}",
                        )
                    ],
                    NO_LIMIT,
                    "suffix: /h",
                ),
            ],
        ),
    ],
)
