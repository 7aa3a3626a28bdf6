"""Predictors: from any table to power, with a warning for rows outside the trained range."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, cast, overload

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.backends.base import Backend, LocalBackend, RemoteBackend, features_of, ranges_of
from wao_predict.connection import Credentials, HttpOptions, TlsPolicy
from wao_predict.errors import OutOfRangeWarning, UsageError
from wao_predict.features import FeatureRanges, outside_texts
from wao_predict.flow import AsyncTransport, Transport, arun, run
from wao_predict.intervals import Intervals, PredictionInterval, required
from wao_predict.model_files import ModelFiles
from wao_predict.plugins import backend_type
from wao_predict.tables import as_matrix
from wao_predict.transport import AsyncHttpTransport, HttpTransport


@dataclass(frozen=True, eq=False)
class Prediction:
    """The power of a table's rows, and how it was predicted.

    Attributes
    ----------
    watts
        Power of each row [W], shape (n_samples,).
    out_of_range
        Indices of the rows outside the trained range, which were predicted at the nearest trained value.
    model
        Name of the model.
    low, high
        Bounds of the power of each row [W], shape (n_samples,), if an interval was requested.
    """

    watts: FloatArray
    out_of_range: IntArray
    model: str
    low: FloatArray | None = None
    high: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class _Question:
    """A table as it was given, and within the trained range; the ranges are None if the model states none."""

    given: FloatArray
    X: FloatArray
    ranges: FeatureRanges | None

    @cached_property
    def out_of_range(self) -> IntArray:
        """The indices of the rows that were changed."""
        if self.ranges is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.ranges.outside(self.given))

    def warn(self, model: str) -> None:
        """Warn of values outside the trained range, with the first of each feature."""
        if self.ranges is None or not self.out_of_range.size:
            return
        outside = outside_texts(self.ranges, dict(zip(self.ranges, self.given.T, strict=True)))
        warnings.warn(
            f"{model}: {outside}, its trained range: predicted at the nearest trained value",
            OutOfRangeWarning,
            stacklevel=3,
        )


class _Shared:
    """The common part of both predictors."""

    def __init__(self, backend: Backend, *, name: str = "") -> None:
        if not hasattr(backend, "predict") and not hasattr(backend, "flow"):
            raise UsageError(
                f"{backend!r:.80} is no model: give an object with predict(X), or use load_predictor(source) for a "
                "name, a file or a URL"
            )
        self.backend = backend
        self.name = name or str(getattr(backend, "name", "") or type(backend).__name__)
        self.features = features_of(backend)
        self.ranges = ranges_of(backend)
        intervals = getattr(backend, "intervals", None)
        self.intervals = intervals if isinstance(intervals, Intervals) else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def _is_remote(self) -> bool:
        return hasattr(self.backend, "flow")

    def _question(self, X: object) -> _Question:
        given = as_matrix(X, self.features)
        return _Question(given, given if self.ranges is None else self.ranges.clip(given), self.ranges)

    def _prediction(self, question: _Question, watts: FloatArray) -> Prediction:
        return Prediction(np.asarray(watts, dtype=np.float64).reshape(-1), question.out_of_range, self.name)

    def _bounds(self, level: float | None, question: _Question) -> tuple[FloatArray, FloatArray] | None:
        """Return how far the bounds of an interval are from each row's power [W], None without an interval."""
        if level is None:
            return None
        known = required(self.intervals, self.name)
        return known.at(question.X[:, self.features.index("cpu_usage")], level)


def _bounded(prediction: Prediction, bounds: tuple[FloatArray, FloatArray] | None) -> Prediction:
    if bounds is None:
        return prediction
    low, high = bounds
    return replace(prediction, low=np.maximum(prediction.watts + low, 0.0), high=prediction.watts + high)


def _watts_of(prediction: Prediction) -> FloatArray | PredictionInterval:
    if prediction.low is None or prediction.high is None:
        return prediction.watts
    return PredictionInterval(prediction.watts, prediction.low, prediction.high)


