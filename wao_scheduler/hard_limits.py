"""Hard limits: a ceiling for inlet temperatures, and a power cap per group of nodes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class GroupPower:
    """Predicted power per group of nodes.

    Attributes
    ----------
    groups
        Names of the groups.
    group_of
        Group of each node, shape (n_nodes,), -1 without one.
    watts
        Power of each group [W], shape (n_groups,), without nodes of unknown power.
    unknown
        Number of nodes of unknown power in each group, shape (n_groups,).
    """

    groups: tuple[str, ...]
    group_of: IntArray
    watts: FloatArray
    unknown: IntArray


def group_power(labels: Sequence[str | None], watts: FloatArray) -> GroupPower:
    """Return the predicted power per group.

    Parameters
    ----------
    labels
        Group of each node, or None; length n_nodes.
    watts
        Predicted power of each node [W], shape (n_nodes,). Nodes with NaN are counted as unknown, never as 0 W.
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
    """Return the reason by row for nodes with an inlet temperature at or above `ceiling` [degC]; unknown ones pass."""
    temperatures = snapshot.inlet_temp[rows]
    hot = rows[temperatures >= ceiling]
    return {
        int(row): f"inlet temperature {snapshot.inlet_temp[row]:.1f} degC is at the ceiling of {ceiling:g} degC"
        for row in hot
    }


def over_cap(power: GroupPower, rows: IntArray, increase: FloatArray, caps: Mapping[str, float]) -> dict[int, str]:
    """Return the reason by row for nodes whose group would exceed its power cap.

    Parameters
    ----------
    rows, increase
        The candidates, and the power that the pod alone adds on each [W], shape (n,). Candidates with unknown values
        pass.
    caps
        Cap by group name [W]; "*" for all other groups.
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
