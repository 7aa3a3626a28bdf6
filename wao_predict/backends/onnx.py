"""Models in ONNX files, run in this process by onnxruntime: one call for each batch, one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.curves import checked_knots, curve_rows
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import MissingExtra, ModelLoadError, PredictError, UsageError
from wao_predict.features import FEATURES, FeatureRanges, checked_features
from wao_predict.intervals import Intervals
from wao_predict.json_values import NOT_JSON
from wao_predict.models.metadata import MAX_MODEL_BYTES, ranges_from_json


class OnnxBackend:
    """A model file with one input of features, (n_samples, n_features), and watts as its first output.

    The metadata of files written by `wao train` states the features and their units, the ranges that the model was
    trained on, and the CPU loads at which its curve has knots. Other files need not have any metadata: their features
    are `FEATURES`.

    Raises
    ------
    ModelLoadError
        The file cannot be read, or its input does not have its features.
    MissingExtra
        onnxruntime is not installed.
    """

    default_features: tuple[str, ...] = FEATURES
    """Features of a file that does not name its own."""

    @staticmethod
    def check_features(names: Sequence[str]) -> tuple[str, ...]:
        """Return the features that a file names; a subclass for other models than of servers has its own rule."""
        return checked_features(names)

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._load(_bytes(self.path))

    def _load(self, model: bytes) -> None:
        self._model = model
        self.session = _session(model, self.path)
        self.metadata: Mapping[str, str] = dict(self.session.get_modelmeta().custom_metadata_map)
        self.features = self._stated_features()
        self._input = _input_of(self.session, self.path, self.features)
        self._outputs = [output.name for output in self.session.get_outputs()]
        self.ranges = _ranges(self.metadata, self.path, self.features)
        self.knots = _knots(self.metadata, self.path)
        self.intervals = _intervals(self.metadata, self.path)

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> OnnxBackend:
        """Return the model whose name or file the endpoint's URL gives, if the context allows to open it."""
        return cls(context.model_files.find(endpoint.url))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "model": self._model}  # another machine may not have the file

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._load(state["model"])

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

    def curves(self, *conditions: ArrayLike) -> FloatArray | None:
        """Return watts at `knots` for each set of conditions, shape (n, k), from one forward pass.

        None when the model has no such output.

        Parameters
        ----------
        conditions
            The features other than cpu_usage in their order, each of shape (n,).
        """
        if self.knots is None or "curve" not in self._outputs or not conditions:
            return None
        needed = np.column_stack([np.asarray(values, dtype=np.float64) for values in conditions])
        X = curve_rows(self.features, needed, self.knots[:1])
        if self.ranges is not None:
            X = self.ranges.clip(X)
        watts = self._run(X, "curve")
        if watts.shape != (len(X), self.knots.size):
            expected = (len(X), self.knots.size)
            raise PredictError(f"the output curve of model {self.path.name} has shape {watts.shape}, not {expected}")
        return watts

    @property
    def _watts_output(self) -> str:
        return "watts" if "watts" in self._outputs else self._outputs[0]

    def _stated_features(self) -> tuple[str, ...]:
        stated = self.metadata.get("wao.features")
        try:
            return self.default_features if stated is None else self.check_features(stated.split(","))
        except UsageError as error:
            raise ModelLoadError(f"{self.path}: its metadata wao.features: {error}") from None

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


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ModelLoadError(f"there is no model file {path}; included models: `wao models`")
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise ModelLoadError(f"{path} is larger than {MAX_MODEL_BYTES >> 20} MiB: no power model")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror}") from None


def _session(model: bytes, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("running an ONNX model", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads lose on a busy machine
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each cause
        reason = " ".join(str(error).split())[:200]
        table = "" if path.suffix.lower() == ".onnx" else ". The name of a table of cpu_usage and watts ends in .csv"
        raise ModelLoadError(f"{path} is not a readable ONNX model: {reason}{table}") from None


def _input_of(session: Any, path: Path, features: Sequence[str]) -> str:
    inputs = session.get_inputs()
    width = inputs[0].shape[1] if len(inputs) == 1 and len(inputs[0].shape) == 2 else 0
    if isinstance(width, int) and width != len(features):  # a name or None is a free dimension
        shapes = ", ".join(f"{item.name}{item.shape}" for item in inputs)
        raise ModelLoadError(
            f"{path} takes {shapes}: needed is one input of shape [n, {len(features)}] with {', '.join(features)}"
        )
    return str(inputs[0].name)


def _ranges(metadata: Mapping[str, str], path: Path, features: Sequence[str]) -> FeatureRanges | None:
    try:
        return ranges_from_json(metadata.get("wao.ranges"), features)
    except ValueError:
        raise ModelLoadError(f"{path}: its metadata wao.ranges is not a JSON map of feature to [low, high]") from None


def _intervals(metadata: Mapping[str, str], path: Path) -> Intervals | None:
    try:
        return Intervals.from_json(metadata.get("wao.intervals"))
    except ValueError as error:
        raise ModelLoadError(f"{path}: its metadata wao.intervals cannot be read: {error}") from None


def _knots(metadata: Mapping[str, str], path: Path) -> FloatArray | None:
    stated = metadata.get("wao.knots")
    if stated is None:
        return None
    try:
        return checked_knots(json.loads(stated))
    except NOT_JSON:
        raise ModelLoadError(f"{path}: its metadata wao.knots is not an ascending JSON list of CPU loads") from None
