"""The body of `GET /v1/nodes`: what decisions know of each node, and of the models that predict its power."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_predict.errors import WaoError
from wao_predict.models.metadata import ModelInfo
from wao_predict.predictor import AsyncPredictor, Predictor
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.spread_saving import Saving

_DECIMALS = 2  # of watts: a curve has some forty of them


class ModelDocument(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A model in use: the ranges that it was trained on, and its mean absolute error on other rows."""

    label: str
    features: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    error_watts: float | None
    error_percent: float | None


class NodeDocument(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One node; an unknown number is null. CPU in cores, temperature in degC, pressure in Pa, ages in seconds."""

    name: str
    model: str
    capacity_cores: float | None
    usage_cores: float | None
    assumed_cores: float | None
    usage_age: float | None
    floor_cores: float | None
    inlet_temp: float | None
    inlet_temp_age: float | None
    delta_p: float | None
    delta_p_age: float | None
    residual_watts: float | None
    reason: str
    watts: tuple[float, ...] | None


class SpreadDocument(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The last comparison with the spread baseline: power and saving [W], nodes, and Pods that could be elsewhere."""

    baseline_watts: float
    saved_watts: float
    nodes: int
    pods: int
    measured_saved_watts: float | None
    measured_nodes: int


class NodesDocument(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The response to `GET /v1/nodes`: `watts` of a node is its predicted power [W] at the loads `knots` [%]."""

    knots: tuple[float, ...]
    models: tuple[ModelDocument, ...]
    nodes: tuple[NodeDocument, ...]
    spread: SpreadDocument | None = None


def nodes_document(
    engine: DecisionEngine,
    predictors: Mapping[str, Predictor | AsyncPredictor],
    saving: Saving | None = None,
    *,
    now: float | None = None,
) -> NodesDocument:
    """Return the document of the current snapshot, and of the last comparison with the spread baseline.

    Raises
    ------
    LookupError
        There is no snapshot yet.
    """
    snapshot, now = engine.require_snapshot(), time.time() if now is None else now
    in_use = set(snapshot.models)
    models = [model_document(label, predictor) for label, predictor in sorted(predictors.items()) if label in in_use]
    return NodesDocument(
        knots=tuple(snapshot.curves.knots.tolist()),
        models=tuple(models),
        nodes=tuple(_nodes(snapshot, engine.load_cores() - snapshot.usage_cores, now)),
        spread=None if saving is None else _spread(saving),
    )


def _spread(saving: Saving) -> SpreadDocument:
    return SpreadDocument(
        baseline_watts=saving.baseline_watts,
        saved_watts=saving.saved_watts,
        nodes=saving.nodes,
        pods=saving.pods,
        measured_saved_watts=saving.measured_watts,
        measured_nodes=saving.measured_nodes,
    )


def model_document(label: str, predictor: Predictor | AsyncPredictor) -> ModelDocument:
    """Return what is known of a model; one that is not a file of ours states no errors."""
    errors = _held_out(getattr(predictor.backend, "metadata", {}))
    return ModelDocument(
        label=label,
        features=tuple(predictor.features),
        ranges=dict(predictor.ranges or {}),
        error_watts=errors.get("mae"),
        error_percent=errors.get("mape"),
    )


def _held_out(metadata: object) -> dict[str, float]:
    """Return the errors on all rows that a model was not fitted to."""
    try:
        found = ModelInfo.from_props(metadata).metrics if isinstance(metadata, Mapping) else {}
    except WaoError:
        return {}
    part = found.get("held_out")
    whole = part.get("all") if isinstance(part, dict) else None
    return {name: float(value) for name, value in (whole or {}).items() if isinstance(value, int | float)}


def _nodes(snapshot: ClusterSnapshot, assumed: FloatArray, now: float) -> list[NodeDocument]:
    columns = {
        "capacity_cores": snapshot.capacity_cores,
        "usage_cores": snapshot.usage_cores,
        "assumed_cores": assumed,
        "usage_age": now - snapshot.usage_at,
        "floor_cores": snapshot.floor_cores,
        "inlet_temp": snapshot.inlet_temp,
        "inlet_temp_age": now - snapshot.inlet_temp_at,
        "delta_p": snapshot.delta_p,
        "delta_p_age": now - snapshot.delta_p_at,
        "residual_watts": snapshot.residual_watts.round(_DECIMALS),
    }
    rows = zip(*(_values(column) for column in columns.values()), strict=True)
    watts = np.round(snapshot.curves.watts, _DECIMALS).tolist()
    known = snapshot.curves.known.tolist()
    texts = zip(snapshot.names, snapshot.models, snapshot.reasons, strict=True)
    return [
        NodeDocument(
            name=name,
            model=model,
            reason=reason,
            watts=tuple(watts[row]) if known[row] else None,
            **dict(zip(columns, numbers, strict=True)),
        )
        for row, ((name, model, reason), numbers) in enumerate(zip(texts, rows, strict=True))
    ]


def _values(column: FloatArray) -> list[float | None]:
    known = np.isfinite(column).tolist()
    return [value if finite else None for value, finite in zip(column.tolist(), known, strict=True)]
