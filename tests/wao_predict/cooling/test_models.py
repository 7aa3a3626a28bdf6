"""Plants from few numbers: factor and PUE, COP over outdoor temperature, chiller and fans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wao_predict.cooling.models import ChillerAndFans, CoolingFactor, CopCurve, air_cooled_cop
from wao_predict.cooling.plant import FAN, WATER, PlantState
from wao_predict.errors import UsageError


def at(outdoor: float = 25.0, water: float = 12.0, fan: float = 1400.0) -> PlantState:
    return PlantState(outdoor, 60.0, {WATER: water, FAN: fan})


def test_a_pue_is_a_factor_of_what_is_above_one() -> None:
    assert CoolingFactor.from_pue(1.25).factor == pytest.approx(0.25)


def test_the_published_curve_has_its_rating_at_35_degrees_and_is_better_when_it_is_cool() -> None:
    cops = air_cooled_cop(3.0, [18.0, 25.0, 35.0, 45.0])
    assert cops[2] == pytest.approx(3.0, rel=0.01)
    assert (np.diff(cops) < 0).all()


def test_a_cop_curve_is_constant_beyond_its_ends() -> None:
    curve = CopCurve(np.array([20.0, 30.0]), np.array([5.0, 4.0]))
    assert curve.watts(1000.0, at(10.0)) == pytest.approx(200.0)
    assert curve.watts(1000.0, at(40.0)) == pytest.approx(250.0)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (at(water=18.0), at(water=8.0)),
        (at(outdoor=15.0), at(outdoor=30.0)),
        (at(fan=1000.0), at(fan=1400.0)),
    ],
    ids=["warm water", "cool weather", "slow fans"],
)
def test_a_chiller_uses_less_with(less: PlantState, more: PlantState) -> None:
    plant = ChillerAndFans(20_000.0)
    assert plant.watts(15_000.0, less) < plant.watts(15_000.0, more)


def test_fan_power_is_the_cube_of_the_speed() -> None:
    plant = ChillerAndFans(20_000.0, fan_watts=800.0, highest_cop=100.0)
    free = {"outdoor": 0.0, "water": 30.0}
    full, half = (float(plant.watts(0.0, at(**free, fan=fan))) for fan in (1400.0, 700.0))
    assert full / half == pytest.approx(8.0)


def test_more_heat_and_less_air_make_the_supply_warmer() -> None:
    plant = ChillerAndFans(20_000.0)
    assert plant.supply_air_temp(20_000.0, at()) == pytest.approx(20.0)
    assert plant.supply_air_temp(25_000.0, at()) > 20.0
    assert plant.supply_air_temp(20_000.0, at(fan=1000.0)) > 20.0


def test_pressure_is_the_square_of_the_fan_speed() -> None:
    assert ChillerAndFans(1e4).pressure_ratio(at(fan=700.0), at(fan=1400.0)) == pytest.approx(0.25)


def test_unknown_weather_gives_unknown_watts() -> None:
    for plant in (CopCurve.air_cooled(), ChillerAndFans(1e4)):
        assert np.isnan(plant.watts(1000.0, PlantState()))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: CoolingFactor(-0.1), "factor -0.1"),
        (lambda: CoolingFactor.from_pue(0.9), "pue 0.9"),
        (lambda: CopCurve(np.array([30.0, 20.0]), np.array([3.0, 4.0])), "ascend"),
        (lambda: CopCurve(np.array([20.0, 30.0]), np.array([3.0, 0.0])), "above 0"),
        (lambda: CopCurve.air_cooled(0.0), "rated_cop"),
        (lambda: ChillerAndFans(1e4, efficiency=2.0), "efficiency 2"),
        (lambda: ChillerAndFans(0.0), "rated_watts"),
    ],
)
def test_an_impossible_number_is_refused_by_name(make: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()
