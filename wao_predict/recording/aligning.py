"""Alignment of series with different sample times: one row per period and node. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import FloatArray

AVERAGED = ("cpu_usage", "watts")
"""Quantities that are averaged over a period; the others change slowly, and have their last value."""

HOLD = 300.0
"""Longest time for which a temperature or pressure is used [s]."""


@dataclass(frozen=True, eq=False)
class Series:
    """Samples of one quantity: times [s since the epoch], ascending, and values, both of shape (n,)."""

    time: FloatArray
    value: FloatArray

    @classmethod
    def of(cls, time: FloatArray, value: FloatArray) -> Series:
        """Return the finite samples in order of time; of equal times, the last one counts."""
        finite = np.isfinite(time) & np.isfinite(value)
        time, value = time[finite], value[finite]
        order = np.argsort(time, kind="stable")
        time, value = time[order], value[order]
        last = np.append(np.diff(time) > 0, True)[: time.size]
        return cls(time[last], value[last])


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a recording: time [s since the epoch], node, and values by column."""

    time: float
    node: str
    values: Mapping[str, float]


def aligned(node: str, series: Mapping[str, Series], *, period: float, after: float = -np.inf) -> list[Row]:
    """Return a row for each period in which all quantities are known.

    Load and power are averaged over the period that ends at the time of the row. Temperature and pressure have their
    last value, if it is at most `HOLD` old. If load or power is sampled less often than once per period, there are rows
    only for periods with a sample.

    Parameters
    ----------
    node
        Name for the rows.
    series
        Samples by column, cpu_usage and watts among them.
    period
        Length of a period [s]; rows are at its multiples.
    after
        Leave out rows up to this time [s since the epoch].

    Examples
    --------
    >>> at = np.arange(0.0, 60.0, 10.0)
    >>> rows = aligned("a", {"cpu_usage": Series(at, at), "watts": Series(at, 100 + at)}, period=30.0)
    >>> [(row.time, row.values["watts"]) for row in rows]
    [(30.0, 120.0), (60.0, 145.0)]
    """
    if any(values.time.size == 0 for values in series.values()) or not series:
        return []
    begin = max(values.time[0] for values in series.values())
    end = min(values.time[-1] for name, values in series.items() if name in AVERAGED)
    first = int(np.ceil(begin / period)) if begin % period else int(begin / period) + 1
    edges: FloatArray = period * np.arange(first, int(np.ceil(end / period)) + 1, dtype=np.float64)
    edges = edges[edges > after]
    if edges.size == 0:
        return []
    columns = {
        name: _means(values, edges, period) if name in AVERAGED else _last(values, edges)
        for name, values in series.items()
    }
    whole = np.isfinite(np.column_stack(list(columns.values()))).all(axis=1)
    return [
        Row(float(edges[at]), node, {name: float(values[at]) for name, values in columns.items()})
        for at in np.flatnonzero(whole)
    ]


def _means(series: Series, edges: FloatArray, period: float) -> FloatArray:
    """Return the mean of the samples in (edge - period, edge], NaN without one."""
    total = np.concatenate([[0.0], np.cumsum(series.value)])
    low, high = (np.searchsorted(series.time, bound, side="right") for bound in (edges - period, edges))
    with np.errstate(invalid="ignore"):
        return np.where(high > low, (total[high] - total[low]) / (high - low), np.nan)


def _last(series: Series, edges: FloatArray) -> FloatArray:
    """Return the last value up to each edge, NaN if it is too old."""
    at = np.searchsorted(series.time, edges, side="right") - 1
    known = (at >= 0) & (edges - series.time[np.maximum(at, 0)] <= HOLD)
    return np.where(known, series.value[np.maximum(at, 0)], np.nan)
