"""The cache of increases on the nodes of a snapshot."""

from __future__ import annotations

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_predict.cooling.groups import cost_curves
from wao_predict.increase_cache import IncreaseCache


def increases_of(
    snapshot: ClusterSnapshot, before: IncreaseCache | None = None, factors: FloatArray | None = None
) -> IncreaseCache:
    """Return the cache for a snapshot.

    Parameters
    ----------
    snapshot
        The nodes. Pods may use their allocatable CPU.
    before
        Cache of a previous snapshot with the same names.
    factors
        What a watt costs on each node, shape (n_nodes,); the increases are costs then.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
        limit = percent * snapshot.allocatable_cores
    limit = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
    curves = snapshot.curves if factors is None else cost_curves(snapshot.curves, factors)
    return IncreaseCache(curves, percent, limit, before=before)
