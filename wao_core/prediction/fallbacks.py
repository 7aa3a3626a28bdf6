"""Fallbacks for inputs that are missing or too old, and the reasons that a snapshot states for them. Pure.

A sensor's value is used while it is fresh, then as the last value for `LAST_VALUE` seconds. After that the mean of the
nodes with the same model replaces it. Without a mean the node has no curve, and ranks below every measured node. A node
whose model fails keeps its last curve; a node that never had one gets the curve of the most similar node with the same
model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_core.collector.store import Sample
from wao_core.prediction.curve_book import CurveEntry
from wao_predict.arrays import FloatArray
from wao_predict.endpoint import Endpoint

LAST_VALUE = 900.0
"""Age up to which the last value of a sensor or of metrics-server is used after it has expired [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class SensorValues:
    """The values of one metric, in the order of the nodes. Lists, as they are read one by one.

    Attributes
    ----------
    metric
        "inlet_temp" or "delta_p".
    value, time
        Value [degC or Pa] and time of the sample [s since the epoch] of each node, NaN where it is missing.
    age
        Age of the values that have expired, and are used as last values [s], by row.
    cause
        Reason for a missing value, by row, where the collector states one.
    """

    metric: str
    value: list[float]
    time: list[float]
    age: Mapping[int, float]
    cause: Mapping[int, str]

    @classmethod
    def of(cls, metric: str, names: Sequence[str], samples: Mapping[str, Sample], now: float) -> SensorValues:
        """Return the usable samples of some nodes."""
        values, times = [math.nan] * len(names), [math.nan] * len(names)
        ages: dict[int, float] = {}
        causes: dict[int, str] = {}
        for row, sample in enumerate(map(samples.get, names)):
            if sample is None:
                continue
            age, ttl = now - sample.time, sample.ttl
            if age <= max(ttl, LAST_VALUE) and math.isfinite(sample.value):
                values[row], times[row] = sample.value, sample.time
                if age > ttl:
                    ages[row] = age
            elif sample.reason:
                causes[row] = sample.reason
        return cls(metric, values, times, ages, causes)

    def resolve(self, row: int, mean: float) -> tuple[float, str]:
        """Return the value to predict a node's curve from, NaN without any, and the reason if it is not fresh.

        Parameters
        ----------
        row
            The node.
        mean
            Mean of the nodes with the same model, NaN if unknown.
        """
        value = self.value[row]
        if not math.isnan(value):
            age = self.age.get(row)
            return value, "" if age is None else f"{self.metric} is {age:.0f} s old: last value"
        if not math.isnan(mean):
            return mean, f"no {self.metric}: mean of its model's nodes"
        cause = self.cause.get(row)
        return mean, f"no {self.metric}: {cause}" if cause else f"no {self.metric}"


@dataclass(frozen=True, slots=True)
class Means:
    """Mean inlet temperature [degC] and pressure difference [Pa] of the nodes with one model; NaN if unknown."""

    inlet_temp: float = math.nan
    delta_p: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The values of both metrics."""

    inlet_temp: SensorValues
    delta_p: SensorValues

    def means(self, models: Sequence[Endpoint | None]) -> dict[Endpoint, Means]:
        """Return the means of each model's nodes, or nothing if no value is missing.

        Parameters
        ----------
        models
            The model of each node, in the order of the nodes.
        """
        temperature, pressure = np.array(self.inlet_temp.value), np.array(self.delta_p.value)
        if not (np.isnan(temperature) | np.isnan(pressure)).any():
            return {}
        rows: dict[Endpoint, list[int]] = {}
        for row, model in enumerate(models):
            if model is not None:
                rows.setdefault(model, []).append(row)
        return {model: Means(_mean(temperature[members]), _mean(pressure[members])) for model, members in rows.items()}


def usage_reason(timestamp: float, now: float) -> str | None:
    """Return the reason to state for a CPU sample that metrics-server no longer lists, None if it is too old to use."""
    age = now - timestamp
    return None if age > LAST_VALUE else f"cpu_usage is {age:.0f} s old: last value"


@dataclass(frozen=True, slots=True, eq=False)
class NodeCurve:
    """The curve of a node that has a model.

    Attributes
    ----------
    entry
        The curve, or None.
    stand_in
        Whether it is the curve of another node with the same model.
    problem
        Why the model gives no curves at present, or an empty string.
    """

    entry: CurveEntry | None
    stand_in: bool
    problem: str

    def reason(self, input_reason: str, now: float) -> str:
        """Return the reason why a node's curve is unknown or a fallback, or an empty string.

        Parameters
        ----------
        input_reason
            The reason that the node's inputs state.
        now
            Time of the snapshot [s since the epoch].
        """
        if self.entry is not None and not self.stand_in:
            note = f"curve of {now - self.entry.made_at:.0f} s ago: {self.problem}" if self.problem else ""
        elif self.entry is None and input_reason and not self.problem:
            note = ""  # the inputs explain it
        else:
            note = ": ".join(part for part in ("no power curve yet", self.problem) if part)
            note += "; using that of a node with the same model" if self.stand_in else ""
        return joined(note, input_reason)


def joined(*reasons: str) -> str:
    """Return reasons as one text, without the empty ones."""
    return "; ".join(reason for reason in reasons if reason)


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
