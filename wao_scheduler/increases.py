"""The cache of increases on the nodes of a snapshot."""

from __future__ import annotations

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.increase_cache import IncreaseCache


def increases_of(snapshot: ClusterSnapshot, before: IncreaseCache | None = None) -> IncreaseCache:
    """Return the cache for a snapshot.

    Parameters
    ----------
    snapshot
        The nodes. Pods may use their allocatable CPU.
    before
        Cache of a previous snapshot with the same names.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
        limit = percent * snapshot.allocatable_cores
    limit = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
    return IncreaseCache(snapshot.curves, percent, limit, before=before)
