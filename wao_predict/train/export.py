"""Export a trained model to ONNX, with its description and errors as metadata."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from wao_predict.errors import UsageError
from wao_predict.features import FeatureRanges
from wao_predict.models.metadata import ModelInfo
from wao_predict.train.graph import network_graph
from wao_predict.train.regressor import PowerCurveRegressor


def to_onnx(
    model: Any, path: Path | str, *, info: ModelInfo | None = None, ranges: FeatureRanges | None = None
) -> ModelInfo:
    """Write a fitted model to an ONNX file, and return its description.

    Parameters
    ----------
    model
        A fitted `PowerCurveRegressor`, or a fitted scikit-learn regressor or pipeline over (cpu_usage, inlet_temp,
        delta_p) that skl2onnx can convert.
    path
        File to write; an existing file is replaced atomically.
    info
        Name, source, licence and errors to store. By default the name is that of the file.
    ranges
        Trained ranges of a scikit-learn model; a `PowerCurveRegressor` knows its own.

    Raises
    ------
    UsageError
        The model is not fitted, does not take three features, or cannot be converted.
    """
    path = Path(path)
    card = info or ModelInfo(name=path.stem)
    if isinstance(model, PowerCurveRegressor):
        proto, card = _own(model, card)
    else:
        from wao_predict.train.sklearn_route import sklearn_graph

        proto = sklearn_graph(model)
        card = replace(card, ranges=ranges or card.ranges)
    card = replace(card, path=path, created_with=card.created_with or f"wao-predict {version('wao-predict')}")
    del proto.metadata_props[:]
    helper.set_model_props(proto, card.to_props())
    _write(path, proto)
    return card


def _own(model: PowerCurveRegressor, card: ModelInfo) -> tuple[onnx.ModelProto, ModelInfo]:
    if not hasattr(model, "network_"):
        raise UsageError("this PowerCurveRegressor is not fitted yet: call fit(X, watts) first")
    knots = tuple(float(knot) for knot in model.ticks_.cpu_usage)
    return network_graph(model.network_), replace(card, ranges=model.ranges_, knots=knots)


def _write(path: Path, proto: onnx.ModelProto) -> None:
    """Write a temporary file and rename it, so that a reader never sees an incomplete file."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_bytes(proto.SerializeToString(deterministic=True))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from None
