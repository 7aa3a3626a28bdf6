"""Fleets as JSON documents: what a running extender knows of its cluster, see `GET /v1/fleet`. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet


def document_of(fleet: Fleet, floor_cores: list[float | None]) -> dict[str, Any]:
    """Return a fleet as JSON types.

    Parameters
    ----------
    fleet
        The nodes.
    floor_cores
        The part of each node's CPU use that stays [cores]; None unknown.
    """
    columns = (fleet.names, fleet.capacity_cores.tolist(), fleet.usage_cores.tolist(), floor_cores)
    names = ("name", "capacityCores", "usageCores", "floorCores", "watts")
    rows = zip(*columns, fleet.curves.watts.tolist(), strict=True)
    return {"knots": fleet.curves.knots.tolist(), "nodes": [dict(zip(names, row, strict=True)) for row in rows]}


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
    try:
        nodes = document["nodes"]
        knots = np.array(document["knots"], dtype=np.float64)
        watts = np.array([node["watts"] for node in nodes], dtype=np.float64)
        capacity = np.array([node["capacityCores"] for node in nodes], dtype=np.float64)
        used = [node["usageCores"] if node["floorCores"] is None else node["floorCores"] for node in nodes]
        names = tuple(str(node["name"]) for node in nodes)
        stays = np.array(used, dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the document is no fleet of GET /v1/fleet: {type(error).__name__} {error!s:.100}") from None
    if not names or knots.ndim != 1 or watts.shape != (len(names), knots.size):
        raise UsageError("the document is no fleet of GET /v1/fleet: no nodes, or curves of another length than knots")
    return Fleet(names, PowerCurves(knots, watts), capacity, np.clip(stays, 0.0, capacity))
