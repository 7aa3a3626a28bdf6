"""The included plant: its errors, its ranges, and what set points do."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from wao_predict.cooling.plant import FAN, WATER, AirModel, PlantState
from wao_predict.cooling.published import FEATURES, PlantBackend, TrainedPlant
from wao_predict.csvtable import read_csv
from wao_predict.errors import ModelLoadError, UsageError
from wao_predict.models import model_path

TABLE = Path(__file__).parents[3] / "examples" / "data" / "power" / "hvac.csv"
STATE = PlantState(25.0, 65.0, {WATER: 16.0, FAN: 1400.0})


@pytest.fixture(scope="module")
def plant() -> TrainedPlant:
    return TrainedPlant()


def test_the_model_reproduces_its_table(plant: TrainedPlant) -> None:
    read = read_csv(TABLE)
    names = [name for name in read.header if name != "hvac_kw"]
    columns = read.numbers((*names, "hvac_kw"))
    X = np.column_stack([columns[name] for name in names]) * np.where([n == "power_server_kw" for n in names], 1e3, 1.0)
    positive = columns["hvac_kw"] > 0
    error = PlantBackend(plant.path).predict(X[positive]) - 1000.0 * columns["hvac_kw"][positive]
    assert float(np.sqrt((error**2).mean())) < 600.0


def test_its_error_includes_that_of_the_published_model(plant: TrainedPlant) -> None:
    assert plant.error_watts is not None
    assert 1690.0 < plant.error_watts < 2200.0
    double = TrainedPlant(units=2.0)
    assert double.error_watts == pytest.approx(2 * plant.error_watts)


def test_two_plants_use_twice_what_one_uses_for_half_the_servers(plant: TrainedPlant) -> None:
    assert TrainedPlant(units=2.0).watts(40_000.0, STATE) == pytest.approx(2 * plant.watts(20_000.0, STATE))


def test_warm_water_saves(plant: TrainedPlant) -> None:
    warm, cold = (plant.watts(20_000.0, STATE.with_set_points({WATER: water})) for water in (28.0, 4.0))
    assert warm < cold


def test_power_continues_beyond_the_trained_server_power(plant: TrainedPlant) -> None:
    watts = plant.watts(np.array([0.0, 5000.0, 20_000.0, 60_000.0]), STATE)
    assert (watts >= 0).all()
    assert watts[0] < watts[1] < watts[2] < watts[3]


@pytest.mark.parametrize("outdoor", [-5.0, 10.0, 25.0, 35.0])
@pytest.mark.parametrize("water", [4.0, 16.0, 30.0])
def test_a_few_servers_are_never_cooled_for_nothing(plant: TrainedPlant, outdoor: float, water: float) -> None:
    """Below the trained range, the power is at least in proportion to the servers'."""
    state, low = PlantState(outdoor, 65.0, {WATER: water}), plant.server_range[0]
    few, least = plant.watts(np.array([low / 8, low]), state)
    assert few >= least / 8 * (1 - 1e-9)


def test_unknown_weather_gives_unknown_watts(plant: TrainedPlant) -> None:
    assert np.isnan(plant.watts(20_000.0, PlantState(25.0)))


def test_set_points_move_the_air(plant: TrainedPlant) -> None:
    assert isinstance(plant, AirModel)
    slow = STATE.with_set_points({FAN: 1000.0})
    assert plant.supply_air_temp(20_000.0, slow) > plant.supply_air_temp(20_000.0, STATE)
    assert plant.pressure_ratio(slow, STATE) == pytest.approx((1000 / 1400) ** 2)


def test_the_set_points_are_those_of_the_issue(plant: TrainedPlant) -> None:
    assert [(point.name, point.low, point.high) for point in plant.set_points] == [(WATER, 3, 32), (FAN, 950, 1400)]


def test_a_plant_can_be_pickled_for_other_processes(plant: TrainedPlant) -> None:
    again = pickle.loads(pickle.dumps(plant))
    assert again.watts(20_000.0, STATE) == plant.watts(20_000.0, STATE)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=f"instead of {FEATURES[0]}"):
        TrainedPlant(model_path("edge_lenovo"))
    with pytest.raises(UsageError, match="units 0"):
        TrainedPlant(units=0.0)
