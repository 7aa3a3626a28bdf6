"""Builds snapshots from the cluster's state, the samples and the curve book.

Fallbacks, each told as the node's reason: an expired sample counts with its last value for a while; then the mean of
the nodes with the same model; then the node has no curve and ranks below every measured one. A node whose model does
not answer for it keeps its last curve; one that never had any gets that of the most similar node with the same model.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wao_core.cluster.records import Kind, Node, NodeConfig, NodeMetrics, key_of
from wao_core.cluster.state import Change, ClusterState
from wao_core.crds.node_configs import precedence
from wao_core.prediction.curve_book import Conditions, CurveBook, CurveEntry
from wao_core.prediction.model_opener import model_endpoint
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.curves import PowerCurves
from wao_predict.endpoint import Endpoint

FloatArray = NDArray[np.float64]

LAST_VALUE = 900.0
"""Seconds that a last value stands in for a sensor, or a node's CPU sample, that is no longer there."""

BATCH = 250
"""Nodes that are looked at in one step; some milliseconds."""
_QUIET = (Kind.POD, Kind.WORKLOAD)
"""Kinds that change all the time in a burst, and from which no snapshot is made."""


class SampleLike(Protocol):
    """What is read of a sample (`wao_core.collector.store.Sample`)."""

    @property
    def value(self) -> float:
        """NaN when there never was one."""
        ...

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def ttl(self) -> float:
        """Seconds that it may be used."""
        ...

    @property
    def reason(self) -> str:
        """Why there is nothing newer, or ""."""
        ...


class Samples(Protocol):
    """Where the sensors' values come from (`wao_core.collector.store.SampleStore`)."""

    @property
    def version_of_all(self) -> int:
        """Changes whenever a sample does."""
        ...

    def by_node(self, metric: str) -> Mapping[str, SampleLike]:
        """Return the samples of one metric by node name."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """One sensor's values in the order of the nodes: value, time, and 0 fresh, 1 last value, 2 none."""

    value: FloatArray
    time: FloatArray
    grade: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class _Arrays:
    """What is filled row by row: CPU of the nodes [cores], its sample's time and window [s], and watts at the knots."""

    capacity: FloatArray
    allocatable: FloatArray
    usage: FloatArray
    usage_at: FloatArray
    window: FloatArray
    watts: FloatArray

    @classmethod
    def of(cls, count: int, knots: int) -> _Arrays:
        """Return arrays of unknown values."""
        capacity, allocatable, usage, usage_at, window = (np.full(count, np.nan) for _ in range(5))
        return cls(capacity, allocatable, usage, usage_at, window, np.full((count, knots), np.nan))


def _batches(count: int) -> Iterator[range]:
    return (range(first, min(first + BATCH, count)) for first in range(0, count, BATCH))


