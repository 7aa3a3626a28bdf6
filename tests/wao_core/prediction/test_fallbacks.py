"""Fallbacks as tables: which value is used, and the reason that is stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.collector.store import Sample, SampleState
from wao_core.prediction.curve_book import CurveEntry
from wao_core.prediction.fallbacks import LAST_VALUE, Inputs, Means, NodeCurve, SensorValues, joined, usage_reason
from wao_core.prediction.model_inputs import Conditions
from wao_predict.endpoint import Endpoint

NOW = 10_000.0
MODEL, OTHER = Endpoint("Onnx", "m"), Endpoint("Onnx", "other")
ENTRY = CurveEntry(np.array([100.0, 200.0]), Conditions(MODEL, 22.0, 5.0), NOW - 30.0)
FAILED = Sample(math.nan, 0.0, None, 60.0, SampleState.FAILED, "the BMC refused the login")


def values(**samples: Sample) -> SensorValues:
    return SensorValues.of("inlet_temp", list(samples), samples, NOW)


@pytest.mark.parametrize(
    ("sample", "mean", "value", "reason"),
    [
        (Sample(22.0, NOW - 60.0), 25.0, 22.0, ""),
        (Sample(22.0, NOW - 61.0), 25.0, 22.0, "inlet_temp is 61 s old: last value"),
        (Sample(22.0, NOW - LAST_VALUE), 25.0, 22.0, "inlet_temp is 900 s old: last value"),
        (Sample(22.0, NOW - LAST_VALUE - 1.0), 25.0, 25.0, "no inlet_temp: mean of its model's nodes"),
        (Sample(22.0, NOW - 1_000.0, ttl=2_000.0), 25.0, 22.0, ""),
        (Sample(math.nan, NOW), 25.0, 25.0, "no inlet_temp: mean of its model's nodes"),
        (Sample(math.inf, NOW), 25.0, 25.0, "no inlet_temp: mean of its model's nodes"),
        (FAILED, 25.0, 25.0, "no inlet_temp: mean of its model's nodes"),
        (FAILED, math.nan, math.nan, "no inlet_temp: the BMC refused the login"),
        (Sample(22.0, NOW - LAST_VALUE - 1.0), math.nan, math.nan, "no inlet_temp"),
    ],
)
def test_a_value_is_used_while_it_may_be(sample: Sample, mean: float, value: float, reason: str) -> None:
    found, stated = values(a=sample).resolve(0, mean)
    assert found == pytest.approx(value, nan_ok=True)
    assert stated == reason


def test_a_node_without_a_sample_has_no_value() -> None:
    value, reason = SensorValues.of("delta_p", ["a"], {}, NOW).resolve(0, math.nan)
    assert math.isnan(value)
    assert reason == "no delta_p"


@given(st.lists(st.one_of(st.none(), st.floats(-40, 80)), min_size=1, max_size=8), st.floats(0, 2 * LAST_VALUE))
def test_a_missing_value_is_never_a_number(found: list[float | None], age: float) -> None:
    """The mean is the only number that replaces it."""
    samples = {f"n{row}": Sample(value, NOW - age) for row, value in enumerate(found) if value is not None}
    resolved = SensorValues.of("inlet_temp", [f"n{row}" for row in range(len(found))], samples, NOW)
    for row, value in enumerate(found):
        expected = value if value is not None and age <= LAST_VALUE else math.nan
        assert resolved.resolve(row, math.nan)[0] == pytest.approx(expected, nan_ok=True)


def inputs(temperatures: list[float], pressures: list[float]) -> Inputs:
    def of(metric: str, found: list[float]) -> SensorValues:
        names = [f"n{row}" for row in range(len(found))]
        samples = {name: Sample(value, NOW) for name, value in zip(names, found, strict=True)}
        return SensorValues.of(metric, names, samples, NOW)

    return Inputs(of("inlet_temp", temperatures), of("delta_p", pressures))


def test_means_are_those_of_the_nodes_with_the_same_model() -> None:
    found = inputs([20.0, 30.0, math.nan, 50.0], [1.0, math.nan, math.nan, 4.0])
    means = found.means([MODEL, MODEL, MODEL, OTHER])
    assert means == {MODEL: Means(25.0, 1.0), OTHER: Means(50.0, 4.0)}


def test_means_are_unknown_where_nothing_is_measured() -> None:
    means = inputs([math.nan], [2.0]).means([MODEL])
    assert math.isnan(means[MODEL].inlet_temp)
    assert means[MODEL].delta_p == 2.0


def test_nodes_without_a_model_have_no_mean() -> None:
    assert inputs([math.nan, 20.0], [2.0, 2.0]).means([None, None]) == {}


def test_means_are_not_computed_if_nothing_is_missing() -> None:
    assert inputs([20.0], [2.0]).means([MODEL]) == {}


@pytest.mark.parametrize(
    ("curve", "input_reason", "reason"),
    [
        (NodeCurve(ENTRY, False, ""), "", ""),
        (NodeCurve(ENTRY, False, ""), "no delta_p", "no delta_p"),
        (NodeCurve(ENTRY, False, "refused"), "", "curve of 30 s ago: refused"),
        (NodeCurve(ENTRY, False, "refused"), "no delta_p", "curve of 30 s ago: refused; no delta_p"),
        (NodeCurve(ENTRY, True, ""), "", "no power curve yet; using that of a node with the same model"),
        (
            NodeCurve(ENTRY, True, "refused"),
            "",
            "no power curve yet: refused; using that of a node with the same model",
        ),
        (NodeCurve(None, False, ""), "", "no power curve yet"),
        (NodeCurve(None, False, ""), "no delta_p", "no delta_p"),
        (NodeCurve(None, False, "refused"), "no delta_p", "no power curve yet: refused; no delta_p"),
    ],
)
def test_a_curve_that_is_a_fallback_states_the_reason(curve: NodeCurve, input_reason: str, reason: str) -> None:
    assert curve.reason(input_reason, NOW) == reason


def test_a_cpu_sample_that_is_no_longer_listed_is_used_for_a_while() -> None:
    assert usage_reason(NOW - 70.0, NOW) == "cpu_usage is 70 s old: last value"
    assert usage_reason(NOW - LAST_VALUE - 1.0, NOW) is None


def test_reasons_are_joined_without_the_empty_ones() -> None:
    assert joined("", "a", "", "b") == "a; b"
