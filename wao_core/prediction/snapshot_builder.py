"""Builds snapshots from the cluster's state, the sensors' samples and the curve book.

What replaces a missing input, and the reason that the snapshot states for it, is in `wao_core.prediction.fallbacks`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from wao_core.cluster.records import Kind, Node, NodeMetrics
from wao_core.cluster.state import Change, ClusterState
from wao_core.collector.store import SampleStore
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.fallbacks import Inputs, Means, NodeCurve, SensorValues, joined, usage_reason
from wao_core.prediction.model_inputs import STANDARD, Conditions, Needs
from wao_core.prediction.node_floors import NodeFloors
from wao_core.prediction.node_models import NodeModels
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves
from wao_predict.endpoint import Endpoint

BATCH = 250
"""Number of nodes that one step of a build processes, in a few milliseconds."""
_IGNORED = (Kind.POD, Kind.WORKLOAD)
"""Kinds that snapshots do not contain."""
_NO_MEANS = Means()
POWER = "power_watts"
_NOT_NEEDED = (math.nan, "")
"""Value and reason of an input that a node's model does not need."""


@dataclass(slots=True, eq=False)
class _Draft:
    """The snapshot under construction: arrays that are filled row by row, NaN until then."""

    now: float
    names: tuple[str, ...]
    inputs: Inputs
    means: Mapping[Endpoint, Means]
    needs: Mapping[Endpoint, Needs]
    knots: FloatArray
    conditions: dict[str, Conditions] = field(default_factory=dict)
    reasons: list[str] = field(init=False)
    capacity: FloatArray = field(init=False)
    allocatable: FloatArray = field(init=False)
    usage: FloatArray = field(init=False)
    usage_at: FloatArray = field(init=False)
    window: FloatArray = field(init=False)
    watts: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.names)
        self.reasons = [""] * count
        self.capacity, self.allocatable, self.usage, self.usage_at, self.window = np.full((5, count), np.nan)
        self.watts = np.full((count, self.knots.size), np.nan)

    def batches(self) -> Iterator[range]:
        """Yield the rows in batches."""
        count = len(self.names)
        return (range(first, min(first + BATCH, count)) for first in range(0, count, BATCH))


