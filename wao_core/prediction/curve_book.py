"""The power curves of all nodes, predicted in the background: one batch call per model when inputs move.

Nothing here is in a request's path. A model that fails or hangs holds up nobody else: its nodes keep their last
curves, which age and say why, and it is asked again with back-off.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wao_predict import WaoError
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, curve_rows, monotone, power_curves
from wao_predict.predictor import AsyncPredictor, Predictor

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

TEMPERATURE_STEP = 0.25
"""Degrees Celsius that an inlet temperature moves before a curve is predicted again; below the sensors' resolution."""
PRESSURE_STEP = 0.5
"""Pascal that a pressure difference moves before a curve is predicted again."""
STAND_INS = 64
"""Curves among which a node without one is given the most similar."""
CALL_TIMEOUT = 30.0
"""Seconds for one batch call of a remote model."""


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What makes two nodes share a model: type, endpoint, Secret ("namespace/name") and options as JSON."""

    type: str
    endpoint: str
    secret: str = ""
    options: str = "{}"

    @property
    def label(self) -> str:
        """The model's name for people: "Onnx edge_lenovo"."""
        return f"{self.type} {self.endpoint}".strip()


@dataclass(frozen=True, slots=True)
class Conditions:
    """The inputs of one node's curve: its model, inlet temperature [degC] and pressure difference [Pa].

    `capacity_cores` is the node's CPU where models are asked in cores, else 0.
    """

    model: ModelKey
    inlet_temp: float
    delta_p: float
    capacity_cores: float = 0.0

    def close_to(self, other: Conditions) -> bool:
        """Return whether a curve for `other` still holds."""
        return (
            (self.model is other.model or self.model == other.model)
            and self.capacity_cores == other.capacity_cores
            and abs(self.inlet_temp - other.inlet_temp) < TEMPERATURE_STEP
            and abs(self.delta_p - other.delta_p) < PRESSURE_STEP
        )


@dataclass(frozen=True, slots=True, eq=False)
class CurveEntry:
    """One node's curve: watts at the book's knots, the conditions it was made for, and when [s since the epoch]."""

    watts: FloatArray
    conditions: Conditions
    made_at: float


@dataclass
class _Model:
    """One model: its predictor, and how its calls went."""

    predictor: Predictor | AsyncPredictor | None = None
    task: asyncio.Task[None] | None = None
    failures: int = 0
    retry_at: float = 0.0
    problem: str = ""
    asked: dict[str, Conditions] = field(default_factory=dict)


Opener = Callable[[ModelKey], Awaitable[Predictor | AsyncPredictor]]


