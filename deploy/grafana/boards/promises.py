"""*Promises and goals*: how each period's promises stand, and the money."""

from typing import Final

from deploy.grafana.boards.making import NO_LIMIT, PROMISED, Ask, Board, Row, bars, lines, rows_of, stats

WHO: Final = "on (clause) group_left (owed_by, kind) topk by (clause) (1, baton_clause_info)"
"""Who owes a clause; of two workers that know different versions for a moment, one."""


EVERY: Final = (
    'topk by (clause) (1, max by (clause, owed_by, kind) (baton_clause_info{kind=~"volume|ratio|completeness"}))'
)
"""The promises, also those of which nothing is there to judge yet."""


def _of_clause(metric: str) -> str:
    return f"max by (clause) ({metric}) * {WHO}"


REACHED: Final = "max by (clause) (baton_promise_ratio)"
PACE: Final = _of_clause("baton_promise_pace_ratio")
GOAL: Final = "max by (goal) (baton_goal_ratio)"
GOAL_PACE: Final = "max by (goal) (baton_goal_pace_ratio)"

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
                    "Pace of promises",
                    "What each promise has come to in the period that runs, over where it should be by now, in open "
                    "time: on pace at 100 %. Behind: its party decides this week what to do, while there is still time "
                    "(docs/runbooks/BatonPromiseOffPace.md).",
                    [Ask(PACE, "{{clause}} ({{owed_by}})")],
                    PROMISED,
                    "percentunit",
                    width=12,
                ),
                bars(
                    "Pace of goals",
                    "What each goal has come to, over where it should be by now. Behind although all promises are on "
                    "pace: the promises are too small for the goal, which both teams should know when they sign the "
                    "next version (docs/runbooks/BatonGoalOffPace.md).",
                    [Ask(GOAL_PACE, "{{goal}}")],
                    PROMISED,
                    "percentunit",
                    width=12,
                ),
                rows_of(
                    "Promises",
                    "Every promise with who owes it: what it has come to and where it should be by now, both over what "
                    "is promised; for a share (a ratio, completeness) also of how many leads. Of none there is nothing "
                    "to judge yet, and of few (below 30 or so) a share says little: wait before anybody is blamed.",
                    "clause",
                    [
                        ("reached", "percentunit", REACHED),
                        ("should be", "percentunit", "max by (clause) (baton_promise_expected_ratio)"),
                        ("pace", "percentunit", "max by (clause) (baton_promise_pace_ratio)"),
                        ("leads", "short", "max by (clause) (baton_promise_leads)"),
                    ],
                    {"pace": PROMISED},
                    rows=EVERY,
                    labels=["owed_by", "kind"],
                    width=16,
                ),
                rows_of(
                    "Goals",
                    "Every goal: what it has come to in the period that runs and where it should be by now, both over "
                    "its target. Far behind with the period nearly over: say so now, and why, not after it.",
                    "goal",
                    [
                        ("reached", "percentunit", GOAL),
                        ("should be", "percentunit", "max by (goal) (baton_goal_expected_ratio)"),
                        ("pace", "percentunit", GOAL_PACE),
                    ],
                    {"pace": PROMISED},
                    width=8,
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
                    [Ask(_of_clause("baton_promise_ratio"), "{{clause}} ({{owed_by}})")],
                    PROMISED,
                    "percentunit",
                ),
                lines(
                    "Goals over time",
                    "Each falls to 0 where a period begins. A step down in between is a refund, or a deal that is won "
                    "no more.",
                    [Ask(GOAL, "{{goal}}")],
                    PROMISED,
                    "percentunit",
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
                    NO_LIMIT,
                    width=8,
                ),
                stats(
                    "Open pipeline",
                    "Amounts of the new deals that are open. Less than what the goal still lacks: it cannot be reached "
                    "with the deals that are there; more are needed, not more calls about these.",
                    [Ask("sum by (currency) (baton_pipeline_amount)", "{{currency}}")],
                    NO_LIMIT,
                    width=8,
                ),
                lines(
                    "Revenue",
                    "Revenue of the deals that are won, by currency. Flat for longer than a sales cycle: look at the "
                    "last stages on *Funnel live*.",
                    [Ask("sum by (currency) (baton_revenue_total)", "{{currency}}")],
                    NO_LIMIT,
                ),
                lines(
                    "Pipeline by stage of the deal",
                    "Amounts of open deals by the CRM's stages. One stage that only grows: deals wait there; ask their "
                    "owners which are still alive, and have the others closed as lost.",
                    [Ask("sum by (currency, stage) (baton_pipeline_amount)", "{{stage}} ({{currency}})")],
                    NO_LIMIT,
                    stacked=True,
                ),
            ],
        ),
    ],
)
