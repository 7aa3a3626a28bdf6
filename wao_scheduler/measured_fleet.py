"""The measured nodes of the cluster as a fleet, for what-if questions and simulations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.simulate.fleet_documents import document_of
from wao_scheduler.decision_engine import DecisionEngine


def measured_fleet(engine: DecisionEngine, names: Sequence[str] | None = None) -> Fleet:
    """Return the measured nodes of the current snapshot as a fleet; CPU use includes assumed pods.

    Raises
    ------
    LookupError
        There is no snapshot yet.
    UsageError
        No node is measured, or one of `names` is not a measured node.
    """
    snapshot, usage = engine.require_snapshot(), engine.load_cores()
    usable = ~(np.isnan(usage) | np.isnan(snapshot.capacity_cores) | np.isnan(snapshot.curves.watts).any(axis=1))
    if names is not None:
        unusable = [name for name in names if name not in snapshot.index or not usable[snapshot.index[name]]]
        if unusable:
            raise UsageError(f"nodes without curve or CPU sample: {', '.join(unusable[:10])}; leave them out")
        usable &= np.isin(np.array(snapshot.names), list(names))
    rows = np.flatnonzero(usable)
    if rows.size == 0:
        raise UsageError("no node has both a power curve and a CPU sample; see the reasons in GET /v1/decisions")
    return Fleet(
        names=tuple(snapshot.names[row] for row in rows),
        curves=snapshot.curves.take(rows),
        capacity_cores=snapshot.capacity_cores[rows],
        groups=tuple(groups[row] for row in rows) if (groups := engine.groups) else (),
        usage_cores=np.clip(usage[rows], 0.0, snapshot.capacity_cores[rows]),  # with pods that are not measured yet
    )


def fleet_document(
    engine: DecisionEngine, fleet: Fleet, *, label: str | None = None, pods: bool = False
) -> dict[str, Any]:
    """Return the measured nodes with their floors as JSON types.

    Parameters
    ----------
    fleet
        The measured nodes.
    label
        Node label whose value is the group of a node; default: that of the setting `cooling`.
    pods
        Whether the pods that run on the nodes are part of it.

    Raises
    ------
    LookupError
        There is no snapshot.
    """
    if label is not None:
        fleet = replace(fleet, groups=tuple(engine.labels_of(fleet.names, label)))
    snapshot = engine.require_snapshot()
    rows = snapshot.rows(fleet.names)
    floors = np.where(rows < 0, np.nan, snapshot.floor_cores[rows])
    numbers = {name: row for row, name in enumerate(fleet.names)}
    present = engine.running_pods(numbers, fleet.usage_cores) if pods else None
    return document_of(fleet, [None if np.isnan(floor) else floor for floor in floors.tolist()], present)
