"""Models in ONNX files, run in this process by onnxruntime: one call per batch, one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict._errors import MissingExtra, ModelLoadError, PredictError
from wao_predict.backends.base import FloatArray
from wao_predict.features import FEATURES, FeatureRanges

MAX_MODEL_BYTES = 256 * 1024 * 1024


class OnnxBackend:
    """A model file with one input of three features, (n_samples, 3), and watts as its first output.

    Files written by `wao train` say in their metadata which features in which units, which ranges they were trained
    on, and at which CPU loads their curve has its knots; those written by others may say nothing of it.

    Raises
    ------
    ModelLoadError
        The file cannot be read, or its input is not the three features.
    MissingExtra
        onnxruntime is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.session = _session(self.path)
        self.metadata: Mapping[str, str] = dict(self.session.get_modelmeta().custom_metadata_map)
        self._input = _input_of(self.session, self.path)
        self._outputs = [output.name for output in self.session.get_outputs()]
        _check_features(self.metadata, self.path)
        self.ranges = _ranges(self.metadata, self.path)
        self.knots = _knots(self.metadata, self.path)

    @property
    def name(self) -> str:
        """The model's name: from its metadata, else the file's."""
        return self.metadata.get("wao.name") or self.path.stem

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        width = inputs[0].shape[1] if len(inputs) == 1 and len(inputs[0].shape) == 2 else 0

    if isinstance(width, int) and width != len(FEATURES):  # a name or None is a free dimension
        shapes = ", ".join(f"{item.name}{item.shape}" for item in inputs)
        raise ModelLoadError(f"{path} takes {shapes}: needed is one input of shape [n, 3] with {', '.join(FEATURES)}")
    return str(inputs[0].name)


def _check_features(metadata: Mapping[str, str], path: Path) -> None:
    stated = metadata.get("wao.features")
    if stated is not None and tuple(stated.split(",")) != FEATURES:
        raise ModelLoadError(f"{path} was trained on {stated}: needed is {','.join(FEATURES)} in this order")


def _ranges(metadata: Mapping[str, str], path: Path) -> FeatureRanges | None:
    stated = metadata.get("wao.ranges")
    if stated is None:
        return None
    try:
        box = json.loads(stated)
        return FeatureRanges(**{name: (float(box[name][0]), float(box[name][1])) for name in FEATURES})
    except (ValueError, TypeError, KeyError, IndexError):
        raise ModelLoadError(f"{path}: its metadata wao.ranges is not a JSON map of feature to [low, high]") from None


def _knots(metadata: Mapping[str, str], path: Path) -> FloatArray | None:
    stated = metadata.get("wao.knots")
    if stated is None:
        return None
    try:
        knots = np.asarray(json.loads(stated), dtype=np.float64)
    except (ValueError, TypeError):
        knots = np.empty(0)
    if knots.ndim != 1 or knots.size < 2 or not (np.diff(knots) > 0).all():
        raise ModelLoadError(f"{path}: its metadata wao.knots is not an ascending JSON list of CPU loads")
    return knots