class CurveBook:
    """Keeps a curve for every node that has conditions.

    Parameters
    ----------
    open_model
        Makes the predictor of a model; may read a Secret, and may raise `WaoError`.
    max_age
        Seconds after which a curve is predicted again though its inputs did not move.
    asks_in_cores
        Give models `cpu_usage` in cores (the reference's cpuUsageFormat Raw) instead of percent; a model that states
        its own knots was trained on percent and is asked in percent all the same.
    """

    knots: FloatArray = DEFAULT_KNOTS

    def __init__(
        self,
        open_model: Opener,
        *,
        max_age: float = 900.0,
        asks_in_cores: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._open = open_model
        self.asks_in_cores = asks_in_cores
        self._max_age = max_age
        self._clock = clock
        self._entries: dict[str, CurveEntry] = {}
        self._models: dict[ModelKey, _Model] = {}
        self._wanted: Mapping[str, Conditions] = {}
        self.version = 0  # grows with every new curve and every change of a model's health

    def entry(self, node: str) -> CurveEntry | None:
        """Return the last curve of a node, whatever its age."""
        return self._entries.get(node)

    @property
    def settled(self) -> bool:
        """Whether every curve that is wanted is there, or its model gives none."""
        return all(node in self._entries or self.problem(item.model) for node, item in self._wanted.items())

    def stand_in(self, wanted: Conditions) -> CurveEntry | None:
        """Return the curve of a node with the same model and similar conditions, for a node that has none yet."""
        alike = (
            entry
            for entry in self._entries.values()
            if entry.conditions.model == wanted.model and entry.conditions.capacity_cores == wanted.capacity_cores
        )
        return min(
            islice(alike, STAND_INS),
            key=lambda entry: (
                abs(entry.conditions.inlet_temp - wanted.inlet_temp) / TEMPERATURE_STEP
                + abs(entry.conditions.delta_p - wanted.delta_p) / PRESSURE_STEP
            ),
            default=None,
        )

    def problem(self, model: ModelKey) -> str:
        """Return why a model gives no curves now, or ""."""
        known = self._models.get(model)
        return "" if known is None else known.problem

    def update(self, wanted: Mapping[str, Conditions]) -> None:
        """Say what curves are wanted; missing and outdated ones are predicted in the background."""
        self._wanted = wanted
        for node in self._entries.keys() - wanted.keys():
            del self._entries[node]
        batches: dict[ModelKey, dict[str, Conditions]] = {}
        now = self._clock()
        for node, conditions in wanted.items():
            if self._is_due(node, conditions, now):
                batches.setdefault(conditions.model, {})[node] = conditions
        for key in self._models.keys() - {conditions.model for conditions in wanted.values()}:
            self._retire(key)
        for key, batch in batches.items():
            model = self._models.setdefault(key, _Model())
            if (model.task is None or model.task.done()) and now >= model.retry_at:
                model.task = asyncio.create_task(self._predict(key, model, batch), name=f"curves {key.label}")

    async def settle(self, timeout: float) -> None:
        """Wait until the calls under way have ended, at most `timeout` seconds."""
        tasks = [model.task for model in self._models.values() if model.task is not None and not model.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def close(self) -> None:
        """End calls under way and close connections."""
        for key in list(self._models):
            self._retire(key)
        await asyncio.sleep(0)

    def _is_due(self, node: str, conditions: Conditions, now: float) -> bool:
        entry = self._entries.get(node)
        if entry is None or not entry.conditions.close_to(conditions):
            return True
        return now - entry.made_at > self._max_age

    def _retire(self, key: ModelKey) -> None:
        model = self._models.pop(key)
        if model.task is not None:
            model.task.cancel()
        predictor = model.predictor
        if isinstance(predictor, AsyncPredictor):
            task = asyncio.ensure_future(predictor.close())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        elif predictor is not None:
            predictor.close()

    async def _predict(self, key: ModelKey, model: _Model, batch: Mapping[str, Conditions]) -> None:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                if model.predictor is None:
                    model.predictor = await self._open(key)
                watts = await self._curves(model.predictor, list(batch.values()))
        except (WaoError, TimeoutError) as error:
            self._failed(key, model, str(error) or f"no answer in {CALL_TIMEOUT:g} s")
            return
        except Exception as error:  # a plug-in's fault must not end the loop for all
            log.exception("model %s failed", key.label)
            self._failed(key, model, f"{type(error).__name__}: {error}")
            return
        made_at = self._clock()
        for row, (node, conditions) in enumerate(batch.items()):
            self._entries[node] = CurveEntry(watts[row], conditions, made_at)
        if model.problem:
            log.info("model %s answers again", key.label)
        model.failures, model.retry_at, model.problem = 0, 0.0, ""
        self.version += 1

    async def _curves(self, predictor: Predictor | AsyncPredictor, asked: Sequence[Conditions]) -> FloatArray:
        temperature = np.array([item.inlet_temp for item in asked])
        pressure = np.array([item.delta_p for item in asked])
        in_cores = self.asks_in_cores and getattr(predictor.backend, "knots", None) is None
        if isinstance(predictor, Predictor) and not in_cores:
            curves = await asyncio.to_thread(power_curves, predictor, temperature, pressure)
            return on_knots(curves, self.knots)
        X = curve_rows(temperature, pressure, self.knots)
        if in_cores:
            X[:, 0] *= np.repeat([item.capacity_cores / 100.0 for item in asked], self.knots.size)
        if isinstance(predictor, Predictor):
            prediction = await asyncio.to_thread(predictor.predict_detailed, X)
        else:
            prediction = await predictor.predict_detailed(X)
        return monotone(prediction.watts.reshape(temperature.size, self.knots.size))

    def _failed(self, key: ModelKey, model: _Model, reason: str) -> None:
        wait = min(60.0, 2.0**model.failures) * (0.5 + 0.5 * random.random())
        model.failures += 1
        model.retry_at = self._clock() + wait
        if model.problem != reason:
            log.warning("model %s gives no curves: %s", key.label, reason)
            model.problem = reason
            self.version += 1


def on_knots(curves: PowerCurves, knots: FloatArray) -> FloatArray:
    """Return watts of shape (n, k) at other knots, by linear interpolation."""
    if curves.knots.shape == knots.shape and np.allclose(curves.knots, knots):
        return curves.watts
    rows = np.repeat(np.arange(len(curves)), knots.size)
    return curves.at(np.tile(knots, len(curves)), rows=rows).reshape(len(curves), knots.size)