class SnapshotBuilder:
    """Keeps the current snapshot.

    Parameters
    ----------
    state, samples, book
        What it is made from. The builder tells the book which curves are wanted.
    """

    def __init__(
        self, state: ClusterState, samples: Samples, book: CurveBook, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._state, self._samples, self._book, self._clock = state, samples, book, clock
        self._configs: dict[str, NodeConfig] = {}
        self._models: dict[str, Endpoint | None] = {}
        self._usage: dict[str, NodeMetrics] = dict(state.node_metrics)  # metrics-server leaves a node out now and then
        self._names: tuple[str, ...] = ()
        self._index: dict[str, int] = {}
        self._stale_names = self._stale_configs = True
        self._changes = 0
        self._seen = (-1, -1, -1)
        self._refreshed_at = 0.0
        self._current: ClusterSnapshot | None = None
        self.close = state.subscribe([kind for kind in Kind if kind not in _QUIET], self._note)

    @property
    def current(self) -> ClusterSnapshot | None:
        """The last snapshot."""
        return self._current

    @property
    def up_to_date(self) -> bool:
        """Whether nothing moved since the last snapshot."""
        return self._seen == self._versions

    @property
    def _versions(self) -> tuple[int, int, int]:
        return self._changes, self._samples.version_of_all, self._book.version

    def refresh(self, *, every: float = 10.0) -> ClusterSnapshot:
        """Return a snapshot of now; the last one when nothing moved since, for `every` seconds at most."""
        for _ in self._steps(every):
            pass
        return self._made()

    async def refresh_in_turns(self, *, every: float = 10.0) -> ClusterSnapshot:
        """Do the same in steps of some milliseconds, between which the event loop answers requests."""
        for _ in self._steps(every):
            await asyncio.sleep(0)
        return self._made()

    def _made(self) -> ClusterSnapshot:
        assert self._current is not None
        return self._current

    def _steps(self, every: float) -> Iterator[None]:
        """Make a snapshot when one is due. What changes between two steps is in this one or in the next."""
        now = self._clock()
        if self._current is not None and self.up_to_date and now - self._refreshed_at < every:
            return
        seen, self._refreshed_at = self._versions, now
        self._follow_names()
        temperature, pressure = self._inputs("inlet_temp", now), self._inputs("delta_p", now)
        yield
        wanted: dict[str, Conditions] = {}
        reasons = [""] * len(self._names)
        means = self._class_means(temperature, pressure)
        for rows in _batches(len(self._names)):
            yield
            self._conditions(rows, (temperature, pressure), means, wanted, reasons)
        yield
        self._book.update(wanted)
        arrays = _Arrays.of(len(self._names), self._book.knots.size)
        for rows in _batches(len(self._names)):
            yield
            for row in rows:
                self._fill(arrays, row, wanted, reasons, now)
        self._current = self._snapshot(now, (temperature, pressure), arrays, reasons)
        self._seen = seen  # only now: between two steps the current snapshot is still the one before

    def _note(self, change: Change) -> None:
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

    def _follow_names(self) -> None:
        if self._stale_names:
            self._names = tuple(sorted(self._state.nodes))
            self._index = {name: row for row, name in enumerate(self._names)}
            for gone in self._usage.keys() - self._index.keys() - self._state.node_metrics.keys():
                del self._usage[gone]
            self._stale_names = False
        if self._stale_configs:
            self._configs = {}
            for config in sorted(self._state.node_configs.values(), key=precedence):
                self._configs.setdefault(config.node_name, config)
            known: dict[Endpoint, Endpoint] = {}
            models = ((name, model_endpoint(config)) for name, config in self._configs.items())
            self._models = {name: None if key is None else known.setdefault(key, key) for name, key in models}
            self._stale_configs = False

    def _inputs(self, metric: str, now: float) -> _Inputs:
        count = len(self._names)
        value, time_, grade = np.full(count, np.nan), np.full(count, np.nan), np.full(count, 2, dtype=np.int8)
        samples = self._samples.by_node(metric)
        for row, name in enumerate(self._names):
            sample = samples.get(name)
            if sample is None or not math.isfinite(sample.value):
                continue
            age = now - sample.time
            if age <= max(sample.ttl, LAST_VALUE):
                value[row], time_[row] = sample.value, sample.time
                grade[row] = 0 if age <= sample.ttl else 1
        return _Inputs(value, time_, grade)

    def _conditions(
        self,
        rows: range,
        inputs: tuple[_Inputs, _Inputs],
        means: Mapping[Endpoint, tuple[float, float]],
        wanted: dict[str, Conditions],
        reasons: list[str],
    ) -> None:
        """Add the conditions of each node that has all of them, and each node's reason."""
        for row in rows:
            name = self._names[row]
            model = self._models.get(name)
            if model is None:
                reasons[row] = self._no_model(name)
                continue
            values, notes = [], []
            for index, (metric, source) in enumerate(zip(("inlet_temp", "delta_p"), inputs, strict=True)):
                value, note = float(source.value[row]), ""
                if source.grade[row] == 2:
                    value, note = means.get(model, (np.nan, np.nan))[index], f"no {metric}: mean of its model's nodes"
                elif source.grade[row] == 1:
                    note = f"{metric} is {self._refreshed_at - source.time[row]:.0f} s old: last value"
                values.append(value)
                if note:
                    notes.append(f"no {metric}{self._why(name, metric)}" if not math.isfinite(value) else note)
            capacity = self._capacity_for_models(name)
            if capacity is None:
                notes.append("its CPU capacity is not known")
            reasons[row] = "; ".join(notes)
            if capacity is not None and math.isfinite(values[0]) and math.isfinite(values[1]):
                wanted[name] = Conditions(model, values[0], values[1], capacity)

    def _capacity_for_models(self, name: str) -> float | None:
        """Return the cores that models asked in cores need; 0 where they are asked in percent, None unknown."""
        if not self._book.asks_in_cores:
            return 0.0
        node = self._state.nodes.get(name)
        return None if node is None else node.capacity_cores or None

    def _class_means(self, temperature: _Inputs, pressure: _Inputs) -> dict[Endpoint, tuple[float, float]]:
        """Return mean temperature and pressure of the nodes of each model, needed only where a value is missing."""
        if (temperature.grade < 2).all() and (pressure.grade < 2).all():
            return {}
        rows: dict[Endpoint, list[int]] = {}
        for row, name in enumerate(self._names):
            if (model := self._models.get(name)) is not None:
                rows.setdefault(model, []).append(row)
        return {
            model: (_mean(temperature.value[members]), _mean(pressure.value[members]))
            for model, members in rows.items()
        }

    def _no_model(self, name: str) -> str:
        if name not in self._configs:
            return "no NodeConfig for this node"
        return f"NodeConfig {key_of(self._configs[name])} names no predictor"

    def _why(self, name: str, metric: str) -> str:
        sample = self._samples.by_node(metric).get(name)
        return f": {sample.reason}" if sample is not None and sample.reason else ""

    def _fill(
        self, arrays: _Arrays, row: int, wanted: Mapping[str, Conditions], reasons: list[str], now: float
    ) -> None:
        """Fill one node's row; one that went between two steps stays unknown."""
        name = self._names[row]
        node, used = self._state.nodes.get(name), self._usage.get(name)
        if used is not None and name not in self._state.node_metrics:
            used, reasons[row] = self._last_usage(used, reasons[row], now)
        if node is not None and node.capacity_cores:
            arrays.capacity[row] = node.capacity_cores
            arrays.allocatable[row] = node.allocatable_cores or node.capacity_cores
        if used is not None:
            arrays.usage[row], arrays.usage_at[row], arrays.window[row] = used.cpu_cores, used.timestamp, used.window
        entry = self._book.entry(name)
        if entry is None and (conditions := wanted.get(name)) is not None:
            entry = self._book.stand_in(conditions)
        if entry is not None and self._models.get(name) is not None:
            arrays.watts[row] = entry.watts
        reasons[row] = self._curve_reason(name, entry, reasons[row], now)

    def _snapshot(
        self, now: float, inputs: tuple[_Inputs, _Inputs], arrays: _Arrays, reasons: list[str]
    ) -> ClusterSnapshot:
        temperature, pressure = inputs
        return ClusterSnapshot(
            version=(self._current.version if self._current else 0) + 1,
            taken_at=now,
            names=self._names,
            index=self._index,
            capacity_cores=arrays.capacity,
            allocatable_cores=arrays.allocatable,
            usage_cores=arrays.usage,
            usage_at=arrays.usage_at,
            usage_window=arrays.window,
            inlet_temp=temperature.value,
            inlet_temp_at=temperature.time,
            delta_p=pressure.value,
            delta_p_at=pressure.time,
            curves=PowerCurves(self._book.knots, arrays.watts),
            reasons=tuple(reasons),
            models=tuple("" if (key := self._models.get(name)) is None else key.label for name in self._names),
        )

    @staticmethod
    def _last_usage(used: NodeMetrics, reason: str, now: float) -> tuple[NodeMetrics | None, str]:
        """Return the CPU sample of a node that metrics.k8s.io no longer lists, while it may be used, and say so."""
        age = now - used.timestamp
        if age > LAST_VALUE:
            return None, reason
        return used, "; ".join(part for part in (reason, f"cpu_usage is {age:.0f} s old: last value") if part)

    def _curve_reason(self, name: str, entry: CurveEntry | None, reason: str, now: float) -> str:
        """Add what is wrong with a node's model to its reason."""
        model = self._models.get(name)
        if model is None:
            return reason
        problem = self._book.problem(model)
        if entry is None:
            note = f"no power curve yet: {problem}" if problem else "no power curve yet" if not reason else ""
        elif entry is not self._book.entry(name):
            note = f"no power curve yet{f': {problem}' if problem else ''}; that of a node with the same model"
        elif problem:
            note = f"curve of {now - entry.made_at:.0f} s ago: {problem}"
        else:
            return reason
        return "; ".join(part for part in (note, reason) if part)


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
