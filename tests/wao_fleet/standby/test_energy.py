"""Order of the nodes and savings, from the curves of snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import NodeConfig, Standby
from wao_fleet.standby.energy import FleetPower

WATTS = np.array([[100.0, 208.0], [60.0, 308.0]])


def config(name: str, off: float) -> NodeConfig:
    return NodeConfig(name=name, namespace="w", node_name=name, standby=Standby(off_watts=off))


def test_a_core_costs_what_the_server_takes_at_its_best_load_more_than_when_it_is_off() -> None:
    power = FleetPower()
    power.update(snapshot(["a", "b"], watts=WATTS), [config("a", 8.0)])
    assert power.per_core() == pytest.approx({"a": 20.0, "b": 30.0})


def test_a_core_costs_more_where_cooling_does_and_savings_stay_those_of_the_server() -> None:
    power = FleetPower()
    power.update(snapshot(["a", "b"], watts=WATTS), [config("a", 8.0)], np.array([1.8, 1.1]))
    assert power.per_core() == pytest.approx({"a": 36.0, "b": 33.0})
    assert power.saved(["a"]) == {"a": 92.0}


def test_a_sleeping_node_saves_its_idle_power_less_that_of_its_bmc() -> None:
    power = FleetPower()
    power.update(snapshot(["a", "b"], watts=WATTS), [config("a", 10.0)])
    assert power.saved(["a", "b", "unknown"]) == {"a": 90.0, "b": 52.0}


def test_a_node_keeps_its_last_known_curve_while_it_is_in_the_cluster() -> None:
    power = FleetPower()
    power.update(snapshot(["a", "b"], watts=WATTS), [])
    power.update(snapshot(["a"], watts=np.full((1, 2), np.nan)), [])
    assert power.saved(["a", "b"]) == {"a": 92.0}


def test_an_empty_cluster_has_no_power() -> None:
    power = FleetPower()
    power.update(snapshot([], watts=np.empty((0, 2))), [])
    assert power.per_core() == {}
