"""The cluster at one moment, as arrays: the input of every decision of scheduler and load balancer.

A snapshot is immutable. Decisions read it without a lock, without I/O and without calling a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from types import MappingProxyType

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.curves import PowerCurves

_ARRAYS = (
    "capacity_cores allocatable_cores usage_cores usage_at usage_window floor_cores floor_since "
    "inlet_temp inlet_temp_at delta_p delta_p_at residual_watts"
).split()


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSnapshot:
    """All nodes at one moment.

    Arrays have shape (n_nodes,) in the order of `names`; NaN means unknown. They are made read-only.

    Attributes
    ----------
    version
        Number that grows with every new snapshot.
    taken_at
        Time of the snapshot [s since the epoch].
    names
        Names of the nodes. Snapshots of the same nodes share the tuple.
    index
        Row of each node by name.
    capacity_cores, allocatable_cores
        CPU of each node [cores].
    usage_cores, usage_at, usage_window
        Measured CPU use [cores], the end of its sampling window [s since the epoch] and the window's length [s].
    floor_cores, floor_since
        Lowest CPU use of the last hours [cores], and the time since which it is known [s since the epoch].
    inlet_temp, inlet_temp_at
        Inlet temperature [degC], and the time of its sample [s since the epoch].
    delta_p, delta_p_at
        Static pressure difference [Pa], and the time of its sample [s since the epoch].
    residual_watts
        Measured minus predicted power at the present CPU use [W]; NaN for a node without a fresh measured power.
    curves
        Power over CPU use of each node at these conditions; a row of NaN is an unknown curve.
    reasons
        Empty for each node whose inputs are all measured and fresh, else why its curve is unknown or which fallback is
        in use.
    models
        Label of each node's model, empty without one.
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
    floor_cores: FloatArray
    floor_since: FloatArray
    inlet_temp: FloatArray
    inlet_temp_at: FloatArray
    delta_p: FloatArray
    delta_p_at: FloatArray
    residual_watts: FloatArray
    curves: PowerCurves
    reasons: tuple[str, ...]
    models: tuple[str, ...]
    _index: Mapping[str, int] = field(init=False, repr=False)  # look-ups through a proxy take three times as long

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", self.index)
        object.__setattr__(self, "index", MappingProxyType(self.index))
        for array in (*(getattr(self, name) for name in _ARRAYS), self.curves.knots, self.curves.watts):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, names: Sequence[str]) -> IntArray:
        """Return the row of each name, shape (n_names,), -1 for a node that is not in the snapshot."""
        return np.fromiter(map(self._index.get, names, repeat(-1)), dtype=np.int64, count=len(names))

    @property
    def cpu_usage(self) -> FloatArray:
        """Measured CPU use [% of capacity], shape (n_nodes,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            percent: FloatArray = 100.0 * self.usage_cores / self.capacity_cores
        return percent
