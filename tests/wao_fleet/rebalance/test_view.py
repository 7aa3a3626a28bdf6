"""The cluster as arrays: what counts towards a node, and which nodes a Pod may go to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.fakes.rebalance_site import CORES, PATIENT, RebalanceSite
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, OwnerRef, PodMetrics, Taint
from wao_fleet.drain.constraints import Constraints, Volume
from wao_fleet.drain.pods import NodeTerm, Requirement
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.rebalance.view import OPT_OUT, ClusterFacts, View, view_of

SETTINGS = RebalanceSettings(budgets=PATIENT)


def view(
    site: RebalanceSite, constraints: Constraints | None = None, usage: dict[str, PodMetrics] | None = None
) -> View:
    facts = ClusterFacts(
        site.snapshot(),
        site.source.state.nodes,
        site.table.pods,
        usage or {},
        constraints or Constraints(),
        Memory(),
        site.clock.now,
    )
    return view_of(facts, SETTINGS)


def test_requests_memory_and_number_of_pods_count_on_their_node() -> None:
    site = RebalanceSite({"a": 2, "b": 0})
    site.add_pod("a", memory_request=1e9)
    site.add_pod("a", phase="Succeeded")
    site.add_pod("gone")
    site.add_pod(None)
    found = view(site)
    assert found.nodes.requested.tolist() == [3.0, 0.0]
    assert found.nodes.room is not None
    assert found.nodes.room.tolist() == [[1e12 - 1e9, 107.0], [1e12, 110.0]]
    assert found.nodes.capacity.tolist() == [CORES, CORES]
    assert len(found.movers) == 3


def test_pods_of_daemon_sets_count_but_neither_move_nor_keep_a_node() -> None:
    site = RebalanceSite({"a": 1})
    site.add_pod("a", owner=OwnerRef("DaemonSet", "d", "uid-d"))
    found = view(site)
    assert found.nodes.requested.tolist() == [2.0]
    assert len(found.movers) == 1


def test_the_cpu_of_a_pod_is_measured_else_its_request() -> None:
    site = RebalanceSite({"a": 3})
    first, second, third = (pod.key for pod in site.on("a"))
    ages = {first: 10.0, second: 10_000.0}
    usage = {
        key: PodMetrics(name=key, namespace="shop", cpu_cores=0.25, timestamp=site.clock.now - age)
        for key, age in ages.items()
    }
    found = view(site, usage=usage)
    assert dict(zip((pod.key for pod in found.movers), found.pods.use.tolist(), strict=True)) == {
        first: 0.25,
        second: 1.0,
        third: 1.0,
    }


def test_pods_that_came_after_the_sample_are_added_to_it() -> None:
    site = RebalanceSite({"a": 1, "b": 0})
    late = site.add_pod("b", scheduled_at=site.clock.now + 5)
    found = view(site)
    assert late.node_name == "b"
    assert found.nodes.used.tolist() == [1.0, 2.0]  # the snapshot of the test has it already


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ready": False}, "not ready"),
        ({"unschedulable": True}, "cordoned"),
        ({"taints": (Taint(DRAINING, "standby", "PreferNoSchedule"),)}, "standby is draining it"),
        ({"annotations": {OPT_OUT: "false"}}, 'is "false"'),
    ],
)
def test_some_nodes_take_no_part(fields: dict[str, Any], why: str) -> None:
    site = RebalanceSite({"a": 1, "b": 1})
    site.source.state.put(Kind.NODE, replace(site.source.state.nodes["a"], **fields))
    found = view(site)
    assert why in found.closed[0]
    assert found.nodes.receives is not None
    assert found.nodes.receives.tolist() == [False, True]


def test_a_node_whose_cpu_is_not_measured_any_more_takes_no_part() -> None:
    site = RebalanceSite({"a": 1})
    old = site.snapshot()
    site.clock.now += 10_000
    facts = ClusterFacts(old, site.source.state.nodes, site.table.pods, {}, Constraints(), Memory(), site.clock.now)
    assert view_of(facts, SETTINGS).closed == ["it has no recent CPU sample"]


def test_pods_with_the_same_rules_share_the_nodes_that_they_may_use() -> None:
    site = RebalanceSite({"a": 2, "b": 0})
    site.source.state.put(Kind.NODE, replace(site.source.state.nodes["b"], labels={"disk": "ssd"}))
    picky = site.add_pod("a", node_selector={"disk": "ssd"})
    found = view(site)
    assert found.pods.allowed is not None
    assert found.pods.group is not None
    by_pod = {
        pod.key: found.pods.allowed[group].tolist() for pod, group in zip(found.movers, found.pods.group, strict=True)
    }
    assert by_pod[picky.key] == [False, True]
    assert len(found.pods.allowed) == 3
    assert [allowed for key, allowed in by_pod.items() if key != picky.key] == [[True, True]] * 2


def test_a_pod_follows_the_zone_of_its_volume() -> None:
    site = RebalanceSite({"a": 0, "b": 0})
    site.source.state.put(Kind.NODE, replace(site.source.state.nodes["b"], labels={"zone": "z1"}))
    site.add_pod("b", claims=("data",))
    term = NodeTerm(match_expressions=(Requirement("zone", "In", ("z1",)),))
    found = view(site, Constraints({}, {"shop/data": Volume("shop/data", False, (term,))}))
    assert found.pods.allowed is not None
    assert found.pods.allowed[1].tolist() == [False, True]
