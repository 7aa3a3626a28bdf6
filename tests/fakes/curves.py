"""Models and a curve book for tests: no file, no server and no clock but their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.model_inputs import Conditions
from wao_predict import Predictor
from wao_predict.endpoint import Endpoint
from wao_predict.features import FEATURES


class FakeModel:
    """A model that is linear in CPU load and inlet temperature, counts its calls, and raises `error` if set.

    Features beyond the standard ones have no influence; without inlet_temp, it is linear in CPU load.
    """

    def __init__(self, features: Sequence[str] = FEATURES) -> None:
        self.features = tuple(features)
        self.calls: list[int] = []
        self.error: Exception | None = None

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(len(X))
        if self.error is not None:
            raise self.error
        columns = dict(zip(self.features, X.T, strict=True))
        return np.asarray(100.0 + columns["cpu_usage"] + columns.get("inlet_temp", 0.0))


class Clock:
    """A clock that tests move by hand [s since the epoch]."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class CurveBench:
    """A curve book over models by endpoint, of which some hang."""

    def __init__(self, *, asks_in_cores: bool = False, **models: FakeModel) -> None:
        self.models = models
        self.clock = Clock()
        self.hanging: set[str] = set()
        self.book = CurveBook(self.open, asks_in_cores=asks_in_cores, clock=self.clock)

    async def open(self, key: Endpoint) -> Predictor:
        if key.url in self.hanging:
            await asyncio.Event().wait()
        return Predictor(self.models[key.url])

    async def ask(self, **conditions: tuple[str, float]) -> None:
        wanted = {node: Conditions(Endpoint("Onnx", model), value, 5.0) for node, (model, value) in conditions.items()}
        self.book.update(wanted)
        await self.book.settle(0.5)
