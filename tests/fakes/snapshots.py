"""Snapshots of nodes with given curves and loads."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.curves import PowerCurves

KNOTS = np.array([0.0, 100.0])


def snapshot(
    names: Sequence[str],
    *,
    slopes: Sequence[float] | np.ndarray | None = None,
    watts: np.ndarray | None = None,
    knots: np.ndarray = KNOTS,
    capacity: float = 10.0,
    usage: Sequence[float] | None = None,
    usage_at: float | None = None,
    window: float = 15.0,
    floor: Sequence[float] | None = None,
    floor_since: float | None = None,
    inlet_temp: Sequence[float] | None = None,
    reasons: Sequence[str] | None = None,
    version: int = 1,
) -> ClusterSnapshot:
    """Return nodes whose power is 100 W + slope * load [%], unless curves are given; NaN slopes are unknown curves."""
    count = len(names)
    now = time.time() if usage_at is None else usage_at
    if watts is None:
        rises = np.ones(count) if slopes is None else np.array(slopes, dtype=float)
        watts = np.column_stack([100.0 + 0.0 * rises, 100.0 + 100.0 * rises])
    used = np.zeros(count) if usage is None else np.array(usage, dtype=float)
    return ClusterSnapshot(
        version=version,
        taken_at=now,
        names=tuple(names),
        index={name: row for row, name in enumerate(names)},
        capacity_cores=np.full(count, capacity),
        allocatable_cores=np.full(count, capacity),
        usage_cores=used,
        usage_at=np.full(count, now),
        usage_window=np.full(count, window),
        floor_cores=used.copy() if floor is None else np.array(floor, dtype=float),
        floor_since=np.full(count, now - 86_400.0 if floor_since is None else floor_since),
        inlet_temp=np.full(count, 22.0) if inlet_temp is None else np.array(inlet_temp, dtype=float),
        inlet_temp_at=np.full(count, now),
        delta_p=np.full(count, 5.0),
        delta_p_at=np.full(count, now),
        residual_watts=np.full(count, np.nan),
        curves=PowerCurves(knots, watts),
        reasons=tuple(reasons or [""] * count),
        models=("m",) * count,
    )
