"""What all dashboards share: the data source, links, and panels of three kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TAG = "wao"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOK = "docs/runbook.md describes the alerts."
_HEIGHT = 8


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the name of its series, with labels as `{{label}}`."""

    expression: str
    legend: str = ""


def dashboard(name: str, title: str, description: str, rows: Iterable[board.Row | _Panel]) -> str:
    """Return a dashboard as JSON, with the rows and panels in this order."""
    built = (
        board.Dashboard(f"WAO / {title}")
        .uid(f"wao-{name}")
        .description(f"{description} {RUNBOOK}")
        .tags([TAG])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(
            board.DashboardLink("WAO").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True).keep_time(True)
        )
    )
    for item in rows:
        built = built.with_row(item) if isinstance(item, board.Row) else built.with_panel(item)
    document = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number  # Grafana numbers panels without an id at each start, and links to them break
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def row(title: str) -> board.Row:
    """Return the heading of a group of panels."""
    return board.Row(title)


def graph(
    title: str, description: str, unit: str, *queries: Query, width: int = 12, stacked: bool = False
) -> timeseries.Panel:
    """Return a graph over time; `unit` is a unit of Grafana, and the dashboard is 24 wide."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        panel = panel.with_target(_target(query, letter).range())
    return panel


def number(
    title: str, description: str, unit: str, query: Query, *, width: int = 4, bad_from: float | None = None
) -> stat.Panel:
    """Return the latest value of a query, red from `bad_from` on."""
    steps = [Threshold(value=None, color="blue" if bad_from is None else "green")]
    steps += [] if bad_from is None else [Threshold(value=bad_from, color="red")]
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT // 2)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(board.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query).instant())
    )


def listing(title: str, description: str, unit: str, query: Query, *, width: int = 12) -> table.Panel:
    """Return a table of the series of a query with their labels."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT)
        .with_target(_target(query).instant().format(PromQueryFormat.TABLE))
        .with_transformation(
            DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": {}})
        )
    )


def quantile(part: float, histogram: str, *labels: str, matchers: str = "") -> str:
    """Return the expression of a quantile of a histogram, over all servers that match and by labels."""
    by, series = ", ".join(("le", *labels)), f"{histogram}_bucket{matchers}"
    return f"histogram_quantile({part:g}, sum by ({by}) (rate({series}[$__rate_interval])))"


def _target(query: Query, letter: str = "A") -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(letter).expr(query.expression).legend_format(query.legend)


_Panel = timeseries.Panel | stat.Panel | table.Panel
