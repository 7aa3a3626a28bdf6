"""The power curves of all nodes, predicted in the background: one batch call per model when inputs change.

Nothing here is in the path of a request. A model that fails or hangs does not delay others: its nodes keep their last
curves, with their age and the problem, and the model is called again with back-off.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from wao_core.aio import BackgroundTasks, cancel
from wao_predict.arrays import FloatArray
from wao_predict.backoff import Backoff
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, conditions_of, curve_rows, monotone, power_curves
from wao_predict.endpoint import Endpoint
from wao_predict.errors import WaoError, summary
from wao_predict.predictor import AsyncPredictor, Predictor

log = logging.getLogger(__name__)


TEMPERATURE_STEP = 0.25
"""Change of the inlet temperature after which a curve is predicted again [degC]; below the sensors' resolution."""
PRESSURE_STEP = 0.5
"""Change of the pressure difference after which a curve is predicted again [Pa]."""
STAND_INS = 64
"""Number of existing curves that are searched for a stand-in when a node has none."""
CALL_TIMEOUT = 30.0
"""Limit for one batch call of a model [s]."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The inputs of one node's curve: its model, inlet temperature [degC] and pressure difference [Pa].

    An input that the model does not need, or that is not known, is NaN. `capacity_cores` is the node's CPU if the unit
    of models' CPU usage is cores, else 0.
    """

    model: Endpoint
    inlet_temp: float
    delta_p: float
    capacity_cores: float = 0.0

    def suffice(self, features: Collection[str]) -> bool:
        """Return whether every input that a model with these features needs is known."""
        return not any(math.isnan(getattr(self, name, math.nan)) for name in features if name != "cpu_usage")

    def close_to(self, other: Conditions) -> bool:
        """Return whether a curve for `other` is still valid."""
        return (
            (self.model is other.model or self.model == other.model)
            and self.capacity_cores == other.capacity_cores
            and not abs(self.inlet_temp - other.inlet_temp) >= TEMPERATURE_STEP  # also if NaN, because not needed
            and not abs(self.delta_p - other.delta_p) >= PRESSURE_STEP
        )

    def distance(self, other: Conditions) -> float:
        """Return how different two sets of conditions are, in steps; inputs that are not known do not count."""
        steps = (
            abs(self.inlet_temp - other.inlet_temp) / TEMPERATURE_STEP,
            abs(self.delta_p - other.delta_p) / PRESSURE_STEP,
        )
        return sum(step for step in steps if not math.isnan(step))


@dataclass(frozen=True, slots=True, eq=False)
class CurveEntry:
    """One node's curve: watts at the book's knots, its conditions, and the time of prediction [s since the epoch]."""

    watts: FloatArray
    conditions: Conditions
    made_at: float


@dataclass
class _Model:
    """One model: its predictor and the state of its calls."""

    predictor: Predictor | AsyncPredictor | None = None
    task: asyncio.Task[None] | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=1.0, maximum=60.0))
    retry_at: float = 0.0
    problem: str = ""


Opener = Callable[[Endpoint], Awaitable[Predictor | AsyncPredictor]]


