"""Simulations with plants: their energy counts, and costs decide."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import EVERY_OTHER, Cooling, Plant
from wao_predict.cooling.models import CoolingFactor
from wao_predict.cooling.plant import PlantState
from wao_predict.curves import PowerCurves
from wao_predict.fleet import Fleet
from wao_predict.simulate.cooling import EVERY, SimulatedCooling
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.run import Conditions
from wao_predict.simulate.trace import Trace, daily_trace

CURVES = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 210.0]]))
FLEET = Fleet(("a", "b"), CURVES, np.array([10.0, 10.0]), np.zeros(2), ("warm", "cold"))


def plants(**factors: float) -> Cooling:
    return Cooling({name: Plant(CoolingFactor(factor), PlantState()) for name, factor in factors.items()})


def day(seed: int = 0) -> Trace:
    return daily_trace(20.0, load=0.4, pods=60, seed=seed)


@pytest.mark.parametrize("policy", ["least-allocated", "lookahead", "floor"])
def test_one_factor_for_all_multiplies_the_energy_of_the_same_placement(policy: str) -> None:
    alone = simulate_trace(FLEET, day(), policy)
    cooled = simulate_trace(
        FLEET, day(), policy, cooling=Cooling({EVERY_OTHER: Plant(CoolingFactor(0.4), PlantState())})
    )
    assert cooled.node.tolist() == alone.node.tolist()
    assert cooled.kwh == pytest.approx(1.4 * alone.kwh)
    assert cooled.cooling_kwh == pytest.approx(0.4 * alone.kwh)
    assert alone.cooling_kwh == 0.0


def test_pods_go_where_servers_and_cooling_together_use_least() -> None:
    trace = Trace.of(arrival=[0.0], duration=[3600.0], request=[1.0])
    assert simulate_trace(FLEET, trace, "lookahead").node.tolist() == [0]
    assert simulate_trace(FLEET, trace, "lookahead", cooling=plants(warm=0.6, cold=0.1)).node.tolist() == [1]


def test_the_weather_may_change_during_the_day() -> None:
    trace = Trace.of(arrival=[0.0], duration=[3600.0], request=[0.001], horizon=7200.0)
    later = [Conditions(3600.0, CURVES, plants(warm=0.5, cold=0.5))]
    run = simulate_trace(FLEET, trace, "lookahead", cooling=plants(warm=0.1, cold=0.1), conditions=later)
    assert run.cooling_kwh == pytest.approx((0.1 + 0.5) * 0.2, rel=1e-3)


def test_power_at_each_event_is_that_of_the_plants() -> None:
    cooling = SimulatedCooling(plants(warm=0.5, cold=0.1), FLEET.group_names)
    cooling.reset(CURVES.watts[:, -1], np.array([100.0, 100.0]))
    assert cooling.watts == pytest.approx(60.0)
    cooling.add(0, 40.0)
    assert cooling.watts == pytest.approx(80.0)


def test_costs_are_looked_at_now_and_then() -> None:
    cooling = SimulatedCooling(plants(warm=0.5, cold=0.1), FLEET.group_names)
    cooling.reset(CURVES.watts[:, -1], np.array([100.0, 100.0]))
    assert not cooling.look(EVERY / 2, np.array([200.0, 100.0]))
    assert not cooling.look(2 * EVERY, np.array([200.0, 100.0]))  # a factor does not depend on the load
    assert cooling.factors.tolist() == pytest.approx([1.5, 1.1])
