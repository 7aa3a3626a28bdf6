"""What a model needs of a node, and which changes of the inputs matter."""

from __future__ import annotations

import math

import pytest

from wao_core.prediction.model_inputs import PRESSURE_STEP, STANDARD, TEMPERATURE_STEP, Conditions, Needs
from wao_predict.endpoint import Endpoint

MODEL = Endpoint("Onnx", "m")


@pytest.mark.parametrize(
    ("features", "inlet_temp", "delta_p", "met"),
    [
        (("cpu_usage",), math.nan, math.nan, True),
        (("cpu_usage", "inlet_temp"), 22.0, math.nan, True),
        (("cpu_usage", "inlet_temp"), math.nan, 5.0, False),
        (("delta_p", "cpu_usage"), math.nan, 5.0, True),
        (("cpu_usage", "inlet_temp", "delta_p"), 22.0, math.nan, False),
        (("cpu_usage", "gpu_usage"), 22.0, 5.0, False),
    ],
)
def test_needs_are_met_if_every_feature_is_known(
    features: tuple[str, ...], inlet_temp: float, delta_p: float, met: bool
) -> None:
    assert Needs.of(features).met_by(Conditions(MODEL, inlet_temp, delta_p)) is met


def test_features_that_nothing_collects_are_named() -> None:
    assert Needs.of(("cpu_usage", "gpu_usage", "fan_speed")) == Needs(False, False, "gpu_usage, fan_speed")
    assert Needs(inlet_temp=True, delta_p=True) == STANDARD


@pytest.mark.parametrize(
    ("inlet_temp", "delta_p", "close"),
    [
        (22.0 + 0.9 * TEMPERATURE_STEP, 5.0, True),
        (22.0 + TEMPERATURE_STEP, 5.0, False),
        (22.0, 5.0 - 0.9 * PRESSURE_STEP, True),
        (22.0, 5.0 - PRESSURE_STEP, False),
    ],
)
def test_a_curve_is_valid_until_an_input_changes_by_a_step(inlet_temp: float, delta_p: float, close: bool) -> None:
    assert Conditions(MODEL, 22.0, 5.0).close_to(Conditions(MODEL, inlet_temp, delta_p)) is close


def test_inputs_that_are_not_needed_do_not_count() -> None:
    one, other = Conditions(MODEL, 22.0, math.nan), Conditions(MODEL, 22.5, math.nan)
    assert one.close_to(Conditions(MODEL, 22.0, math.nan))
    assert one.distance(other) == 2.0
    assert not one.close_to(Conditions(MODEL, 22.0, math.nan, capacity_cores=8.0))
