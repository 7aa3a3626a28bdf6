"""The conditions and values in the status of a NodeConfig."""

import math

import pytest

from wao_core.cluster.records import NodeConfig, SensorTerm
from wao_core.collector.status import (
    ChosenSensor,
    PredictionStatus,
    collecting_condition,
    metric_entries,
    predicting_condition,
    ready_condition,
)
from wao_core.collector.store import Sample, SampleState
from wao_predict.endpoint import Endpoint

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z
FAKE = SensorTerm(Endpoint("Fake"), 3600.0)
CONFIG = NodeConfig(
    name="n1", namespace="wao", node_name="n1", generation=3, metrics={"inlet_temp": FAKE, "delta_p": FAKE}
)
FRESH = Sample(25.5, NOW - 1)
WAITING = Sample(math.nan, 0.0, state=SampleState.WAITING, reason="not read yet")
FAILED = Sample(math.nan, 0.0, state=SampleState.FAILED, reason="no answer in 8 s")


@pytest.mark.parametrize(
    ("inlet", "delta", "winner", "expected"),
    [
        (FRESH, FRESH, "", ("True", "AllFresh", "every metric is fresh")),
        (WAITING, None, "", ("Unknown", "Waiting", "no sensor has been read yet")),
        (FAILED, FRESH, "", ("False", "SomeMetrics", "inlet_temp: no answer in 8 s")),
        (FAILED, FAILED, "", ("False", "NoMetric", "delta_p: no answer in 8 s; inlet_temp: no answer in 8 s")),
        (Sample(25.5, NOW - 90), FRESH, "", ("False", "SomeMetrics", "inlet_temp: the last value is too old")),
        (FRESH, FRESH, "wao/old", ("False", "Conflict", "wao/old is older and names the same node")),
    ],
)
def test_collecting(inlet: Sample | None, delta: Sample | None, winner: str, expected: tuple[str, str, str]) -> None:
    condition = collecting_condition(CONFIG, {"inlet_temp": inlet, "delta_p": delta}, winner=winner, now=NOW)
    assert (condition.status, condition.reason, condition.message) == expected
    assert (condition.type, condition.observed_generation) == ("Collecting", 3)


def test_values_are_quantities_with_their_sample_time_and_sensor() -> None:
    sensor = ChosenSensor("/redfish/v1/Chassis/1/Sensors/Inlet", "Inlet Temp", 0.92)
    assert metric_entries({"inlet_temp": FRESH, "delta_p": FAILED}, {"inlet_temp": sensor}) == [
        {"name": "delta_p", "state": "failed", "reason": "no answer in 8 s"},
        {
            "name": "inlet_temp",
            "state": "ok",
            "value": "25500m",
            "time": "2026-11-23T20:15:39Z",
            "sensor": {"uri": "/redfish/v1/Chassis/1/Sensors/Inlet", "name": "Inlet Temp"},
            "confidence": "920m",
        },
    ]


@pytest.mark.parametrize(
    ("prediction", "predicting", "ready"),
    [
        (None, ("Unknown", "Waiting"), ("Unknown", "Waiting")),
        (PredictionStatus("", False, "names no predictor"), ("False", "NoPredictor"), ("True", "Ready")),
        (PredictionStatus("Onnx edge", False, "no power curve yet"), ("False", "NoCurve"), ("False", "NoCurve")),
        (PredictionStatus("Onnx edge", True, "no delta_p: mean"), ("True", "Fallback"), ("True", "Ready")),
        (PredictionStatus("Onnx edge", True), ("True", "Predicted"), ("True", "Ready")),
    ],
)
def test_predicting_and_ready(
    prediction: PredictionStatus | None, predicting: tuple[str, str], ready: tuple[str, str]
) -> None:
    samples = {"inlet_temp": FRESH, "delta_p": FRESH}
    collecting = collecting_condition(CONFIG, samples, winner="", now=NOW)
    condition = predicting_condition(CONFIG, prediction)
    assert (condition.status, condition.reason) == predicting
    whole = ready_condition(CONFIG, collecting, condition)
    assert (whole.status, whole.reason) == ready
    failed = collecting_condition(CONFIG, {"inlet_temp": FAILED}, winner="", now=NOW)
    assert ready_condition(CONFIG, failed, condition).reason == "NoMetric"
