"""The conditions and values in the status of a NodeConfig. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from wao_core.cluster.records import NodeConfig
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.conditions import Condition
from wao_predict.errors import QuantityError
from wao_predict.printable import printable
from wao_predict.quantity import format_quantity
from wao_predict.timestamps import format_rfc3339


@dataclass(frozen=True, slots=True)
class ChosenSensor:
    """The sensor that discovery chose, and its confidence from 0 to 1."""

    uri: str
    name: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class PredictionStatus:
    """The state of prediction for one node.

    Parameters
    ----------
    model
        Name of the model, empty when the NodeConfig names none.
    known
        Whether the node has a power curve.
    reason
        The problem, or an empty string.
    """

    model: str
    known: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """The calibration of a node's model: the condition Calibrated, and the fields of `status.calibration`."""

    condition: Condition
    fields: Mapping[str, object]


def predicting_condition(config: NodeConfig, prediction: PredictionStatus | None) -> Condition:
    """Return the condition Predicting; `prediction` is None before the first prediction."""
    if prediction is None:
        return _condition(config, "Predicting", "Unknown", "Waiting", "no model has been queried yet")
    if not prediction.model:
        return _condition(config, "Predicting", "False", "NoPredictor", "the NodeConfig names no model")
    if not prediction.known:
        return _condition(config, "Predicting", "False", "NoCurve", prediction.reason or "no power curve yet")
    if prediction.reason:
        return _condition(config, "Predicting", "True", "Fallback", prediction.reason)
    return _condition(config, "Predicting", "True", "Predicted", f"by {prediction.model}")


def ready_condition(config: NodeConfig, collecting: Condition, predicting: Condition) -> Condition:
    """Return the condition Ready: True when everything that the NodeConfig requests is available."""
    wanted = [collecting] if predicting.reason == "NoPredictor" else [collecting, predicting]
    for condition in wanted:
        if condition.status != "True":
            return _condition(config, "Ready", condition.status, condition.reason, condition.message)
    message = "all metrics are collected" if len(wanted) == 1 else "all metrics are collected, and power is predicted"
    return _condition(config, "Ready", "True", "Ready", message)


def unreadable_conditions(config: NodeConfig, reason: str) -> tuple[Condition, ...]:
    """Return the conditions of a NodeConfig that the API server accepts but that cannot be used.

    Parameters
    ----------
    config
        Its last readable state, which stays in use; without metrics where it never was readable.
    """
    used = "; the last readable state is used" if config.metrics else ""
    return tuple(
        _condition(config, name, "False", "Unreadable", reason + used) for name in ("Ready", "Collecting", "Predicting")
    )


def collecting_condition(
    config: NodeConfig, samples: Mapping[str, Sample | None], *, winner: str, now: float
) -> Condition:
    """Return the condition Collecting.

    Parameters
    ----------
    samples
        The last sample of each metric that the NodeConfig requests.
    winner
        Key of the NodeConfig that is used for this node instead of this one, or "".
    now
        Seconds since the epoch.
    """
    if winner:
        return _condition(config, "Collecting", "False", "Conflict", f"{winner} is older and names the same node")
    problems = {name: why for name, sample in samples.items() if (why := _problem(sample, now))}
    if not problems:
        return _condition(config, "Collecting", "True", "AllFresh", "every metric is fresh")
    if all(sample is None or sample.state is SampleState.WAITING for sample in samples.values()):
        return _condition(config, "Collecting", "Unknown", "Waiting", "no sensor has been read yet")
    reason = "NoMetric" if len(problems) == len(samples) else "SomeMetrics"
    message = "; ".join(f"{name}: {why}" for name, why in sorted(problems.items()))
    return _condition(config, "Collecting", "False", reason, message)


def metric_entries(
    samples: Mapping[str, Sample | None], sensors: Mapping[str, ChosenSensor]
) -> list[dict[str, object]]:
    """Return the value, time and sensor of each metric as JSON values, for `status.metrics`."""
    return [_entry(name, sample, sensors.get(name)) for name, sample in sorted(samples.items())]


def samples_of(config: NodeConfig, store: SampleStore) -> dict[str, Sample | None]:
    """Return the last sample of each metric that a NodeConfig requests."""
    return {metric: store.get(config.node_name, metric) for metric in config.metrics}


def _problem(sample: Sample | None, now: float) -> str:
    if sample is None:
        return "not read yet"
    if sample.fresh(now):
        return ""
    return sample.reason or "the last value is too old"


def _entry(name: str, sample: Sample | None, sensor: ChosenSensor | None) -> dict[str, object]:
    entry: dict[str, object] = {"name": name}
    if sample is not None:
        entry["state"] = sample.state.value
        if sample.measured:
            entry |= {"value": _quantity(sample.value), "time": format_rfc3339(sample.time)}
        if sample.reason:
            entry["reason"] = printable(sample.reason)[:512]
    if sensor is not None:
        entry["sensor"] = {"uri": printable(sensor.uri), "name": printable(sensor.name)}
        if sensor.confidence is not None and math.isfinite(sensor.confidence):
            entry["confidence"] = _quantity(sensor.confidence)
    return entry


def _condition(config: NodeConfig, type_: str, status: str, reason: str, message: str) -> Condition:
    return _shared_condition(type_, status, reason, message, config.generation)


_shared_condition = lru_cache(maxsize=256)(Condition)
"""Makes conditions, the same one for equal arguments: most NodeConfigs of a cluster have equal conditions."""


def _quantity(value: float) -> str:
    try:
        return format_quantity(round(value, 6))
    except QuantityError:
        return ""