class Predictor(_Shared):
    """Predicts power from a table.

    Parameters
    ----------
    backend
        Anything with `predict(X)`, such as a fitted scikit-learn regressor, or a remote backend. The features are those
        that it names, see `wao_predict.backends.base.features_of`.
    transport
        Sends the requests of a remote backend.
    name
        Name of the model in messages.

    Examples
    --------
    >>> from wao_predict.backends.fake import FakeBackend
    >>> Predictor(FakeBackend(100.0, 2.0)).predict([[50, 22, 10]]).tolist()
    [200.0]
    """

    def __init__(self, backend: Backend, *, transport: Transport | None = None, name: str = "") -> None:
        super().__init__(backend, name=name)
        self._transport = transport
        if self._is_remote and transport is None:
            raise UsageError(f"{self.name} predicts on a server: give a transport, or use load_predictor")

    @overload
    def predict(self, X: object, *, interval: None = None) -> FloatArray: ...

    @overload
    def predict(self, X: object, *, interval: float) -> PredictionInterval: ...

    def predict(self, X: object, *, interval: float | None = None) -> FloatArray | PredictionInterval:
        """Return the power of each row [W], shape (n_samples,).

        Parameters
        ----------
        X
            A table with the columns `features`, see `as_matrix`.
        interval
            Share of measurements that an interval around the power is to cover, such as 0.9. The result is then
            (watts, low, high).

        Raises
        ------
        FeatureError
            The table is not valid.
        RemoteError
            The server gave no usable answer.
        UsageError
            The model has no intervals, or not for this share.

        Warns
        -----
        OutOfRangeWarning
            Some rows are outside the trained range and were predicted at the nearest trained value.
        """
        question = self._question(X)
        bounds = self._bounds(interval, question)
        question.warn(self.name)
        return _watts_of(_bounded(self._answer(question), bounds))

    def predict_detailed(self, X: object, *, interval: float | None = None) -> Prediction:
        """Return the power, its bounds, and the rows outside the trained range; like `predict`, without the warning."""
        question = self._question(X)
        bounds = self._bounds(interval, question)
        return _bounded(self._answer(question), bounds)

    def _answer(self, question: _Question) -> Prediction:
        if self._is_remote:
            assert self._transport is not None
            watts = run(cast(RemoteBackend, self.backend).flow(question.X), self._transport)
        else:
            watts = cast(LocalBackend, self.backend).predict(question.X)
        return self._prediction(question, watts)

    def close(self) -> None:
        """Close connections."""
        if self._transport is not None:
            self._transport.close()

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncPredictor(_Shared):
    """The asynchronous `Predictor`. A local model runs in the event loop, as a batch takes less than a millisecond."""

    def __init__(self, backend: Backend, *, transport: AsyncTransport | None = None, name: str = "") -> None:
        super().__init__(backend, name=name)
        self._transport = transport
        if self._is_remote and transport is None:
            raise UsageError(f"{self.name} predicts on a server: give a transport, or use load_async_predictor")

    @overload
    async def predict(self, X: object, *, interval: None = None) -> FloatArray: ...

    @overload
    async def predict(self, X: object, *, interval: float) -> PredictionInterval: ...

    async def predict(self, X: object, *, interval: float | None = None) -> FloatArray | PredictionInterval:
        """Return the power of each row [W], shape (n_samples,), or an interval; see `Predictor.predict`."""
        question = self._question(X)
        bounds = self._bounds(interval, question)
        question.warn(self.name)
        return _watts_of(_bounded(await self._answer(question), bounds))

    async def predict_detailed(self, X: object, *, interval: float | None = None) -> Prediction:
        """Return the power, its bounds, and the rows outside the trained range; see `Predictor.predict_detailed`."""
        question = self._question(X)
        bounds = self._bounds(interval, question)
        return _bounded(await self._answer(question), bounds)

    async def _answer(self, question: _Question) -> Prediction:
        if self._is_remote:
            assert self._transport is not None
            watts = await arun(cast(RemoteBackend, self.backend).flow(question.X), self._transport)
        else:
            watts = cast(LocalBackend, self.backend).predict(question.X)
        return self._prediction(question, watts)

    async def close(self) -> None:
        """Close connections."""
        if self._transport is not None:
            await self._transport.close()

    async def __aenter__(self) -> AsyncPredictor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a remote backend is reached."""

    credentials: Credentials | None = None
    tls: TlsPolicy | None = None
    options: HttpOptions | None = None


def load_predictor(
    source: str | Path, *, type: str | None = None, connection: Connection | None = None, **options: Any
) -> Predictor:
    """Return a predictor for a model.

    Parameters
    ----------
    source
        The name of an included model, the path of an ONNX file, the URL of a model on a V2 server, "redfish+https://host"
        for the model that a BMC names, or "fake". For a curve of power over load: "specpower:NAME" for a server type,
        the path of a CSV file with the columns cpu_usage and watts, or points such as "curve:0=62,50=96,100=120".
    type
        Type of the backend as in a NodeConfig, if the source does not show it: Fake, Onnx, PowerCurve,
        V2InferenceProtocol, Redfish or the type of a plug-in.
    connection
        Credentials and TLS for a remote backend.
    options
        Passed to the backend. For a V2 server: input_name, output_name, datatype, max_batch_size and content_type. By
        default they are the metadata of the server. For a curve of load: inlet_percent, see `PowerCurveBackend`.

    Raises
    ------
    BackendNotFound
        No backend of that type is installed.
    ModelLoadError
        There is no such model, or it cannot be read.

    Examples
    --------
    >>> load_predictor("fake").predict({"cpu_usage": [10], "inlet_temp": [22], "delta_p": [10]}).tolist()
    [3.14]
    """
    backend, name, url = _backend(source, type, options)
    transport = None
    if url is not None:
        how = connection or Connection()
        transport = HttpTransport(url, credentials=how.credentials, tls=how.tls, options=how.options)
    return Predictor(backend, transport=transport, name=name)


def load_async_predictor(
    source: str | Path, *, type: str | None = None, connection: Connection | None = None, **options: Any
) -> AsyncPredictor:
    """Return an asynchronous predictor; see `load_predictor`."""
    backend, name, url = _backend(source, type, options)
    transport = None
    if url is not None:
        how = connection or Connection()
        transport = AsyncHttpTransport(url, credentials=how.credentials, tls=how.tls, options=how.options)
    return AsyncPredictor(backend, transport=transport, name=name)


def _backend(source: str | Path, type_: str | None, options: dict[str, Any]) -> tuple[Backend, str, str | None]:
    """Return the backend, its name, and the base URL of its transport if it has one."""
    kind, where = _kind_of(str(source), type_)
    try:
        cls = backend_type(kind)
        if kind == "Fake":
            return cls(**options), "fake", None
        if kind == "PowerCurve":
            curve = (
                cls.from_csv(where, **options) if where.lower().endswith(".csv") else cls.from_source(where, **options)
            )
            return curve, curve.name, None
        backend = cls(ModelFiles(anywhere=True).find(where) if kind == "Onnx" else where, **options)
    except TypeError as error:
        raise UsageError(f"backend {kind} cannot be made of these options: {error}") from None
    if hasattr(backend, "flow"):
        return backend, where, where
    return backend, str(getattr(backend, "name", where)), None


def _kind_of(source: str, type_: str | None) -> tuple[str, str]:
    if source.startswith("redfish+"):
        return type_ or "Redfish", source.removeprefix("redfish+")
    if type_ is not None:
        return type_, source
    if source.lower() == "fake":
        return "Fake", ""
    if source.startswith(("specpower:", "curve:")) or source.lower().endswith(".csv"):
        return "PowerCurve", source
    return ("V2InferenceProtocol" if source.startswith(("http://", "https://")) else "Onnx"), source
