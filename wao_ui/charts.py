"""Charts as options of Apache ECharts. Pure.

Charts are drawn as SVG, and their texts and lines have the colours of CSS variables, so that one set of options fits
the light and the dark page. Values have the colours of cividis, which people with any form of colour blindness can
order.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wao_lb.documents import WeightedEndpoint
from wao_scheduler.node_documents import ModelDocument
from wao_ui.fleet_layout import FleetLayout
from wao_ui.history import Totals
from wao_ui.picture import NodeView, Power

Options = dict[str, Any]
INK, MUTED, GRID, CARD = "var(--ink)", "var(--muted)", "var(--grid)", "var(--card)"
BLUE, ORANGE, GREEN = "var(--blue)", "var(--orange)", "var(--green)"
CIVIDIS = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)
"""The colour map cividis of matplotlib at ten points."""
STATES = {
    Power.ON: "#56b4e9",
    Power.CHANGING: "#f0e442",
    Power.ASLEEP: "#0072b2",
    Power.NOT_READY: "#d55e00",
    Power.FAILED: "#cc79a7",
    Power.UNKNOWN: "#999999",
}
"""Colours of Okabe and Ito, which are distinct for people with any form of colour blindness."""
METRICS: Mapping[str, tuple[str, str, int]] = {
    "watts": ("Power", "W", 0),
    "inlet_temp": ("Inlet temperature", "\N{DEGREE SIGN}C", 1),
    "cpu_usage": ("CPU load", "%", 1),
    "state": ("Power state", "", 0),
}
"""What the heat map can show: title, unit and decimals."""
CELL, NARROWEST = 21, 16  # height and least width of a cell in pixels
_AXIS: Options = {
    "axisLine": {"lineStyle": {"color": GRID}},
    "axisTick": {"show": False},
    "axisLabel": {"color": MUTED, "fontSize": 11, "hideOverlap": True},
    "splitLine": {"lineStyle": {"color": GRID}},
    "nameTextStyle": {"color": MUTED, "fontSize": 11},
}
_TOOLTIP: Options = {
    "backgroundColor": CARD,
    "borderColor": GRID,
    "textStyle": {"color": INK, "fontSize": 12},
    "confine": True,
    "transitionDuration": 0,
}
_BASE: Options = {"animation": False, "textStyle": {"fontFamily": 'system-ui, "DejaVu Sans", sans-serif'}}


def cell_value(node: NodeView, metric: str) -> float | int | None:
    """Return the number of a node on the heat map: a value, or the place of its state in `STATES`."""
    if metric == "state":
        return list(STATES).index(node.power)
    value = node.watts if metric == "watts" else node.value(metric)
    return None if value is None else round(value, METRICS[metric][2])


def cells(nodes: Sequence[NodeView], layout: FleetLayout, metric: str) -> list[list[float | int | None]]:
    """Return column, row and value of each node; None is a missing value."""
    return [[*place, cell_value(node, metric)] for node, place in zip(nodes, layout.places, strict=True)]


def scale(nodes: Sequence[NodeView], metric: str) -> tuple[float, float]:
    """Return the ends of the scale of a metric: rounded, so that colours do not change with each reading."""
    if metric == "cpu_usage":
        return 0.0, 100.0
    values = [value for node in nodes if (value := cell_value(node, metric)) is not None]
    if not values:
        return 0.0, 1.0
    step = 50.0 if metric == "watts" else 1.0
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step
    return low, max(high, low + step)


def heat_map(nodes: Sequence[NodeView], layout: FleetLayout, metric: str) -> Options:
    """Return the heat map of the fleet; a click on a cell has the index of the node."""
    title, unit, _ = METRICS[metric]
    titles = [
        {
            "value": [block.column - 0.5, block.row],  # the left edge of the block
            "label": {"formatter": f"{block.name}  ({block.nodes})"},
        }
        for block in layout.blocks
    ]
    names = [node.name for node in nodes]
    return {
        **_BASE,
        "grid": {"left": 4, "right": 4, "top": 58, "bottom": 4},
        "tooltip": {**_TOOLTIP, ":formatter": _tooltip(names, metric, unit)},
        "xAxis": {"type": "value", "min": -0.5, "max": layout.columns - 0.5, "show": False},
        "yAxis": {"type": "value", "min": -0.5, "max": layout.rows - 0.5, "show": False, "inverse": True},
        "visualMap": _legend(nodes, metric, title, unit),
        "series": [
            {
                "id": "cells",
                "type": "custom",
                ":renderItem": _CELL,
                "data": cells(nodes, layout, metric),
                "emphasis": {"disabled": True},  # would draw all cells again at each movement of the mouse
            },
            {
                "id": "titles",
                "type": "scatter",
                "symbolSize": 0,
                "silent": True,
                "data": titles,
                "label": {
                    "show": True,
                    "position": "right",
                    "offset": [-4, 2],
                    "color": MUTED,
                    "fontSize": 11,
                    "fontWeight": 600,
                },
            },
        ],
    }


def heat_map_change(nodes: Sequence[NodeView], layout: FleetLayout, metric: str) -> Options:
    """Return what a refresh sends: the values only."""
    change: Options = {"series": [{"id": "cells", "data": cells(nodes, layout, metric)}]}
    if metric not in ("state", "cpu_usage"):
        low, high = scale(nodes, metric)
        change["visualMap"] = {"min": low, "max": high}
    return change


def heat_map_size(layout: FleetLayout) -> tuple[int, int]:
    """Return the least width and the height of the heat map in pixels; a narrower screen scrolls."""
    return layout.columns * NARROWEST, layout.rows * CELL + 64


_CELL = """(params, api) => {
  const at = api.coord([api.value(0), api.value(1)]), size = api.size([1, 1]);
  const missing = isNaN(api.value(2));
  return {type: 'rect', shape: {x: at[0] - size[0] / 2 + 1, y: at[1] - size[1] / 2 + 1,
    width: size[0] - 2, height: size[1] - 2, r: 2},
    style: missing ? {fill: 'transparent', stroke: 'var(--muted)', lineDash: [3, 3]}
      : {fill: api.visual('color'), stroke: 'var(--axis)', lineWidth: 0.5}};
}"""


def _tooltip(names: Sequence[str], metric: str, unit: str) -> str:
    """Return a JavaScript function that makes HTML; names of nodes are DNS names, and are escaped nevertheless."""
    listed = json.dumps([html.escape(name) for name in names])
    states = json.dumps([state.value for state in STATES])
    shown = f"{states}[p.value[2]]" if metric == "state" else f"p.value[2] + ' {unit}'"
    return (
        f"(p) => {{ const names = {listed};"
        f" return p.seriesId === 'cells' ? '<b>' + names[p.dataIndex] + '</b><br>' +"
        f" (p.value[2] == null ? 'no value' : {shown}) : ''; }}"
    )


def _legend(nodes: Sequence[NodeView], metric: str, title: str, unit: str) -> Options:
    common: Options = {
        "seriesIndex": 0,
        "dimension": 2,
        "orient": "horizontal",
        "left": 4,
        "top": 0,  # a map of many nodes is higher than a screen
        "textStyle": {"color": MUTED, "fontSize": 11},
        "itemGap": 14,
        "hoverLink": False,
    }
    if metric == "state":
        present = {node.power for node in nodes}
        return {
            **common,
            "type": "piecewise",
            "selectedMode": False,
            "pieces": [
                {"value": place, "label": state.value, "color": colour}
                for place, (state, colour) in enumerate(STATES.items())
                if state in present
            ],
        }
    low, high = scale(nodes, metric)
    return {
        **common,
        "type": "continuous",
        "min": low,
        "max": high,
        "calculable": True,
        "itemWidth": 12,
        "itemHeight": 160,
        "inRange": {"color": list(CIVIDIS)},
        "outOfRange": {"color": "rgba(128,128,128,0.25)"},
        "text": [unit, title],
    }


def totals_over_time(points: Sequence[Totals]) -> Options:
    """Return the power of the fleet over time, and that of the spread baseline."""
    return {
        **_BASE,
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0, "icon": "roundRect", "itemHeight": 3, "textStyle": {"color": MUTED}},
        "tooltip": {**_TOOLTIP, "trigger": "axis", ":valueFormatter": _watts("value")},
        "xAxis": {"type": "time", **_AXIS, "splitLine": {"show": False}},
        "yAxis": {
            "type": "value",
            "scale": True,
            **_AXIS,
            "axisLabel": {**_AXIS["axisLabel"], ":formatter": _watts("value")},
        },
        "series": totals_series(points),
        "media": [  # the legend has three lines on a phone
            {"query": {"maxWidth": 560}, "option": {"grid": {"top": 70}}},
            {"option": {"grid": {"top": 34}}},
        ],
    }


def totals_series(points: Sequence[Totals]) -> list[Options]:
    """Return the lines of the chart of totals: what a refresh sends."""
    lines = (
        ("spread", "spread baseline (predicted)", ORANGE, "dashed", [point.spread for point in points]),
        ("predicted", "as placed (predicted)", BLUE, "solid", [point.predicted for point in points]),
        ("power", "now (measured where metered)", GREEN, "dotted", [point.power for point in points]),
    )
    return [
        {
            "id": key,
            "name": name,
            "type": "line",
            "showSymbol": len(points) < 2,
            "itemStyle": {"color": colour},
            "lineStyle": {"color": colour, "type": kind, "width": 2},
            "emphasis": {"disabled": True},
            "data": [
                [round(point.at * 1000), None if value is None else round(value, 1)]
                for point, value in zip(points, values, strict=True)
            ],
        }
        for key, name, colour, kind, values in lines
        if any(value is not None for value in values)
    ]


def _watts(name: str) -> str:
    return (
        f"({name}) => {name} == null ? '\\u2013' : Math.abs({name}) >= 1000 ?"
        f" ({name} / 1000).toFixed(Math.abs({name}) < 1e5 ? 2 : 1) + ' kW' : Math.round({name}) + ' W'"
    )


def power_curve(node: NodeView, knots: Sequence[float], model: ModelDocument | None) -> Options:
    """Return the power curve of a node with its working point, its floor, the trained range and the model's error."""
    curve = node.curve or ()
    points = [[round(knot, 2), round(watts, 1)] for knot, watts in zip(knots, curve, strict=False)]
    series: list[Options] = []
    if model is not None and model.error_percent is not None and points:
        series += _error_band(points, model.error_percent / 100.0)
    series.append(
        {
            "name": "predicted",
            "type": "line",
            "showSymbol": False,
            "data": points,
            "lineStyle": {"color": BLUE, "width": 2.5},
            "itemStyle": {"color": BLUE},
            "emphasis": {"disabled": True},
            **_marks(node, model),
        }
    )
    if node.load is not None and node.predicted is not None:
        series.append(_point("working point", node.load, node.predicted, "circle", ORANGE))
    measured = node.value("power_watts")
    if node.load is not None and measured is not None:
        series.append(_point("measured", node.load, measured, "diamond", GREEN))
    return {
        **_BASE,
        "grid": {"left": 8, "right": 24, "top": 36, "bottom": 24, "containLabel": True},
        "legend": {
            "top": 0,
            "left": 0,
            "itemHeight": 8,
            "textStyle": {"color": MUTED},
            "data": [
                {"name": one["name"], "icon": _ICONS.get(one["name"], "roundRect")}
                for one in series
                if one["name"] != "below"
            ],
        },
        "tooltip": {**_TOOLTIP, "trigger": "item"},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": 100,
            "name": "CPU load [%]",
            "nameLocation": "middle",
            "nameGap": 26,
            **_AXIS,
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "scale": True,
            **_AXIS,
            "axisLabel": {**_AXIS["axisLabel"], "formatter": "{value} W"},
        },
        "series": series,
    }


