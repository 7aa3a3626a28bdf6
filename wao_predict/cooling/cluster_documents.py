"""The nodes of a running cluster for set points: `GET /v1/fleet` and `GET /v1/nodes` of the extender. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import UsageError
from wao_predict.fleet_table import FleetColumns
from wao_predict.model_files import resolve_model
from wao_predict.simulate.fleet_documents import present_fleet_of_document

CONDITIONS = {"inlet_temp": "inletTemp", "delta_p": "deltaP"}
"""Conditions that set points change, and their fields in the document."""
OPENED = ("Onnx", "V2InferenceProtocol")
"""Types of models that can be opened by what the document says of them."""
_SHOWN = 5  # nodes in a note


@dataclass(frozen=True, slots=True)
class _Described:
    """What `GET /v1/nodes` says of one node."""

    model: str
    inlet_temp: float
    delta_p: float

    def missing(self, features: tuple[str, ...]) -> str:
        """Return the first condition that a model needs and that is not measured, "" if there is none."""
        return next((name for name in CONDITIONS if name in features and np.isnan(getattr(self, name))), "")


def columns_of_documents(
    fleet: Any, nodes: Any, *, model_folder: Path | None = None
) -> tuple[FleetColumns, tuple[str, ...]]:
    """Return the measured nodes of a cluster with their models, present load and present conditions.

    The power of a node whose model cannot be opened, or whose conditions are not measured, is that of its present
    curve, whatever the conditions; the same for a model that needs no conditions.

    Parameters
    ----------
    fleet, nodes
        The documents of `GET /v1/fleet` and `GET /v1/nodes`.
    model_folder
        Folder of the model files that are named by a relative path; default: the present folder.

    Returns
    -------
    The columns, and a note for each reason why the power of nodes does not follow their conditions.

    Raises
    ------
    UsageError
        A document has another form, or its values cannot be used.

    Examples
    --------
    >>> node = {"name": "a", "capacityCores": 8, "usageCores": 4, "floorCores": 1, "watts": [100, 200]}
    >>> described = {"name": "a", "model": "Onnx edge_lenovo", "inletTemp": 25.0, "deltaP": 3.0}
    >>> models = [{"label": "Onnx edge_lenovo", "features": ["cpu_usage", "inlet_temp", "delta_p"]}]
    >>> columns, notes = columns_of_documents(
    ...     {"knots": [0, 100], "nodes": [node]}, {"nodes": [described], "models": models}
    ... )
    >>> columns.models, columns.usage_cores.tolist(), columns.inlet_temp.tolist(), notes
    (('edge_lenovo',), [4.0], [25.0], ())
    """
    present = present_fleet_of_document(fleet)
    described, features = _described(nodes)
    fixed: dict[str, list[str]] = {}
    sources: list[str] = []
    for name, watts in zip(present.names, present.curves.watts, strict=True):
        node = described.get(name)
        why = "it is not in GET /v1/nodes" if node is None else _why_fixed(node, features.get(node.model))
        if node is None or why or not _follows(features[node.model]):
            sources.append(_points(present.curves.knots, watts))
        else:
            sources.append(_source(node.model, model_folder))
        if why:
            fixed.setdefault(why, []).append(name)
    unknown = _Described("", np.nan, np.nan)
    there = [described.get(name, unknown) for name in present.names]
    columns = FleetColumns(
        present.names,
        tuple(sources),
        present.capacity_cores,
        present.usage_cores,
        np.array([node.inlet_temp for node in there]),
        np.array([node.delta_p for node in there]),
        present.groups,
    )
    return columns, tuple(_note(why, names) for why, names in fixed.items())


def _described(document: Any) -> tuple[dict[str, _Described], dict[str, tuple[str, ...]]]:
    """Return what the document says of each node, and the features of each model in use."""
    try:
        nodes = {
            str(node["name"]): _Described(str(node["model"]), *(_number(node, field) for field in CONDITIONS.values()))
            for node in document["nodes"]
        }
        models = {str(model["label"]): tuple(map(str, model["features"])) for model in document["models"]}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the document is no answer of GET /v1/nodes: {type(error).__name__} {error!s:.100}") from None
    return nodes, models


def _number(node: Mapping[str, Any], field: str) -> float:
    return np.nan if node[field] is None else float(node[field])


def _follows(features: tuple[str, ...]) -> bool:
    return any(name in features for name in CONDITIONS)


def _why_fixed(node: _Described, features: tuple[str, ...] | None) -> str:
    """Return why the power of a node cannot follow its conditions, "" where it can, or where its model needs none."""
    if features is None:
        return f"the model {node.model!r:.120} is not open in the cluster" if node.model else "it has no model"
    if not _follows(features):
        return ""
    if missing := node.missing(features):
        return f"{missing} is not measured"
    return "" if node.model.split(" ")[0] in OPENED else f"the model {node.model!r:.120} cannot be opened from here"


def _source(label: str, folder: Path | None) -> str:
    """Return the source of a model, for `load_predictor`, by its label, such as "Onnx edge_lenovo"."""
    name = label.partition(" ")[2]
    return name if folder is None else resolve_model(name, folder / "models")


def _points(knots: FloatArray, watts: FloatArray) -> str:
    """Return a curve as the source of a model."""
    return "curve:" + ",".join(f"{knot:g}={power:.6g}" for knot, power in zip(knots, watts, strict=True))


def _note(why: str, names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{why}: the power of {', '.join(names[:_SHOWN])}{more} does not change with the set points"
