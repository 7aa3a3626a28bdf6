"""Models in ONNX files, run in this process by onnxruntime: one call for each batch, one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import MissingExtra, ModelLoadError, PredictError
from wao_predict.features import FEATURES, FeatureRanges

MAX_MODEL_BYTES = 256 * 1024 * 1024


class OnnxBackend:
    """A model file with one input of three features, (n_samples, 3), and watts as its first output.

    The metadata of files written by `wao train` states the features and their units, the ranges that the model was
    trained on, and the CPU loads at which its curve has knots. Other files need not have any metadata.

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

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> OnnxBackend:
        """Return the model whose name or file the endpoint's URL gives, if the context allows to open it."""
        return cls(context.model_files.find(endpoint.url))

    @property
    def name(self) -> str:
        """The model's name: from its metadata, else the file's."""
        return self.metadata.get("wao.name") or self.path.stem

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        if len(X) == 0:
            return np.empty(0)
        watts = self._run(X, self._watts_output)
        if watts.size != len(X):
            raise PredictError(f"model {self.path.name} returned {watts.size} values for {len(X)} rows")
        return watts.reshape(-1)

    def curves(self, inlet_temp: ArrayLike, delta_p: ArrayLike) -> FloatArray | None:
        """Return watts at `knots` for each pair of conditions, shape (n, k), from one forward pass.

        None when the model has no such output.
        """
        if self.knots is None or "curve" not in self._outputs:
            return None
        temperature, pressure = (np.asarray(values, dtype=np.float64) for values in (inlet_temp, delta_p))
        X = np.column_stack([np.full(temperature.shape, self.knots[0]), temperature, pressure])
        if self.ranges is not None:
            X[:, 1:] = self.ranges.clip(X)[:, 1:]
        watts = self._run(X, "curve")
        if watts.shape != (len(X), self.knots.size):
            expected = (len(X), self.knots.size)
            raise PredictError(f"the output curve of model {self.path.name} has shape {watts.shape}, not {expected}")
        return watts

    @property
    def _watts_output(self) -> str:
        return "watts" if "watts" in self._outputs else self._outputs[0]

    def _run(self, X: FloatArray, output: str) -> FloatArray:
        rows = np.ascontiguousarray(X, dtype=np.float32)
        try:
            values = self.session.run([output], {self._input: rows})[0]
            watts = np.asarray(values, dtype=np.float64)
        except Exception as error:  # onnxruntime raises a class of its own for each cause
            reason = " ".join(str(error).split())[:200]
            raise PredictError(f"model {self.path.name} failed: {reason}") from None
        if not np.isfinite(watts).all():
            raise PredictError(f"model {self.path.name} returned a value that is not finite")
        return watts


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("running an ONNX model", "onnx") from error
    if not path.is_file():
        raise ModelLoadError(f"there is no model file {path}; included models: `wao models`")
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise ModelLoadError(f"{path} is larger than {MAX_MODEL_BYTES >> 20} MiB: not a model for three features")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads lose on a busy machine
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each cause
        reason = " ".join(str(error).split())[:200]
        raise ModelLoadError(f"{path} is not a readable ONNX model: {reason}") from None


def _input_of(session: Any, path: Path) -> str:
    inputs = session.get_inputs()
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
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise ModelLoadError(f"{path}: its metadata wao.ranges is not a JSON map of feature to [low, high]") from None


def _knots(metadata: Mapping[str, str], path: Path) -> FloatArray | None:
    stated = metadata.get("wao.knots")
    if stated is None:
        return None
    try:
        knots = np.asarray(json.loads(stated), dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        knots = np.empty(0)
    if knots.ndim != 1 or knots.size < 2 or not np.isfinite(knots).all() or not (np.diff(knots) > 0).all():
        raise ModelLoadError(f"{path}: its metadata wao.knots is not an ascending JSON list of CPU loads")
    return knots