_ICONS = {"working point": "circle", "measured": "diamond"}


def _error_band(points: Sequence[Sequence[float]], part: float) -> list[Options]:
    """Return two stacked areas, of which the upper one is visible: the curve with the error below and above."""
    hidden = {"lineStyle": {"opacity": 0}, "showSymbol": False, "silent": True, "emphasis": {"disabled": True}}
    return [
        {
            "name": "below",
            "type": "line",
            "stack": "error",
            "data": [[load, round(watts * (1.0 - part), 1)] for load, watts in points],
            **hidden,
        },
        {
            "name": "error of the model",
            "type": "line",
            "stack": "error",
            "data": [[load, round(watts * 2.0 * part, 1)] for load, watts in points],
            "areaStyle": {"color": BLUE, "opacity": 0.2},
            "itemStyle": {"color": BLUE, "opacity": 0.3},
            **hidden,
        },
    ]


def _marks(node: NodeView, model: ModelDocument | None) -> Options:
    found: Options = {}
    trained = None if model is None else model.ranges.get("cpu_usage")
    outside = [(0.0, trained[0]), (trained[1], 100.0)] if trained is not None else []
    areas = [[{"xAxis": low, "name": "not trained"}, {"xAxis": high}] for low, high in outside if high - low > 0.5]
    if areas:
        found["markArea"] = {
            "silent": True,
            "itemStyle": {"color": MUTED, "opacity": 0.12},
            "label": {"color": MUTED, "fontSize": 10},
            "data": areas,
        }
    if node.floor is not None:
        found["markLine"] = {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": MUTED, "type": "dashed"},
            "label": {
                "formatter": "load that stays",
                "color": MUTED,
                "fontSize": 10,
                "align": "right" if node.floor > 90.0 else "left" if node.floor < 10.0 else "center",  # not cut off
            },
            "data": [{"xAxis": round(node.floor, 1)}],
        }
    return found


