"""*Promises and goals*: how each period's promises stand, and the money."""

from typing import Final

from deploy.grafana.boards.making import PLAIN, PROMISED, Ask, Board, Row, bars, lines, rows_of, stats

WHO: Final = "on (clause) group_left (owed_by, kind) max by (clause, owed_by, kind) (baton_clause_info)"
PROMISE: Final = f"max by (clause) (baton_promise_ratio) * {WHO}"

BOARD: Final = Board(
    uid="baton-promises",
    title="Promises and goals",
    description="What is promised by week, month or quarter, and how far the period that runs has come.",
    since="now-30d",
    refresh="1m",
    rows=[
        Row(
            "The period that runs",
            [
                bars(
                    "Promises",
                    "What each promise has come to in the period that runs, over what is promised: kept at 100 %. A "
                    "volume grows with the period, so compare it with how much of the period is over; a share (a "
                    "ratio, completeness) should be near 100 % all the time. Behind: its party decides this week what "
                    "to do, while there is still time; `promises.json` of `baton export` has the pace.",
                    [Ask(PROMISE, "{{clause}} ({{owed_by}})")],
                    PROMISED,
                    "percentunit",
                    width=12,
                ),
                bars(
                    "Goals",
                    "What each goal has come to in the period that runs, over its target. Behind although all promises "
                    "are kept: the promises are too small for the goal, which both teams should know when they sign "
                    "the next version.",
                    [Ask("max by (goal) (baton_goal_ratio)", "{{goal}}")],
                    PROMISED,
                    "percentunit",
                    width=12,
                ),
                rows_of(
                    "Promises, and of how many leads",
                    "Every promise with who owes it; for a share also of how many leads it is a share. Of few leads "
                    "(below 30 or so) a share says little: wait before anybody is blamed.",
                    "clause",
                    [
                        ("reached", "percentunit", PROMISE),
                        ("leads", "short", "max by (clause) (baton_promise_leads)"),
                    ],
                    {"reached": PROMISED},
                    labels=["owed_by", "kind"],
                ),
            ],
        ),
        Row(
            "Over time",
            [
                lines(
                    "Promises over time",
                    "Each falls to 0 where a period begins. A volume should climb in an even slope; a flat piece in "
                    "working days is a week in which nothing was delivered. A share that sinks slowly: quality falls, "
                    "or late stages of young leads are still to come (cohorts settle).",
                    [Ask(PROMISE, "{{clause}} ({{owed_by}})")],
                    "percentunit",
                    PROMISED,
                ),
                lines(
                    "Goals over time",
                    "Each falls to 0 where a period begins. A step down in between is a refund, or a deal that is won "
                    "no more.",
                    [Ask("max by (goal) (baton_goal_ratio)", "{{goal}}")],
                    "percentunit",
                    PROMISED,
                ),
            ],
        ),
        Row(
            "Money",
            [
                stats(
                    "Revenue in the chosen time",
                    "By how much revenue grew in the chosen time, refunds taken off, by currency; of a currency's very "
                    "first deals, only what came after Prometheus first saw it. Negative: refunds were more than what "
                    "was won; see in the CRM which.",
                    [
                        Ask(
                            "delta((sum by (currency) (baton_revenue_total))[$__range:$__interval])",
                            "{{currency}}",
                        )
                    ],
                    [(None, "red"), (0, "green")],
                    width=8,
                ),
                stats(
                    "Revenue won",
                    "All revenue so far, by currency; what the goals are measured against is that of their period.",
                    [Ask("sum by (currency) (baton_revenue_total)", "{{currency}}")],
                    PLAIN,
                    width=8,
                ),
                stats(
                    "Open pipeline",
                    "Amounts of the new deals that are open. Less than what the goal still lacks: it cannot be reached "
                    "with the deals that are there; more are needed, not more calls about these.",
                    [Ask("sum by (currency) (baton_pipeline_amount)", "{{currency}}")],
                    PLAIN,
                    width=8,
                ),
                lines(
                    "Revenue",
                    "Revenue of the deals that are won, by currency. Flat for longer than a sales cycle: look at the "
                    "last stages on *Funnel live*.",
                    [Ask("sum by (currency) (baton_revenue_total)", "{{currency}}")],
                ),
                lines(
                    "Pipeline by stage of the deal",
                    "Amounts of open deals by the CRM's stages. One stage that only grows: deals wait there; ask their "
                    "owners which are still alive, and have the others closed as lost.",
                    [Ask("sum by (currency, stage) (baton_pipeline_amount)", "{{stage}} ({{currency}})")],
                    stacked=True,
                ),
            ],
        ),
    ],
)
