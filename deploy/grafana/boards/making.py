"""The pieces of a board: queries, limits, panels, and the frame around them.

Every panel says what it shows and what to do when it looks bad; that is why `description` has no default.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

WIDTH: Final = 24
TALL: Final = 8
SHORT: Final = 4
TAG: Final = "baton"

SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Chosen at the top of each board, so that a board works in any Grafana."""

Limits: TypeAlias = Sequence[tuple[float | None, str]]
"""Colours, each from a value on; the first one's is None."""

NO_LIMIT: Final[Limits] = [(None, "blue")]
"""Where no number is bad by itself: how much there is depends on the company, its funnel and its machines. What is bad
is a change, and the panel's description says which."""
NONE_IS_GOOD: Final[Limits] = [(None, "green"), (1, "red")]
PROMISED: Final[Limits] = [(None, "red"), (0.8, "yellow"), (1, "green")]
SHARE_KEPT: Final[Limits] = [(None, "red"), (0.8, "yellow"), (0.95, "green")]


@dataclass(frozen=True)
class Ask:
    """An expression, and how its series are called (`{{label}}`)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Row:
    """A heading and the panels below it; the widths of each line of them add up to 24."""

    title: str
    panels: Sequence[Builder[models.Panel]]


@dataclass(frozen=True)
class Board:
    """A board; `uid` never changes, for links hold it."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Builder[models.VariableModel]] = ()
    since: str = "now-24h"
    refresh: str = "30s"


def stats(
    title: str,
    description: str,
    asks: Sequence[Ask],
    limits: Limits,
    unit: str = "short",
    width: int = 6,
    height: int = SHORT,
) -> stat.Panel:
    """Large figures, one a series; behind them what they were, unless they are of the chosen time as a whole."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .thresholds(_limits(limits))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .graph_mode(looks.BigValueGraphMode.AREA)
        .color_mode(looks.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(height)
        .span(width)
    )
    for ref, ask in _named(asks):
        query = _query(ref, ask)
        panel.with_target(query.instant() if "$__range" in ask.expr else query.range())
    return panel


def lines(
    title: str,
    description: str,
    asks: Sequence[Ask],
    limits: Limits,
    unit: str = "short",
    width: int = 12,
    stacked: bool = False,
) -> timeseries.Panel:
    """Series over time; `limits` are drawn as dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .thresholds(_limits(limits))
        .fill_opacity(20 if stacked else 5)
        .show_points(looks.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .height(TALL)
        .span(width)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if limits is not NO_LIMIT:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED))
    for ref, ask in _named(asks):
        panel.with_target(_query(ref, ask).range())
    return panel


def bars(
    title: str, description: str, asks: Sequence[Ask], limits: Limits, unit: str = "short", width: int = 8
) -> bargauge.Panel:
    """What is now, a bar for each series."""
    panel = _bars(title, description, limits, unit, width)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    for ref, ask in _named(asks):
        panel.with_target(_query(ref, ask).instant())
    return panel


def stage_bars(
    title: str, description: str, expr: str, limits: Limits, unit: str = "short", width: int = 8
) -> bargauge.Panel:
    """What is now, a bar for each stage, in the funnel's order; `expr` has the label `stage` alone."""
    panel = _bars(title, description, limits, unit, width)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(True))
    for ref, ask in _named([Ask(expr), Ask("max by (stage) (baton_stage_position)")]):
        panel.with_target(_query(ref, ask).instant().format(PromQueryFormat.TABLE))
    _joined(panel, by="stage", order="Value #B", hidden=("Value #B",))
    return panel