def _point(name: str, load: float, watts: float, symbol: str, colour: str) -> Options:
    return {
        "name": name,
        "type": "scatter",
        "symbol": symbol,
        "symbolSize": 14,
        "itemStyle": {"color": colour, "borderColor": CARD, "borderWidth": 2},
        "data": [[round(load, 1), round(watts, 1)]],
        "z": 5,
    }


def weights_bars(endpoints: Sequence[WeightedEndpoint]) -> Options:
    """Return the weights of one port as bars, the largest first."""
    ordered = sorted(endpoints, key=lambda item: (-item.weight, item.address))[:MOST_BARS]
    return {
        **_BASE,
        "grid": {"left": 8, "right": 48, "top": 4, "bottom": 4, "containLabel": True},
        "tooltip": {**_TOOLTIP, "trigger": "item"},
        "xAxis": {"type": "value", "min": 0, **_AXIS, "axisLabel": {"show": False}, "splitLine": {"show": False}},
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [item.node_name or item.address for item in ordered],
            **_AXIS,
        },
        "series": [
            {
                "id": "weights",
                "name": "weight",
                "type": "bar",
                "barMaxWidth": 18,
                "itemStyle": {"color": BLUE, "borderRadius": 3},
                "label": {"show": True, "position": "right", "color": MUTED, "formatter": "{c} %"},
                "emphasis": {"disabled": True},
                "data": [round(item.weight, 1) for item in ordered],
            }
        ],
    }


MOST_BARS = 40
"""Endpoints with the largest weights that are drawn; the table has all."""


def bars_height(endpoints: Sequence[WeightedEndpoint]) -> int:
    """Return the height of the bars in pixels."""
    return 26 * min(len(endpoints), MOST_BARS) + 16
