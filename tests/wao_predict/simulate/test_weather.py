"""Days of weather, with set points that stay or follow it."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import EVERY_OTHER, Plant
from wao_predict.cooling.models import ChillerAndFans
from wao_predict.cooling.plant import FAN, WATER, PlantState
from wao_predict.cooling.set_points import Limits
from wao_predict.fleet_table import FleetColumns, fleet_columns
from wao_predict.simulate.weather import Hour, Weather, follow_weather

PLANT = Plant(ChillerAndFans(3000.0), PlantState(20.0, set_points={WATER: 10.0, FAN: 1400.0}))
DAY = [Weather(3600.0 * hour, temp) for hour, temp in enumerate((15.0, 25.0, 35.0))]


@pytest.fixture(scope="module")
def nodes() -> FleetColumns:
    numbers = {"capacity_cores": 32, "usage_cores": 0, "inlet_temp": 22, "delta_p": 3}
    return fleet_columns({"name": ["a", "b"], "model": "edge_lenovo", **numbers})


def points(hour: Hour) -> dict[str, float]:
    assert hour.conditions.cooling is not None
    return dict(hour.conditions.cooling.plants[EVERY_OTHER].state.set_points)  # type: ignore[arg-type]


def test_without_limits_only_the_weather_changes(nodes: FleetColumns) -> None:
    hours = follow_weather(nodes, PLANT, DAY)
    assert [points(hour) for hour in hours] == [{WATER: 10.0, FAN: 1400.0}] * 3
    assert all(hour.recommendation is None for hour in hours)
    watts = nodes.fleet().curves.watts
    for hour, now in zip(hours, DAY, strict=True):
        assert np.allclose(hour.conditions.curves.watts, watts)
        assert hour.conditions.cooling is not None
        assert hour.conditions.cooling.plants[EVERY_OTHER].state.outdoor_temp == now.outdoor_temp


def test_set_points_follow_the_weather_by_ramps_from_hour_to_hour(nodes: FleetColumns) -> None:
    hours = follow_weather(nodes, PLANT, DAY, limits=Limits(27.0, {WATER: 2.0, FAN: 100.0}))
    steps = np.diff([[10.0, 1400.0], *([found[WATER], found[FAN]] for found in map(points, hours))], axis=0)
    assert (np.abs(steps) <= np.array([2.0, 100.0]) + 1e-9).all()
    assert np.abs(steps).sum() > 0
    assert all(hour.recommendation is not None and hour.recommendation.saving >= 0 for hour in hours)
    assert not np.allclose(hours[-1].conditions.curves.watts, nodes.fleet().curves.watts)
