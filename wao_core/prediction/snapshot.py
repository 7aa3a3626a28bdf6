"""The cluster at one moment, as arrays: what scheduler and load balancer decide on.

A snapshot is immutable. Decisions read it without a lock, without I/O and without a model call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_predict.curves import PowerCurves

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSnapshot:
    """All nodes at one moment. Arrays have shape (n_nodes,) in the order of `names`; NaN means unknown.

    Attributes
    ----------
    version
        Grows with every new snapshot.
    taken_at
        Seconds since the epoch.
    capacity_cores, allocatable_cores
        CPU of each node [cores].
    usage_cores, usage_at, usage_window
        Measured CPU use [cores], the end of its sampling window [s since the epoch] and the window's length [s].
    inlet_temp, inlet_temp_at
        Inlet temperature [degC] that the curve was made for, and when it was sampled [s since the epoch].
    delta_p, delta_p_at
        Static pressure difference [Pa] likewise.
    curves
        Power over CPU use of each node at these conditions; a row of NaN where there is none.
    reasons
        For each node "" when all is measured and fresh, else why its curve is unknown or what it falls back to.
    """

    version: int
    taken_at: float
    names: tuple[str, ...]
    index: Mapping[str, int]
    capacity_cores: FloatArray
    allocatable_cores: FloatArray
    usage_cores: FloatArray
    usage_at: FloatArray
    usage_window: FloatArray
    inlet_temp: FloatArray
    inlet_temp_at: FloatArray
    delta_p: FloatArray
    delta_p_at: FloatArray
    curves: PowerCurves
    reasons: tuple[str, ...]
    models: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def cpu_usage(self) -> FloatArray:
        """Measured CPU use [% of capacity], shape (n_nodes,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            percent: FloatArray = 100.0 * self.usage_cores / self.capacity_cores
        return percent