class SnapshotBuilder:
    """Keeps the current snapshot.

    Parameters
    ----------
    state, samples
        The cluster's objects and the sensors' values.
    book
        The curves; the builder requests those that it needs.
    floors
        The lowest loads of the nodes, which the builder keeps.
    clock
        Returns the time [s since the epoch].
    """

    def __init__(
        self,
        state: ClusterState,
        samples: SampleStore,
        book: CurveBook,
        *,
        floors: NodeFloors | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state, self._samples, self._book, self._clock = state, samples, book, clock
        self._floors = floors or NodeFloors()
        self._models = NodeModels()
        self._usage: dict[str, NodeMetrics] = dict(state.node_metrics)  # metrics-server omits a node now and then
        self._names: tuple[str, ...] = ()
        self._index: dict[str, int] = {}
        self._stale_names = self._stale_configs = True
        self._changes = 0
        self._built_from = (-1, -1, -1)
        self._built_at = 0.0
        self._current: ClusterSnapshot | None = None
        self.close = state.subscribe([kind for kind in Kind if kind not in _IGNORED], self._observe)

    @property
    def current(self) -> ClusterSnapshot | None:
        """The last snapshot, None before the first."""
        return self._current

    @property
    def up_to_date(self) -> bool:
        """Whether nothing changed since the last snapshot."""
        return self._built_from == self._versions

    @property
    def _versions(self) -> tuple[int, int, int]:
        return self._changes, self._samples.version_of_all, self._book.version

    def refresh(self, *, every: float = 10.0) -> ClusterSnapshot:
        """Return the current snapshot; a new one if anything changed, or the last one is `every` seconds old."""
        for _ in self._build(every):
            pass
        return self._built()

    async def refresh_in_turns(self, *, every: float = 10.0) -> ClusterSnapshot:
        """Return the same as `refresh`, built in steps of a few milliseconds between which the event loop runs."""
        for _ in self._build(every):
            await asyncio.sleep(0)
        return self._built()

    def _built(self) -> ClusterSnapshot:
        assert self._current is not None
        return self._current

    def _build(self, every: float) -> Iterator[None]:
        """Build a snapshot if one is due. A change between two steps is in this snapshot or in the next one."""
        now = self._clock()
        if self._current is not None and self.up_to_date and now - self._built_at < every:
            return
        versions, self._built_at = self._versions, now
        self._update_names()
        self._update_models()
        draft = self._begin(now)
        yield
        for rows in draft.batches():
            yield
            for row in rows:
                self._set_conditions(draft, row)
        yield
        self._book.update(draft.conditions)
        for rows in draft.batches():
            yield
            for row in rows:
                self._set_cpu(draft, row)
                self._set_curve(draft, row)
        self._current = self._finish(draft)
        self._built_from = versions  # only now: until here the current snapshot is the previous one

    def _observe(self, change: Change) -> None:
        old, new = change.old, change.new
        if isinstance(old, Node) and isinstance(new, Node):
            if (old.capacity_cores, old.allocatable_cores) == (new.capacity_cores, new.allocatable_cores):
                return  # a heartbeat
        elif change.kind is Kind.NODE:
            self._stale_names = True
            if new is None:
                self._usage.pop(change.key, None)
        elif isinstance(new, NodeMetrics):
            self._usage[change.key] = new
        elif change.kind is Kind.NODE_CONFIG:
            self._stale_configs = True
        self._changes += 1

    def _update_names(self) -> None:
        if not self._stale_names:
            return
        self._names = tuple(sorted(self._state.nodes))
        self._index = {name: row for row, name in enumerate(self._names)}
        for gone in self._usage.keys() - self._index.keys() - self._state.node_metrics.keys():
            del self._usage[gone]
        self._stale_names = False

    def _update_models(self) -> None:
        if self._stale_configs:
            self._models = NodeModels(self._state.node_configs.values())
            self._stale_configs = False

    def _begin(self, now: float) -> _Draft:
        inlet_temp, delta_p = (
            SensorValues.of(metric, self._names, self._samples.by_node(metric), now)
            for metric in ("inlet_temp", "delta_p")
        )
        inputs = Inputs(inlet_temp, delta_p)
        models = [self._models.get(name) for name in self._names]
        needs = {model: self._book.needs(model) or STANDARD for model in set(models) if model is not None}
        return _Draft(now, self._names, inputs, inputs.means(models), needs, self._book.knots)

    def _set_conditions(self, draft: _Draft, row: int) -> None:
        """Set a node's conditions, and the reason for each that its model needs and that is not measured and fresh."""
        name = draft.names[row]
        model = self._models.get(name)
        if model is None:
            draft.reasons[row] = self._models.why_none(name)
            return
        needs = draft.needs[model]
        means = draft.means.get(model, _NO_MEANS)
        inlet_temp, temperature_reason = delta_p, pressure_reason = _NOT_NEEDED
        if needs.inlet_temp:
            inlet_temp, temperature_reason = draft.inputs.inlet_temp.resolve(row, means.inlet_temp)
        if needs.delta_p:
            delta_p, pressure_reason = draft.inputs.delta_p.resolve(row, means.delta_p)
        others_reason = f"its model needs {needs.others}, which is not collected" if needs.others else ""
        capacity = self._capacity_for_models(name)
        capacity_reason = "its CPU capacity is not known" if capacity is None else ""
        if temperature_reason or pressure_reason or others_reason or capacity_reason:
            draft.reasons[row] = joined(temperature_reason, pressure_reason, others_reason, capacity_reason)
        if capacity is not None:
            draft.conditions[name] = Conditions(model, inlet_temp, delta_p, capacity)

    def _capacity_for_models(self, name: str) -> float | None:
        """Return the cores of a node for models that expect cores, None if unknown; 0 if models expect percent."""
        if not self._book.asks_in_cores:
            return 0.0
        node = self._state.nodes.get(name)
        return None if node is None else node.capacity_cores or None

    def _set_cpu(self, draft: _Draft, row: int) -> None:
        """Set a node's CPU; that of a node that was removed between two steps stays unknown."""
        name = draft.names[row]
        node, used = self._state.nodes.get(name), self._usage.get(name)
        if node is not None and node.capacity_cores:
            draft.capacity[row] = node.capacity_cores
            draft.allocatable[row] = node.allocatable_cores or node.capacity_cores
        if used is None:
            return
        if name not in self._state.node_metrics:
            reason = usage_reason(used.timestamp, draft.now)
            if reason is None:
                return
            draft.reasons[row] = joined(draft.reasons[row], reason)
        draft.usage[row], draft.usage_at[row], draft.window[row] = used.cpu_cores, used.timestamp, used.window

    def _set_curve(self, draft: _Draft, row: int) -> None:
        """Set a node's curve, and add what is wrong with it to the node's reason."""
        name = draft.names[row]
        model = self._models.get(name)
        if model is None:
            return
        own = entry = self._book.entry(name)
        if entry is None and (conditions := draft.conditions.get(name)) is not None:
            entry = self._book.stand_in(conditions)
        if entry is not None:
            correction = self._models.correction(name)
            draft.watts[row] = entry.watts if correction is None else correction.apply(entry.watts)
        problem = self._book.problem(model)
        if own is None or problem:
            curve = NodeCurve(entry, own is None and entry is not None, problem)
            draft.reasons[row] = curve.reason(draft.reasons[row], draft.now)

    def _finish(self, draft: _Draft) -> ClusterSnapshot:
        inlet_temp, delta_p = draft.inputs.inlet_temp, draft.inputs.delta_p
        models = (self._models.get(name) for name in draft.names)
        floor = self._floors.update(draft.now, draft.names, draft.usage)
        curves = PowerCurves(draft.knots, draft.watts)
        return ClusterSnapshot(
            version=(self._current.version if self._current else 0) + 1,
            taken_at=draft.now,
            names=draft.names,
            index=self._index,
            capacity_cores=draft.capacity,
            allocatable_cores=draft.allocatable,
            usage_cores=draft.usage,
            usage_at=draft.usage_at,
            usage_window=draft.window,
            floor_cores=floor,
            floor_since=self._floors.since.copy(),
            inlet_temp=np.array(inlet_temp.value),
            inlet_temp_at=np.array(inlet_temp.time),
            delta_p=np.array(delta_p.value),
            delta_p_at=np.array(delta_p.time),
            residual_watts=self._measured(draft) - curves.at(100.0 * draft.usage / draft.capacity),
            curves=curves,
            reasons=tuple(draft.reasons),
            models=tuple("" if model is None else model.label for model in models),
        )

    def _measured(self, draft: _Draft) -> FloatArray:
        """Return the measured power of each node [W], NaN where there is no fresh value."""
        samples = self._samples.by_node(POWER)
        found = np.full(len(draft.names), np.nan)
        for row, name in enumerate(draft.names) if samples else ():
            sample = samples.get(name)
            if sample is not None and sample.fresh(draft.now):
                found[row] = sample.value
        return found
