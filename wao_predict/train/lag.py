"""The delay between load and measured power, which BMCs and averaging meters cause, and its compensation. Pure."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from wao_predict.arrays import FloatArray, IntArray

Values = TypeVar("Values", FloatArray, IntArray)

MOST_ROWS = 30
"""Largest delay that is searched for, in rows."""

LEAST_ROWS = 60
"""Least rows of a recording whose delay can be estimated."""

_LEAST_GAIN = 0.01
_LEAST_MEMORY = 0.3


def estimate_lag(load: FloatArray, watts: FloatArray, recordings: list[IntArray]) -> int:
    """Return how many rows the watts are behind the load; negative if the load is behind, 0 if unknown.

    The delay is that at which a monotone function of load explains most of the watts: the correlation of ranks, over
    all recordings. A table whose rows are not in order of time (a grid, a shuffled table) has no delay.

    Parameters
    ----------
    load, watts
        Load [%] and power [W], shape (n,).
    recordings
        Row numbers of each recording, in order of time.

    Examples
    --------
    >>> load = 50 + 40 * np.sin(np.arange(200) / 7.0)
    >>> estimate_lag(load, 100 + np.roll(load, 3), [np.arange(200)])
    3
    """
    usable = [rows for rows in recordings if rows.size >= LEAST_ROWS and np.ptp(load[rows]) > 0 < np.ptp(watts[rows])]
    usable = [rows for rows in usable if _correlation(load[rows][1:], load[rows][:-1]) > _LEAST_MEMORY]
    if not usable:
        return 0
    pairs = [(_ranks(load[rows]), _ranks(watts[rows])) for rows in usable]
    weights = np.array([rows.size for rows in usable], dtype=np.float64)
    searched = min(MOST_ROWS, min(rows.size for rows in usable) // 4)
    shifts = sorted(range(-searched, searched + 1), key=abs)
    fits = {
        shift: float(np.average([_correlation(*_shifted(*p, shift)) for p in pairs], weights=weights))
        for shift in shifts
    }
    best = max(shifts, key=lambda shift: fits[shift])  # the shortest of equally good ones
    return best if fits[best] > 0.3 and fits[best] - fits[0] >= _LEAST_GAIN * (1 - fits[0]) + 0.002 else 0


def aligned_rows(recordings: list[IntArray], lag: int) -> tuple[IntArray, IntArray]:
    """Return the row numbers of load, and those of the watts that belong to them, without rows at the ends."""
    pairs = [_shifted(rows, rows, lag) for rows in recordings if rows.size > abs(lag)]
    if not pairs:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate([load for load, _ in pairs]), np.concatenate([watts for _, watts in pairs])


def _shifted(load: Values, watts: Values, shift: int) -> tuple[Values, Values]:
    """Return the load at each time, and the watts `shift` rows later."""
    if shift == 0:
        return load, watts
    return (load[:-shift], watts[shift:]) if shift > 0 else (load[-shift:], watts[:shift])


def _ranks(values: FloatArray) -> FloatArray:
    """Return the rank of each value; equal values have their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[inverse]


def _correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
