"""What-if with plants: the place where servers and cooling together add least."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import EVERY_OTHER, Cooling, Plant
from wao_predict.cooling.models import CoolingFactor
from wao_predict.cooling.plant import PlantState
from wao_predict.cooling.what_if import what_if_cooled
from wao_predict.curves import PowerCurves
from wao_predict.fleet import Fleet


def fleet(*rises: float, groups: tuple[str, ...]) -> Fleet:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 100.0 + rise] for rise in rises]))
    count = len(rises)
    return Fleet(tuple("abcdef"[:count]), curves, np.full(count, 10.0), np.zeros(count), groups)


def plants(**factors: float) -> Cooling:
    return Cooling({name: Plant(CoolingFactor(factor), PlantState()) for name, factor in factors.items()})


def test_a_server_that_uses_more_wins_where_its_cooling_is_cheap() -> None:
    nodes = fleet(100.0, 120.0, groups=("warm", "cold"))
    assert nodes.what_if(1.0, 2).per_node == {"a": 2}
    cooled = what_if_cooled(nodes, 1.0, 2, plants(warm=0.5, cold=0.1))
    assert cooled.answer.per_node == {"b": 2}
    assert cooled.server_increase == pytest.approx(24.0)
    assert cooled.cooling_increase == pytest.approx(2.4)
    assert cooled.as_dict()["total_increase"] == pytest.approx(26.4)
    assert cooled.as_dict()["stock_increase"] == pytest.approx(10.0 * 1.5 + 12.0 * 1.1)
    assert cooled.as_dict()["watts_before"] == pytest.approx(200.0 + 50.0 + 10.0)


def test_one_factor_for_all_changes_no_placement() -> None:
    nodes = fleet(100.0, 120.0, 90.0, groups=())
    cooled = what_if_cooled(nodes, 1.0, 12, Cooling({EVERY_OTHER: Plant(CoolingFactor(0.4), PlantState())}))
    assert cooled.answer.per_node == nodes.what_if(1.0, 12).per_node
    assert cooled.cooling_increase == pytest.approx(0.4 * cooled.server_increase)
