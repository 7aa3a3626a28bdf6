"""Figures of the training report as SVG text: fitted curves with the data, and errors on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.features import UNITS, unit_sign
from wao_predict.intervals import Intervals
from wao_predict.report_page import MUTED, svg_figure
from wao_predict.train.holdout import HeldOut
from wao_predict.train.table import TrainingTable

COLOURS = ("#2563eb", "#d97706", "#be185d")
_MOST_POINTS = 1500


def curves_picture(model: Any, table: TrainingTable, intervals: Intervals | None = None) -> str:
    """Return a figure of power curves with nearby data.

    The second feature of the table has three lines, and the third one three panels; further features are at their
    median. The band around the middle line is the interval of 90 %.
    """
    cpu = np.linspace(table.X[:, 0].min(), table.X[:, 0].max(), 201)
    columns = list(table.features[1:3])
    lines, panels = (_met(table.column(columns[at])) if at < len(columns) else [None] for at in (0, 1))
    with svg_figure(7.8 + 1.2 * len(panels), 4.4 - 0.3 * len(panels)) as (figure, made):
        for axes, second in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True):
            if second is not None:
                axes.set_title(_reading(columns[1], second))
            axes.set_xlabel("CPU usage [%]")
            for number, (first, colour) in enumerate(zip(lines, COLOURS, strict=False)):
                at = {name: value for name, value in zip(columns, (first, second), strict=False) if value is not None}
                near = _near(table, at)
                axes.scatter(table.X[near, 0], table.watts[near], s=9, color=colour, alpha=0.45, linewidths=0)
                watts = model.predict(_rows(table, cpu, at))
                axes.plot(cpu, watts, color=colour, lw=1.8, label="" if first is None else _reading(columns[0], first))
                if intervals is not None and number == len(lines) // 2:
                    low, high = intervals.at(cpu, 0.9)
                    axes.fill_between(cpu, watts + low, watts + high, color=colour, alpha=0.25, lw=0)
        figure.axes[0].set_ylabel("power [W]")
        if columns:
            figure.axes[-1].legend(loc="lower right")
    return made[0]


def _rows(table: TrainingTable, cpu: FloatArray, at: Mapping[str, float]) -> FloatArray:
    """Return rows of the model over load, with some features at given values, and the others at their median."""
    middle = np.median(table.X, axis=0)
    rows = np.tile([at.get(name, value) for name, value in zip(table.features, middle, strict=True)], (cpu.size, 1))
    rows[:, 0] = cpu
    return rows


def _reading(name: str, value: float) -> str:
    """Return a value of a feature as text, with its unit."""
    return f"{name} {value:.3g} {unit_sign(UNITS.get(name, ''))}".rstrip()


def errors_picture(held_out: HeldOut) -> str:
    """Return a figure of the errors of held-out rows over CPU usage, and of predicted against measured watts."""
    with svg_figure(11.4, 3.7) as (figure, made):
        over_cpu, against = figure.subplots(1, 2, width_ratios=[1.9, 1])
        draw = _error_lines if len(np.unique(held_out.group)) > 1 else _error_bands
        draw(over_cpu, held_out)
        rows = _some(len(held_out.truth))
        ends = [float(np.min(held_out.truth)), float(np.max(held_out.truth))]
        against.plot(ends, ends, color=MUTED, lw=1)
        against.scatter(held_out.truth[rows], held_out.watts[rows], s=6, color=COLOURS[0], alpha=0.35, linewidths=0)
        against.set(title="Predicted against measured", xlabel="measured [W]", ylabel="predicted [W]")
        against.set_aspect("equal", adjustable="datalim")
    return made[0]


def _error_bands(panel: Any, held_out: HeldOut) -> None:
    """Draw the median of the relative error over CPU usage, and the bands with 50 % and 90 % of the rows."""
    error = 100.0 * (held_out.watts - held_out.truth) / held_out.truth
    centres, parts = _by_cpu(held_out.X[:, 0], error)
    low, quarter, middle, three, high = np.array([np.quantile(part, [0.05, 0.25, 0.5, 0.75, 0.95]) for part in parts]).T
    panel.fill_between(centres, low, high, color=COLOURS[0], alpha=0.13, lw=0, label="90 % of rows")
    panel.fill_between(centres, quarter, three, color=COLOURS[0], alpha=0.28, lw=0, label="50 % of rows")
    panel.plot(centres, middle, color=COLOURS[0], lw=1.6, label="median")
    panel.axhline(0, color=MUTED, lw=0.9)
    panel.set(title="Error on held-out rows", xlabel="CPU usage [%]", ylabel="predicted - measured [%]")
    panel.legend(loc="best", ncols=3)


def _error_lines(panel: Any, held_out: HeldOut) -> None:
    """Draw the mean absolute relative error over CPU usage, one line for each group of held-out rows."""
    error = 100.0 * np.abs(held_out.watts - held_out.truth) / held_out.truth
    for name, colour in zip(dict.fromkeys(held_out.group.tolist()), COLOURS, strict=False):
        chosen = held_out.group == name
        centres, parts = _by_cpu(held_out.X[chosen, 0], error[chosen])
        means = [part.mean() for part in parts]
        panel.plot(centres, means, color=colour, lw=1.6, marker="o", ms=3.5, label=f"without some {name}")
    panel.set(title="Error on held-out rows", xlabel="CPU usage [%]", ylabel="mean absolute error [%]")
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper right")


def _by_cpu(cpu: FloatArray, error: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Return the median CPU usage of each bin, and the errors in it; on a grid, each value is a bin."""
    values = np.unique(cpu)
    edges = values if len(values) <= 64 else np.quantile(cpu, np.linspace(0, 1, 25)[:-1])
    bins = np.searchsorted(edges, cpu, side="right") - 1
    met = np.unique(bins)
    return np.array([np.median(cpu[bins == index]) for index in met]), [error[bins == index] for index in met]


def _met(values: FloatArray) -> list[float]:
    """Return a low, a middle and a high value of the data, or fewer if there are fewer distinct values."""
    return [float(value) for value in np.unique(np.quantile(values, [0.15, 0.5, 0.85], method="nearest"))]


def _near(table: TrainingTable, at: Mapping[str, float]) -> IntArray:
    """Return the numbers of rows at these readings on a grid, else of rows within a tenth of the ranges."""
    places = [table.features.index(name) for name in at]
    distance = np.abs(table.X[:, places] - list(at.values()))
    exact = np.flatnonzero((distance == 0).all(axis=1))
    if len(exact) >= 10:
        return exact[_some(len(exact))]
    close = np.flatnonzero((distance <= 0.1 * np.ptp(table.X[:, places], axis=0)).all(axis=1))
    return close[_some(len(close))]


def _some(rows: int) -> IntArray:
    """Return at most 1,500 evenly spaced row numbers."""
    return np.unique(np.linspace(0, max(rows - 1, 0), min(rows, _MOST_POINTS)).astype(np.int64))
