"""Clusters as JSON documents: what a running extender knows of its nodes and pods, see `GET /v1/fleet`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.simulate.trace import DAY, Trace

SHORTEST = 60.0
"""Least time for which a running pod runs on [s], so that one that has just started does not end at once."""


@dataclass(frozen=True, eq=False)
class PresentPods:
    """The pods that run on the nodes of a fleet. Arrays have shape (n_pods,).

    Parameters
    ----------
    node
        Row of each pod's node.
    request, use
        CPU request and CPU use [cores].
    age
        Time since each pod started [s].
    movable
        Whether each pod may be moved.
    """

    node: IntArray
    request: FloatArray
    use: FloatArray
    age: FloatArray
    movable: BoolArray

    def __len__(self) -> int:
        return len(self.node)

    def base_load(self, fleet: Fleet) -> FloatArray:
        """Return the CPU use of each node that is not of these pods [cores], shape (n_nodes,)."""
        used = np.bincount(self.node, weights=self.use, minlength=len(fleet))
        result: FloatArray = np.maximum(fleet.usage_cores - used, 0.0)
        return result

    def trace(self, *, remaining: float | None = None) -> Trace:
        """Return the pods as a trace that begins now.

        Parameters
        ----------
        remaining
            Time for which each pod runs on [s]; default: as long as it has run so far.
        """
        left = np.maximum(self.age, SHORTEST) if remaining is None else np.full(len(self), remaining)
        return Trace(np.zeros(len(self)), left, self.request, self.use, self.movable, DAY, self.node)


def document_of(fleet: Fleet, floor_cores: Sequence[float | None], pods: PresentPods | None = None) -> dict[str, Any]:
    """Return a fleet as JSON types.

    Parameters
    ----------
    fleet
        The nodes.
    floor_cores
        The part of each node's CPU use that stays [cores]; None unknown.
    pods
        The pods that run on them.
    """
    columns = (fleet.names, fleet.group_names, fleet.capacity_cores.tolist(), fleet.usage_cores.tolist(), floor_cores)
    names = ("name", "group", "capacityCores", "usageCores", "floorCores", "watts")
    rows = zip(*columns, fleet.curves.watts.tolist(), strict=True)
    document = {"knots": fleet.curves.knots.tolist(), "nodes": [dict(zip(names, row, strict=True)) for row in rows]}
    if pods is not None:
        document["pods"] = {
            "node": pods.node.tolist(),
            "cpuRequest": pods.request.tolist(),
            "cpuUse": pods.use.tolist(),
            "age": pods.age.tolist(),
            "movable": pods.movable.tolist(),
        }
    return document


def fleet_of_document(document: Any) -> Fleet:
    """Return the fleet of a document, with the load that stays as its present load.

    The load that stays is the floor of each node, or all of its present load where the floor is unknown.

    Raises
    ------
    UsageError
        The document is not as `document_of` makes it, or its values cannot be used.

    Examples
    --------
    >>> node = {"name": "a", "capacityCores": 8, "usageCores": 4, "floorCores": 1, "watts": [100, 200]}
    >>> fleet_of_document({"knots": [0, 100], "nodes": [node]})
    Fleet(1 nodes, 8 cores, 1.0 in use, 112 W)
    """
    return _fleet(document, _loads(document, _staying))


def present_fleet_of_document(document: Any) -> Fleet:
    """Return the fleet of a document at its present load.

    Raises
    ------
    UsageError
        The document is not as `document_of` makes it, or its values cannot be used.

    Examples
    --------
    >>> node = {"name": "a", "capacityCores": 8, "usageCores": 4, "floorCores": 1, "watts": [100, 200]}
    >>> present_fleet_of_document({"knots": [0, 100], "nodes": [node]})
    Fleet(1 nodes, 8 cores, 4.0 in use, 150 W)
    """
    return _fleet(document, _loads(document, _present))


def _loads(document: Any, load_of: Callable[[Any], Any]) -> list[Any]:
    try:
        return [load_of(node) for node in document["nodes"]]
    except (KeyError, TypeError) as error:
        raise _no_fleet(f"{type(error).__name__} {error!s:.100}") from None


def _present(node: Any) -> Any:
    return node["usageCores"]


def _staying(node: Any) -> Any:
    return _present(node) if node["floorCores"] is None else node["floorCores"]


def cluster_of_document(document: Any) -> tuple[Fleet, PresentPods]:
    """Return the fleet of a document with the base load of each node, and the pods that run on it.

    Raises
    ------
    UsageError
        The document has no pods, is not as `document_of` makes it, or its values cannot be used.

    Examples
    --------
    >>> node = {"name": "a", "capacityCores": 8, "usageCores": 4, "floorCores": 1, "watts": [100, 200]}
    >>> pods = {"node": [0], "cpuRequest": [4], "cpuUse": [3], "age": [60], "movable": [True]}
    >>> cluster_of_document({"knots": [0, 100], "nodes": [node], "pods": pods})[0]
    Fleet(1 nodes, 8 cores, 1.0 in use, 112 W)
    """
    try:
        given = document["pods"]
        pods = PresentPods(
            node=np.array(given["node"], dtype=np.int64),
            request=np.array(given["cpuRequest"], dtype=np.float64),
            use=np.array(given["cpuUse"], dtype=np.float64),
            age=np.array(given["age"], dtype=np.float64),
            movable=np.array(given["movable"], dtype=np.bool_),
        )
        present = present_fleet_of_document(document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, UsageError):
            raise
        raise _no_fleet(f"{type(error).__name__} {error!s:.100}") from None
    if pods.node.ndim != 1 or (len(pods) and not 0 <= pods.node.min() <= pods.node.max() < len(present)):
        raise _no_fleet("a pod is on a node that is not in it")
    pods.trace()  # checks lengths and numbers
    base = pods.base_load(present)
    return Fleet(present.names, present.curves, present.capacity_cores, base, present.groups), pods


def _fleet(document: Any, used: Sequence[object]) -> Fleet:
    """Return the fleet of a document with a CPU use of each node [cores]."""
    try:
        nodes = document["nodes"]
        knots = np.array(document["knots"], dtype=np.float64)
        watts = np.array([node["watts"] for node in nodes], dtype=np.float64)
        capacity = np.array([node["capacityCores"] for node in nodes], dtype=np.float64)
        names = tuple(str(node["name"]) for node in nodes)
        groups = tuple(str(node.get("group") or "") for node in nodes)
        usage = np.array(used, dtype=np.float64)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _no_fleet(f"{type(error).__name__} {error!s:.100}") from None
    if not names or knots.ndim != 1 or watts.shape != (len(names), knots.size):
        raise _no_fleet("no nodes, or curves of another length than knots")
    own = groups if any(groups) else ()
    return Fleet(names, PowerCurves(knots, watts), capacity, np.clip(usage, 0.0, capacity), own)


def _no_fleet(why: str) -> UsageError:
    return UsageError(f"the document is no fleet of GET /v1/fleet: {why}")
