"""Tables of server power over inlet temperature and pressure."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import Plant
from wao_predict.cooling.models import ChillerAndFans, CoolingFactor
from wao_predict.cooling.plant import FAN, WATER, PlantState
from wao_predict.cooling.servers import server_table, watts_with_pods
from wao_predict.errors import UsageError
from wao_predict.fleet_table import FleetColumns, fleet_columns

PLANT = Plant(ChillerAndFans(2000.0), PlantState(25.0, set_points={WATER: 14.0, FAN: 1300.0}))


def nodes(model: str = "edge_lenovo") -> FleetColumns:
    numbers = {"capacity_cores": 32, "usage_cores": 8, "inlet_temp": 24, "delta_p": 3}
    return fleet_columns({"name": ["a", "b", "c"], "model": model, **numbers})


def test_the_present_is_in_the_table() -> None:
    table = server_table(nodes(), PLANT)
    assert float(table.at(0.0, 1.0)) == pytest.approx(float(nodes().fleet().watts().sum()))
    assert table.hottest == 24.0


def test_another_air_is_that_of_the_models() -> None:
    table = server_table(nodes(), PLANT)
    expected = float(nodes().at(5.0, 1.0).fleet().watts().sum())
    assert float(table.at(5.0, 1.0)) == pytest.approx(expected)
    assert expected > float(table.at(0.0, 1.0))


def test_servers_that_do_not_depend_on_the_air_have_a_flat_table() -> None:
    watts = server_table(nodes("curve:0=60 100=120"), PLANT).watts
    assert np.ptp(watts) == 0.0


def test_pods_can_be_placed_at_each_air() -> None:
    plain, packed = server_table(nodes(), PLANT), server_table(nodes(), PLANT, watts_with_pods(2.0, 3))
    fleet = nodes().fleet()
    assert float(packed.at(0.0, 1.0) - plain.at(0.0, 1.0)) == pytest.approx(fleet.what_if(2.0, 3).total_increase)


def test_a_plant_without_set_points_has_no_table() -> None:
    with pytest.raises(UsageError, match="no set points"):
        server_table(nodes(), Plant(CoolingFactor(0.4), PlantState()))