class CurveBook:
    """Keeps a curve for every node that has conditions.

    Parameters
    ----------
    open_model
        Opens the predictor of a model; may raise `WaoError`.
    max_age
        Time after which a curve is predicted again although its inputs did not change [s].
    asks_in_cores
        Pass `cpu_usage` to models in cores (the reference's cpuUsageFormat Raw) instead of percent. Models that state
        their own knots were trained on percent, and get percent anyway.
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
        self._models: dict[Endpoint, _Model] = {}
        self._tasks = BackgroundTasks()
        self._wanted: Mapping[str, Conditions] = {}
        self.version = 0  # grows with every new curve and every change of a model's health

    def entry(self, node: str) -> CurveEntry | None:
        """Return the last curve of a node, whatever its age, or None."""
        return self._entries.get(node)

    @property
    def settled(self) -> bool:
        """Whether every wanted curve exists, or its model has a problem."""
        return all(
            node in self._entries or self.problem(item.model) or not self._suffice(item)
            for node, item in self._wanted.items()
        )

    def stand_in(self, wanted: Conditions) -> CurveEntry | None:
        """Return the curve of a node with the same model and similar conditions, or None; for nodes without a curve."""
        alike = (
            entry
            for entry in self._entries.values()
            if entry.conditions.model == wanted.model and entry.conditions.capacity_cores == wanted.capacity_cores
        )
        return min(
            islice(alike, STAND_INS),
            key=lambda entry: entry.conditions.distance(wanted),
            default=None,
        )

    def problem(self, model: Endpoint) -> str:
        """Return the problem of a model that returns no curves, or an empty string."""
        known = self._models.get(model)
        return "" if known is None else known.problem

    def features(self, model: Endpoint) -> tuple[str, ...] | None:
        """Return the names of a model's features, None before the model is open."""
        known = self._models.get(model)
        return None if known is None or known.predictor is None else known.predictor.features

    def update(self, wanted: Mapping[str, Conditions]) -> None:
        """Set the wanted curves; missing and outdated ones are predicted in the background.

        The model of a node is opened even if some of the node's conditions are not known, because only an open model
        states which of them it needs.
        """
        self._wanted = wanted
        for node in [node for node in self._entries if node not in wanted or not self._suffice(wanted[node])]:
            del self._entries[node]
        batches: dict[Endpoint, dict[str, Conditions]] = {}
        now = self._clock()
        for node, conditions in wanted.items():
            if self._is_due(node, conditions, now):
                batches.setdefault(conditions.model, {})[node] = conditions
        for key in self._models.keys() - {conditions.model for conditions in wanted.values()}:
            self._retire(key)
        for key, batch in batches.items():
            model = self._models.setdefault(key, _Model())
            if (model.task is None or model.task.done()) and now >= model.retry_at:
                model.task = self._tasks.spawn(f"curves {key.label}", self._predict(key, model, batch))

    async def settle(self, timeout: float) -> None:
        """Wait until the running calls have ended, at most `timeout` seconds."""
        tasks = [model.task for model in self._models.values() if model.task is not None and not model.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def close(self) -> None:
        """Cancel running calls and close connections; return when all are closed."""
        for key in list(self._models):
            self._retire(key)
        await self._tasks.wait()

    def _is_due(self, node: str, conditions: Conditions, now: float) -> bool:
        entry = self._entries.get(node)
        if entry is None or not entry.conditions.close_to(conditions) or now - entry.made_at > self._max_age:
            return self._suffice(conditions)
        return False

    def _suffice(self, conditions: Conditions) -> bool:
        """Return whether the known conditions suffice for the model; True before the model is open."""
        features = self.features(conditions.model)
        return features is None or conditions.suffice(features)

    def _retire(self, key: Endpoint) -> None:
        model = self._models.pop(key)
        if model.task is not None:
            model.task.cancel()  # now: its curves must not appear later
        self._tasks.spawn(f"close {key.label}", _close(model))

    async def _predict(self, key: Endpoint, model: _Model, batch: Mapping[str, Conditions]) -> None:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                if model.predictor is None:
                    model.predictor = await self._open(key)
                features = model.predictor.features
                batch = {node: conditions for node, conditions in batch.items() if conditions.suffice(features)}
                watts = await self._curves(model.predictor, list(batch.values()))
        except (WaoError, TimeoutError) as error:
            self._failed(key, model, summary(error) or f"no answer in {CALL_TIMEOUT:g} s", error)
            return
        except Exception as error:  # a fault of a plug-in must not end the loop
            log.exception("model %s failed", key.label)
            reason = f"it failed with {type(error).__name__}; the log of the server has the details"
            self._failed(key, model, reason, error)
            return
        made_at = self._clock()
        for row, (node, conditions) in enumerate(batch.items()):
            self._entries[node] = CurveEntry(watts[row], conditions, made_at)
        if model.problem:
            log.info("model %s works again", key.label)
        model.backoff.reset()
        model.retry_at, model.problem = 0.0, ""
        self.version += 1

    async def _curves(self, predictor: Predictor | AsyncPredictor, wanted: Sequence[Conditions]) -> FloatArray:
        if not wanted:
            return np.empty((0, self.knots.size))
        temperature = np.array([item.inlet_temp for item in wanted])
        pressure = np.array([item.delta_p for item in wanted])
        in_cores = self.asks_in_cores and getattr(predictor.backend, "knots", None) is None
        if isinstance(predictor, Predictor) and not in_cores:
            curves = await asyncio.to_thread(power_curves, predictor, temperature, pressure)
            return on_knots(curves, self.knots)
        X = curve_rows(predictor.features, conditions_of(predictor.features, temperature, pressure), self.knots)
        if in_cores:
            X[:, predictor.features.index("cpu_usage")] *= np.repeat(
                [item.capacity_cores / 100.0 for item in wanted], self.knots.size
            )
        if isinstance(predictor, Predictor):
            prediction = await asyncio.to_thread(predictor.predict_detailed, X)
        else:
            prediction = await predictor.predict_detailed(X)
        return monotone(prediction.watts.reshape(temperature.size, self.knots.size))

    def _failed(self, key: Endpoint, model: _Model, reason: str, error: Exception) -> None:
        model.retry_at = self._clock() + model.backoff.next()
        if model.problem != reason:
            log.warning("model %s returns no curves: %s", key.label, error or reason)
            model.problem = reason
            self.version += 1


async def _close(model: _Model) -> None:
    """Close a model's predictor after its call has ended."""
    if model.task is not None:
        await cancel(model.task)
    if isinstance(model.predictor, AsyncPredictor):
        await model.predictor.close()
    elif model.predictor is not None:
        model.predictor.close()


def on_knots(curves: PowerCurves, knots: FloatArray) -> FloatArray:
    """Return watts of shape (n, k) at other knots, by linear interpolation."""
    if curves.knots.shape == knots.shape and np.allclose(curves.knots, knots):
        return curves.watts
    rows = np.repeat(np.arange(len(curves)), knots.size)
    return curves.at(np.tile(knots, len(curves)), rows=rows).reshape(len(curves), knots.size)
