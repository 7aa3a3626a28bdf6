"""A plant and its servers as a function of the set points."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import Plant
from wao_predict.cooling.models import ChillerAndFans, CoolingFactor
from wao_predict.cooling.plant import FAN, WATER, PlantState
from wao_predict.cooling.site import ServerTable, Site
from wao_predict.errors import UsageError

MODEL = ChillerAndFans(25_000.0)
PRESENT = PlantState(28.0, 60.0, {WATER: 12.0, FAN: 1400.0})
TABLE = ServerTable(
    np.array([-20.0, 0.0, 20.0]),
    np.array([0.5, 1.0]),
    np.array([[17e3, 17.5e3], [18e3, 18.5e3], [22e3, 22.5e3]]),
    25.0,
)


@pytest.mark.parametrize(
    ("shift", "ratio", "watts"),
    [(0.0, 1.0, 18.5e3), (10.0, 1.0, 20.5e3), (-10.0, 0.75, 17.75e3), (99.0, 9.0, 22.5e3), (-99.0, 0.0, 17e3)],
)
def test_a_table_is_interpolated_and_constant_beyond_its_ends(shift: float, ratio: float, watts: float) -> None:
    assert float(TABLE.at(shift, ratio)) == pytest.approx(watts)


def test_one_ratio_is_enough() -> None:
    table = ServerTable(np.array([0.0, 10.0]), np.array([1.0]), np.array([[100.0], [120.0]]), 25.0)
    assert table.at(np.array([0.0, 5.0]), 3.0).tolist() == pytest.approx([100.0, 110.0])


def test_the_present_set_points_lead_to_the_present() -> None:
    outcomes = Site(Plant(MODEL, PRESENT), TABLE).at({})
    assert float(outcomes.servers) == pytest.approx(18.5e3)
    assert float(outcomes.hottest_inlet) == pytest.approx(25.0)
    assert float(outcomes.cooling) == pytest.approx(float(MODEL.watts(18.5e3, PRESENT)))


def test_servers_and_supply_air_settle() -> None:
    site = Site(Plant(MODEL, PRESENT), TABLE)
    outcomes = site.at({WATER: 20.0})
    supply = float(outcomes.supply_air_temp)
    assert supply == pytest.approx(
        float(MODEL.supply_air_temp(outcomes.servers, PRESENT.with_set_points({WATER: 20.0})))
    )
    shift, ratio = site.change_at({WATER: 20.0})
    assert float(outcomes.servers) == pytest.approx(float(TABLE.at(shift, ratio)), rel=1e-6)
    assert float(outcomes.hottest_inlet) == pytest.approx(25.0 + shift)


def test_a_plant_without_set_points_is_no_site() -> None:
    with pytest.raises(UsageError, match="no set points"):
        Site(Plant(CoolingFactor(0.3), PlantState()), TABLE)