def rows_of(
    title: str,
    description: str,
    by: str,
    columns: Sequence[tuple[str, str, str]],
    limits: Mapping[str, Limits],
    rows: str | None = None,
    order: str | None = None,
    labels: Sequence[str] = (),
    width: int = WIDTH,
) -> table.Panel:
    """A table: a row for each value of the label `by`, and for each column its heading, unit and expression.

    `rows`: an expression that has a series for every row, also where the columns have none; `order`: an expression by
    which the rows are sorted, or by `by`; `labels`: other labels that are shown, of `rows` or of the first column's
    expression; `limits`: colours, by heading; the other columns have no limit.
    """
    panel = table.Panel().title(title).description(description).datasource(SOURCE).height(TALL).span(width)
    panel.thresholds(_limits(NO_LIMIT))
    named = [(None, rows), *((heading, expr) for heading, _, expr in columns), (None, order)]
    asked = [(heading, expr) for heading, expr in named if expr is not None]
    for ref, ask in _named([Ask(expr) for _, expr in asked]):
        panel.with_target(_query(ref, ask).instant().format(PromQueryFormat.TABLE))
    values = {f"Value #{_ref(place)}": heading for place, (heading, _) in enumerate(asked)}
    hidden = [value for value, heading in values.items() if heading is None]
    names = {value: heading for value, heading in values.items() if heading is not None}
    _joined(panel, by=by, order=by if order is None else hidden[-1], hidden=hidden, names=names, shown=labels)
    for heading, unit, _ in columns:
        properties = [models.DynamicConfigValue(id_val="unit", value=unit)]
        if heading in limits:
            colours = _limits(limits[heading]).build()
            properties.append(models.DynamicConfigValue(id_val="thresholds", value=colours))
            properties.append(models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
        panel.override_by_name(heading, properties)
    return panel


def choice(name: str, label: str, metric: str) -> dashboard.QueryVariable:
    """A choice at the top of a board among a metric's values of a label; all of them, unless some are chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {name})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def rendered(board: Board) -> str:
    """The board as the JSON that Grafana reads; the same text for the same board."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .time(board.since, "now")
        .refresh(board.refresh)
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(
            dashboard.DashboardLink("Baton")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
        )
        .annotation(_Versions())
    )
    for variable in board.variables:
        made.with_variable(variable)
    for row in board.rows:
        made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            made.with_panel(panel)
    built = made.build()
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


class _Versions(Builder[models.AnnotationQuery]):
    """A mark at the moment from which a version of the agreement judges events, also where nobody looked then."""

    def build(self) -> models.AnnotationQuery:
        return _VersionsQuery(
            name="Agreement",
            datasource=SOURCE,
            enable=True,
            icon_color="purple",
            expr="max by (agreement, version) (baton_agreement_effective_timestamp_seconds) * 1000",
        )


class _VersionsQuery(models.AnnotationQuery):
    """The SDK lacks these fields, which Grafana's Prometheus data source reads; a value in ms is the mark's time."""

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": "Agreement {{agreement}}, version {{version}}",
            "textFormat": "This version judges what happens from here on; clocks that ran keep their own.",
            "useValueForTime": True,
        }


def _query(ref: str, ask: Ask) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(ask.expr).legend_format(ask.legend or "__auto")


def _named(asks: Sequence[Ask]) -> Iterable[tuple[str, Ask]]:
    return ((_ref(place), ask) for place, ask in enumerate(asks))


def _ref(place: int) -> str:
    return chr(ord("A") + place)


def _limits(limits: Limits) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value, colour) for value, colour in limits])
    )


def _bars(title: str, description: str, limits: Limits, unit: str, width: int) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .thresholds(_limits(limits))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .height(TALL)
        .span(width)
    )


def _joined(
    panel: bargauge.Panel | table.Panel,
    by: str,
    order: str,
    hidden: Sequence[str],
    names: dict[str, str] | None = None,
    shown: Sequence[str] = (),
) -> None:
    """Put the queries' results side by side by a label, and sort the rows."""
    excluded = {"Time": True} | {f"Time {place}": True for place in range(1, 10)} | dict.fromkeys(hidden, True)
    steps: list[tuple[str, object]] = [
        ("joinByField", {"byField": by, "mode": "outer"}),
        ("sortBy", {"sort": [{"field": order, "desc": False}]}),
        (
            "organize",
            {
                "excludeByName": excluded,
                "indexByName": {name: place for place, name in enumerate([by, *shown])},
                "renameByName": names or {},
            },
        ),
    ]
    for kind, options in steps:
        panel.with_transformation(models.DataTransformerConfig(id_val=kind, options=options))
