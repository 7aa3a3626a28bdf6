"""Hard limits: an inlet temperature ceiling, and a power cap per group of nodes. Pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class GroupPower:
    """Predicted power per group: the group of each node (row of the snapshot; -1 without label) and watts per group."""

    groups: tuple[str, ...]
    group_of: IntArray
    watts: FloatArray
    unknown: IntArray  # nodes of the group without a known power


def group_power(labels: Sequence[str | None], watts: FloatArray) -> GroupPower:
    """Sum predicted watts by group.

    Parameters
    ----------
    labels
        The group of each node, or None; length n_nodes.
    watts
        Predicted power of each node now [W], shape (n_nodes,), NaN unknown: counted apart, never as 0.
    """
    groups = tuple(sorted({label for label in labels if label is not None}))
    position = {group: index for index, group in enumerate(groups)}
    group_of = np.array([-1 if label is None else position[label] for label in labels], dtype=np.int64)
    inside, known = group_of >= 0, ~np.isnan(watts)
    sums = np.zeros(len(groups))
    np.add.at(sums, group_of[inside & known], watts[inside & known])
    unknown = np.bincount(group_of[inside & ~known], minlength=len(groups)).astype(np.int64)
    return GroupPower(groups, group_of, sums, unknown)


def over_ceiling(snapshot: ClusterSnapshot, rows: IntArray, ceiling: float) -> dict[int, str]:
    """Return, by row, why a node is refused: its inlet air is at or above `ceiling` [degC]. Unknown is not refused."""
    temperatures = snapshot.inlet_temp[rows]
    hot = rows[temperatures >= ceiling]
    return {
        int(row): f"inlet temperature {snapshot.inlet_temp[row]:.1f} degC is at the ceiling of {ceiling:g} degC"
        for row in hot
    }


def over_cap(power: GroupPower, rows: IntArray, increase: FloatArray, caps: Mapping[str, float]) -> dict[int, str]:
    """Return, by row, why a node is refused: its group would draw more than its cap [W].

    Parameters
    ----------
    rows, increase
        The candidates and the marginal watts that the pod adds on each, shape (n,); unknown ones are not refused.
    caps
        Watts per group; "*" for every group not named.
    """
    refused = {}
    for row, watts in zip(rows.tolist(), increase.tolist(), strict=True):
        group = int(power.group_of[row])
        if group < 0 or not np.isfinite(watts):
            continue
        name = power.groups[group]
        cap = caps.get(name, caps.get("*"))
        total = float(power.watts[group]) + watts
        if cap is not None and total > cap:
            refused[row] = f"power cap of group {name}: {total:.0f} W with this pod, {cap:g} W allowed"
    return refused
