"""What sleeping nodes save, and the order in which nodes are switched, from the power curves of a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from wao_core.cluster.records import NodeConfig, Standby
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_predict.standby import watts_per_core

OFF_WATTS = Standby().off_watts


class FleetPower:
    """Power of the nodes by the last snapshot; nodes without a curve keep the last known one.

    Examples
    --------
    >>> FleetPower().saved(["n1"])
    {}
    """

    def __init__(self) -> None:
        self._idle: dict[str, float] = {}
        self._per_core: dict[str, float] = {}
        self._off: dict[str, float] = {}

    def update(
        self, snapshot: ClusterSnapshot, configs: Iterable[NodeConfig], factors: FloatArray | None = None
    ) -> None:
        """Take the curves of a new snapshot: idle power, and watts per core with idle power included.

        Parameters
        ----------
        factors
            What a watt costs on each node with cooling and prices, shape (n_nodes,); default: the same everywhere. The
            order of the nodes is by this cost. What they save stays their own power, as their meters show it.
        """
        self._off = {config.node_name: config.standby.off_watts for config in configs if config.standby is not None}
        off = np.array([self._off.get(name, OFF_WATTS) for name in snapshot.names])
        cores = np.where(np.isnan(snapshot.allocatable_cores), snapshot.capacity_cores, snapshot.allocatable_cores)
        with np.errstate(invalid="ignore", divide="ignore"):
            per_core = watts_per_core(snapshot.curves, cores, off) if len(snapshot.names) else np.empty(0)
        per_core = per_core if factors is None else per_core * factors
        idle = snapshot.curves.watts[:, 0] if len(snapshot.names) else np.empty(0)
        for name, each, watts in zip(snapshot.names, per_core.tolist(), idle.tolist(), strict=True):
            if np.isfinite(each):
                self._per_core[name], self._idle[name] = each, watts
        for held in (self._per_core, self._idle):
            for name in held.keys() - snapshot.index.keys():
                del held[name]

    def per_core(self) -> Mapping[str, float]:
        """Return the watts per core of each node with a known curve [W/core]."""
        return self._per_core

    def saved(self, asleep: Iterable[str]) -> dict[str, float]:
        """Return what each sleeping node with a known curve saves [W]: idle power less that of its BMC."""
        known = [name for name in asleep if name in self._idle]
        return {name: max(0.0, self._idle[name] - self._off.get(name, OFF_WATTS)) for name in known}
