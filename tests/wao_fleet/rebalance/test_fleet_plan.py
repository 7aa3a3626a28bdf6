"""Plans with names, and why other nodes keep their Pods."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from tests.fakes.rebalance_site import PATIENT, RebalanceSite
from wao_core.cluster.records import Kind
from wao_fleet.drain.constraints import Constraints
from wao_fleet.rebalance.fleet_plan import FleetPlan, plan_fleet
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.rebalance.view import ClusterFacts, view_of

SETTINGS = RebalanceSettings(budgets=PATIENT)


def plan(site: RebalanceSite, factors: list[float] | None = None) -> FleetPlan:
    nodes, pods = site.source.state.nodes, site.table.pods
    costs = None if factors is None else np.array(factors)
    facts = ClusterFacts(site.snapshot(), nodes, pods, {}, Constraints(), Memory(), site.clock.now, costs)
    return plan_fleet(view_of(facts, SETTINGS), SETTINGS, at=site.clock.now)


def test_a_plan_names_pods_nodes_and_watts() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    found = plan(site)
    (drain,) = found.drains
    (move,) = drain.moves
    assert (drain.node, drain.empties, move.pod.node_name, move.target) == ("a", True, "a", "b")
    assert found.moves == 1
    assert found.saved == drain.saved == move.saved == pytest.approx(found.watts_before - found.watts_after)
    assert found.change == pytest.approx({"a": -50.0, "b": 1.11}, abs=0.01)


def test_nodes_that_keep_their_pods_say_why() -> None:
    site = RebalanceSite({"a": 2, "b": 5, "c": 1, "empty": 0})
    site.keep("a")
    site.source.state.put(Kind.NODE, replace(site.source.state.nodes["c"], unschedulable=True))
    found = plan(site)
    first = min(pod.key for pod in site.on("a"))
    assert found.kept["a"] == f'{first} stays: its annotation waok8s.github.io/evictable is "false"; 1 more Pods stay'
    assert found.kept["c"] == "it is cordoned"
    assert "empty" not in found.kept


def test_an_empty_cluster_has_an_empty_plan() -> None:
    assert plan(RebalanceSite({"a": 0})).drains == ()


def test_with_plants_pods_go_where_a_watt_costs_least_and_watts_stay_those_of_the_servers() -> None:
    site = RebalanceSite({"a": 2, "b": 2, "c": 2})
    found = plan(site, [1.0, 2.0, 1.1])
    moved = [(drain.node, {move.target for move in drain.moves}) for drain in found.drains]
    assert moved == [
        ("b", {"a"}),
        ("c", {"a"}),
    ]
    assert found.watts_before - found.watts_after == pytest.approx(-sum(found.change.values()))
    costs = {"a": 1.0, "b": 2.0, "c": 1.1}
    assert found.saved == pytest.approx(-sum(costs[node] * watts for node, watts in found.change.items()))
