"""Export a trained model to ONNX, with its description and errors as metadata."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import onnx
from onnx import helper

from wao_predict.features import FeatureRanges
from wao_predict.files import write_file
from wao_predict.models.metadata import ModelInfo


@runtime_checkable
class ExportsItself(Protocol):
    """A model with an ONNX graph of its own, such as `PowerCurveRegressor`."""

    def onnx_graph(self) -> tuple[onnx.ModelProto, ModelInfo]:
        """Return the graph, and a description with features, ranges and knots."""
        ...


def to_onnx(
    model: Any, path: Path | str, *, info: ModelInfo | None = None, ranges: FeatureRanges | None = None
) -> ModelInfo:
    """Write a fitted model to an ONNX file, and return its description.

    Parameters
    ----------
    model
        A fitted `PowerCurveRegressor`, or a fitted scikit-learn regressor or pipeline over the features of `info` that
        skl2onnx can convert.
    path
        File to write; an existing file is replaced atomically.
    info
        Name, features, source, licence, errors and intervals to store. By default the name is that of the file. A
        `PowerCurveRegressor` knows its features.
    ranges
        Trained ranges of a scikit-learn model; a `PowerCurveRegressor` knows its own.

    Raises
    ------
    UsageError
        The model is not fitted, does not take these features, or cannot be converted.
    """
    path = Path(path)
    card = info or ModelInfo(name=path.stem)
    if isinstance(model, ExportsItself):
        proto, own = model.onnx_graph()
        card = replace(card, features=own.features, ranges=own.ranges, knots=own.knots)
    else:
        from wao_predict.train.sklearn_route import sklearn_graph

        proto = sklearn_graph(model, card.features)
        card = replace(card, ranges=ranges or card.ranges)
    card = replace(card, path=path, created_with=card.created_with or f"wao-predict {version('wao-predict')}")
    del proto.metadata_props[:]
    helper.set_model_props(proto, card.to_props())
    write_file(path, proto.SerializeToString(deterministic=True))
    return card
