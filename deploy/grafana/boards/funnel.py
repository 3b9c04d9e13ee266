"""*Funnel live*: where leads are, how they move, and by which channels they come."""

from typing import Final

from deploy.grafana.boards.making import (
    NO_LIMIT,
    TALL,
    Ask,
    Board,
    Limits,
    Row,
    bars,
    choice,
    lines,
    rows_of,
    stage_bars,
    stats,
)

ENTRIES: Final = 'sum by (stage) (increase(baton_stage_entries_total{channel=~"$channel"}[$__range]))'
OF_PREVIOUS: Final = f"""{ENTRIES}
/ on (stage) sum by (stage) (
  0 * max by (stage, previous) (baton_stage_position{{previous!=""}})
  + on (previous) group_left () label_replace({ENTRIES}, "previous", "$1", "stage", "(.+)")
)"""
STAY: Final = "histogram_quantile({}, sum by (le, stage) (increase(baton_stage_seconds_bucket[$__range])))"

HANDED_ON: Final[Limits] = [(None, "red"), (0.2, "yellow"), (0.4, "green")]

BOARD: Final = Board(
    uid="baton-funnel",
    title="Funnel live",
    description="Where leads are now, how they moved in the chosen time, and by which channels they came.",
    variables=[choice("channel", "Channel", "baton_leads")],
    rows=[
        Row(
            "Now, and in the chosen time",
            [
                stage_bars(
                    "Leads in each stage",
                    "Leads that are in a stage now; those that went out are not counted. A stage that swells while the "
                    "one after it does not is where leads wait: see on *SLA clocks* which clause is overdue there, and "
                    "ask who owes it.",
                    'sum by (stage) (baton_leads{channel=~"$channel"})',
                    NO_LIMIT,
                ),
                stage_bars(
                    "Entries in the chosen time",
                    "How often a stage was entered in the chosen time, corrections left out. Nothing at all in the "
                    "first stages: look at *Engine* whether touchpoints come in. Nothing only further down: the CRM's "
                    "changes do not arrive, or nobody works the leads.",
                    ENTRIES,
                    NO_LIMIT,
                ),
                stage_bars(
                    "Entries over those of the stage before",
                    "Entries of the chosen time over entries of the stage before in the same time; choose a time that "
                    "is long against a lead's life. Above 100 % means that leads jump over the stage before. Low at a "
                    "handoff: read the reasons of the exits in `funnel.json` of `baton export`, and the clause that "
                    "the receiving team owes.",
                    OF_PREVIOUS,
                    HANDED_ON,
                    "percentunit",
                ),
            ],
        ),
        Row(
            "Movement",
            [
                lines(
                    "Entries an hour",
                    "Entries into each stage, as a rate an hour. A line that falls to 0 in working hours while others "
                    "go on: that source of events has stopped; `baton doctor` says at which hop.",
                    [
                        Ask(
                            'sum by (stage) (rate(baton_stage_entries_total{channel=~"$channel"}[$__rate_interval]))'
                            " * 3600",
                            "{{stage}}",
                        )
                    ],
                    NO_LIMIT,
                    "suffix: /h",
                ),
                lines(
                    "Leads in stages",
                    "Leads in each stage, over time. A step down in all of them together is a worker that has let its "
                    "partitions go: see *Engine*; it ends when another worker has opened them. A slow rise of one "
                    "stage is work that is not done.",
                    [Ask('sum by (stage) (baton_leads{channel=~"$channel"})', "{{stage}}")],
                    NO_LIMIT,
                    stacked=True,
                ),
                rows_of(
                    "Time in a stage",
                    "How long leads that left a stage in the chosen time had been in it (elapsed time, as buckets "
                    "tell it; all channels). A 90th percentile far above the median: a few leads are forgotten; `baton "
                    "explain LEAD` says who has them.",
                    "stage",
                    [
                        ("left", "short", "sum by (stage) (increase(baton_stage_seconds_count[$__range]))"),
                        ("median", "s", STAY.format(0.5)),
                        ("90th percentile", "s", STAY.format(0.9)),
                    ],
                    {},
                    order="max by (stage) (baton_stage_position)",
                ),
            ],
        ),
        Row(
            "Channels and money",
            [
                bars(
                    "Leads by channel",
                    "Leads in any stage now, by the channel of their first touchpoint. Many in `other`: the agreement "
                    "lacks a channel that somebody uses; add it. Many in `(none)`: touchpoints come without a channel; "
                    "tell whoever publishes them.",
                    [Ask('sum by (channel) (baton_leads{channel=~"$channel"})', "{{channel}}")],
                    NO_LIMIT,
                ),
                lines(
                    "Entries an hour by channel",
                    "Entries into any stage by channel. One channel falls to 0 and stays there: a campaign has ended, "
                    "or its tracking broke; ask marketing which.",
                    [
                        Ask(
                            'sum by (channel) (rate(baton_stage_entries_total{channel=~"$channel"}[$__rate_interval]))'
                            " * 3600",
                            "{{channel}}",
                        )
                    ],
                    NO_LIMIT,
                    "suffix: /h",
                    width=16,
                ),
                stats(
                    "Revenue won",
                    "Deals that are won, less refunds, as they now stand, by currency. It goes down with a refund or "
                    "when a deal is won no more; a fall that nobody expects: look for refunds in the CRM.",
                    [Ask('sum by (currency) (baton_revenue_total{channel=~"$channel"})', "{{currency}}")],
                    NO_LIMIT,
                    width=8,
                    height=TALL,
                ),
                stats(
                    "Open pipeline",
                    "Amounts of the new deals that are open, by currency (all channels). Falling for weeks while "
                    "revenue stands: fewer deals are being opened; look at the entries of the last stages.",
                    [Ask("sum by (currency) (baton_pipeline_amount)", "{{currency}}")],
                    NO_LIMIT,
                    width=8,
                    height=TALL,
                ),
                bars(
                    "Revenue by channel",
                    "Revenue by the channel of the lead's first touchpoint, which is not credit: credit shares a deal "
                    "among all its touchpoints. All of it in `(none)`: deals come for leads without touchpoints; the "
                    "ids of the CRM and of the web site do not match.",
                    [
                        Ask(
                            'sum by (channel, currency) (baton_revenue_total{channel=~"$channel"})',
                            "{{channel}} ({{currency}})",
                        )
                    ],
                    NO_LIMIT,
                ),
            ],
        ),
    ],
)
