"""The status of NodeConfigs: what is collected for each node, from which sensor, and what is wrong. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wao_core.cluster.records import NodeConfig
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_predict.errors import QuantityError
from wao_predict.quantity import format_quantity

Condition = dict[str, object]


@dataclass(frozen=True, slots=True)
class ChosenSensor:
    """Which sensor discovery chose, and how sure it is (0 to 1)."""

    uri: str
    name: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """How prediction stands for a node: its model's name, whether it has a power curve, and what is wrong."""

    model: str
    known: bool
    reason: str = ""


def predicting_condition(config: NodeConfig, outlook: Outlook | None) -> Condition:
    """Return the condition Predicting, without its transition time; `outlook` is None before the first prediction."""
    if outlook is None:
        return _condition(config, "Predicting", "Unknown", "Waiting", "no model was asked yet")
    if not outlook.model:
        return _condition(config, "Predicting", "False", "NoPredictor", "the NodeConfig names no model")
    if not outlook.known:
        return _condition(config, "Predicting", "False", "NoCurve", (outlook.reason or "no power curve yet")[:1024])
    if outlook.reason:
        return _condition(config, "Predicting", "True", "Fallback", outlook.reason[:1024])
    return _condition(config, "Predicting", "True", "Predicted", f"by {outlook.model}")


def ready_condition(config: NodeConfig, collecting: Condition, predicting: Condition) -> Condition:
    """Return the condition Ready: everything that the NodeConfig asks for is there."""
    wanted = [collecting] if predicting["reason"] == "NoPredictor" else [collecting, predicting]
    for condition in wanted:
        if condition["status"] != "True":
            return _condition(
                config, "Ready", str(condition["status"]), str(condition["reason"]), str(condition["message"])
            )
    return _condition(
        config, "Ready", "True", "Ready", "all is collected" if len(wanted) == 1 else "collected and predicted"
    )


def collecting_condition(
    config: NodeConfig, samples: Mapping[str, Sample | None], *, winner: str, now: float
) -> Condition:
    """Return the condition Collecting, without its transition time.

    Parameters
    ----------
    samples
        The last sample of each metric the NodeConfig asks for.
    winner
        The NodeConfig that is followed for this node in this one's place, or "".
    """
    if winner:
        return _condition(config, "Collecting", "False", "Conflict", f"{winner} is older and is for the same node")
    bad = {name: _trouble(sample, now) for name, sample in samples.items()}
    troubles = {name: why for name, why in bad.items() if why}
    if not troubles:
        return _condition(config, "Collecting", "True", "AllFresh", "every metric is fresh")
    if all(sample is None or sample.state is SampleState.WAITING for sample in samples.values()):
        return _condition(config, "Collecting", "Unknown", "Waiting", "no sensor was read yet")
    reason = "NoMetric" if len(troubles) == len(samples) else "SomeMetrics"
    message = "; ".join(f"{name}: {why}" for name, why in sorted(troubles.items()))
    return _condition(config, "Collecting", "False", reason, message[:1024])


def metric_entries(
    samples: Mapping[str, Sample | None], sensors: Mapping[str, ChosenSensor]
) -> list[dict[str, object]]:
    """Return the last values, their times and their sensors, for `status.metrics`."""
    return [_entry(name, sample, sensors.get(name)) for name, sample in sorted(samples.items())]


def with_transitions(
    conditions: Sequence[Condition], before: Sequence[Mapping[str, object]], now: float
) -> list[Condition]:
    """Return the conditions with lastTransitionTime: kept where the status stayed, else now."""
    since = {(old.get("type"), old.get("status")): old.get("lastTransitionTime") for old in before}
    return [{**one, "lastTransitionTime": since.get((one["type"], one["status"])) or _stamp(now)} for one in conditions]


def samples_of(config: NodeConfig, store: SampleStore) -> dict[str, Sample | None]:
    """Return the last sample of each metric that a NodeConfig asks for."""
    return {metric: store.get(config.node_name, metric) for metric in config.metrics}


def _trouble(sample: Sample | None, now: float) -> str:
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
            entry |= {"value": _quantity(sample.value), "time": _stamp(sample.time)}
        if sample.reason:
            entry["reason"] = sample.reason[:512]
    if sensor is not None:
        entry["sensor"] = {"uri": sensor.uri, "name": sensor.name}
        if sensor.confidence is not None and math.isfinite(sensor.confidence):
            entry["confidence"] = _quantity(sensor.confidence)
    return entry


def _condition(config: NodeConfig, type_: str, status: str, reason: str, message: str) -> Condition:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": config.generation,
    }


def _quantity(value: float) -> str:
    try:
        return format_quantity(round(value, 6))
    except QuantityError:
        return ""


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
