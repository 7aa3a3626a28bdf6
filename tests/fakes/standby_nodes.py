"""Nodes for decisions of standby."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.standby import NodeState, StandbyNodes

HOUR = 3600.0


def standby_nodes(state: ArrayLike, requested: ArrayLike = 0.0, **other: Any) -> StandbyNodes:
    """Return nodes of 32 cores. All are in their state for two hours, and nodes without requests empty for one."""
    states = np.asarray([int(NodeState[name]) for name in state.split()] if isinstance(state, str) else state)
    count = len(states)
    used = np.asarray(requested, dtype=np.float64)
    used = used if used.ndim == 2 else np.broadcast_to(used, (count,)).reshape(count, 1)
    columns: dict[str, Any] = {
        "capacity": np.full((count, 1), 32.0),
        "requested": used.copy(),
        "empty_seconds": np.where(used[:, 0] > 0, np.nan, HOUR),
        "state_seconds": np.full(count, 2 * HOUR),
        "schedulable": True,
        "candidate": True,
        "wake_tested": True,
        "watts_per_core": np.arange(count, dtype=np.float64),
        "group": -1,
        "zone": -1,
    } | other
    arrays = {
        name: np.broadcast_to(np.asarray(values), (count,)).copy() if np.ndim(values) < 2 else np.asarray(values)
        for name, values in columns.items()
    }
    return StandbyNodes(state=states, **arrays)
