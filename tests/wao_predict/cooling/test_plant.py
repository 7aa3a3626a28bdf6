"""Cooling curves: watts and marginals of a plant in one state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.cooling.models import CoolingFactor, CopCurve
from wao_predict.cooling.plant import FAN, WATER, CoolingCurve, PlantState, SetPoint
from wao_predict.errors import UsageError


class Steps(CoolingFactor):
    """A plant that is stepwise, and falls now and then."""

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        load = np.asarray(server_watts, dtype=np.float64)
        return np.floor(load / 1000.0) * 300.0 - 50.0 * (np.floor(load / 500.0) % 2)


def test_a_curve_of_a_factor_is_exact() -> None:
    curve = CoolingCurve.of(CoolingFactor(0.4), PlantState(), 5000.0)
    load = np.array([0.0, 1234.5, 5000.0, 50_000.0])
    assert curve.at(load) == pytest.approx(0.4 * load)
    assert curve.marginal(load) == pytest.approx(0.4)


def test_a_stepwise_plant_has_a_smooth_curve_and_a_marginal_everywhere() -> None:
    curve = CoolingCurve.of(Steps(0.3), PlantState(), 10_000.0)
    load = np.linspace(2000.0, 10_000.0, 50)
    assert curve.marginal(load) == pytest.approx(0.3, abs=0.06)


@settings(max_examples=30, deadline=None)
@given(st.floats(100.0, 1e6), st.lists(st.floats(0.0, 1.2), min_size=2, max_size=20))
def test_a_curve_never_falls(highest: float, places: list[float]) -> None:
    curve = CoolingCurve.of(Steps(0.3), PlantState(), highest)
    watts = curve.at(np.sort(places) * highest)
    assert (np.diff(watts) >= -1e-9).all()


def test_unknown_weather_is_refused_with_what_the_plant_needs() -> None:
    with pytest.raises(UsageError, match="needs outdoor_temp"):
        CoolingCurve.of(CopCurve.air_cooled(), PlantState(), 1000.0)


def test_set_points_that_are_not_given_have_their_default() -> None:
    point = SetPoint(WATER, "degC", 3.0, 32.0, 1.0, 12.0)
    state = PlantState(20.0, set_points={FAN: 1000.0})
    assert float(state.value(point)) == 12.0
    changed = state.with_set_points({WATER: 18.0})
    assert (float(changed.value(point)), changed.set_points[FAN]) == (18.0, 1000.0)
