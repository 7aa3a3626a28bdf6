"""The power curves of all nodes, predicted in the background: one batch call per model when inputs change.

Nothing here is in the path of a request. A model that fails or hangs does not delay others: its nodes keep their last
curves, with their age and the problem, and the model is called again with back-off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from wao_core.aio import BackgroundTasks, cancel
from wao_core.prediction.model_inputs import Conditions, Needs
from wao_predict.arrays import FloatArray
from wao_predict.backoff import Backoff
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, conditions_of, curve_rows, monotone, power_curves
from wao_predict.endpoint import Endpoint
from wao_predict.errors import WaoError, summary
from wao_predict.predictor import AsyncPredictor, Predictor

log = logging.getLogger(__name__)


STAND_INS = 64
"""Number of existing curves that are searched for a stand-in when a node has none."""
CALL_TIMEOUT = 30.0
"""Limit for one batch call of a model [s]."""


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
    needs: Needs | None = None  # known when it is open
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

    @property
    def models(self) -> int:
        """Number of models in use."""
        return len(self._models)

    def predictors(self) -> dict[str, Predictor | AsyncPredictor]:
        """Return the open predictors by the label of their model."""
        return {key.label: model.predictor for key, model in self._models.items() if model.predictor is not None}

    def entry(self, node: str) -> CurveEntry | None:
        """Return the last curve of a node, whatever its age, or None."""
        return self._entries.get(node)

    @property
    def settled(self) -> bool:
        """Whether every wanted curve exists, or its model has a problem."""
        incomplete = self._incomplete(self._wanted)
        return all(
            node in self._entries or node in incomplete or self.problem(item.model)
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

    def needs(self, model: Endpoint) -> Needs | None:
        """Return the inputs that a model needs, None before the model is open."""
        known = self._models.get(model)
        return None if known is None else known.needs

    def update(self, wanted: Mapping[str, Conditions]) -> None:
        """Set the wanted curves; missing and outdated ones are predicted in the background.

        The model of a node is opened even if some of the node's conditions are not known, because only an open model
        states which of them it needs.
        """
        self._wanted = wanted
        incomplete = self._incomplete(wanted)
        for node in self._entries.keys() - (wanted.keys() - incomplete):
            del self._entries[node]
        batches: dict[Endpoint, dict[str, Conditions]] = {}
        now = self._clock()
        for node, conditions in wanted.items():
            if node not in incomplete and self._is_due(node, conditions, now):
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
        if entry is None or not entry.conditions.close_to(conditions):
            return True
        return now - entry.made_at > self._max_age

    def _incomplete(self, wanted: Mapping[str, Conditions]) -> set[str]:
        """Return the nodes whose model is open and needs an input that is not known."""
        needs = {key: model.needs for key, model in self._models.items() if model.needs is not None}
        return {
            node
            for node, conditions in wanted.items()
            if (needed := needs.get(conditions.model)) is not None and not needed.met_by(conditions)
        }

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
                needs = model.needs = Needs.of(model.predictor.features)
                batch = {node: conditions for node, conditions in batch.items() if needs.met_by(conditions)}
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
