"""From records to the arrays of a decision: capacity, Pods that wait, and where they could run."""

from __future__ import annotations

from typing import Any

import numpy as np

from wao_core.cluster.records import Node, NodeConfig, OwnerRef, Standby, Taint
from wao_fleet.drain.node_marks import CORDONED_BY
from wao_fleet.drain.pods import FleetPod, Toleration
from wao_fleet.standby.candidates import NodeFacts
from wao_fleet.standby.fleet import (
    HOPELESS,
    STUBBORN,
    Fleet,
    View,
    as_if_up,
    demand_of,
    fleet_of,
    keeps_node,
    largest_of,
)
from wao_fleet.standby.progress import Phase, Progress
from wao_predict.standby import NodeState, StandbySettings, decide

NOW = 1_000_000.0
REPLICAS, DAEMONS = OwnerRef("ReplicaSet", "r"), OwnerRef("DaemonSet", "d")


def node(name: str, **fields: Any) -> Node:
    given = {"allocatable_cores": 32.0, "allocatable_memory": 64e9, "allocatable_pods": 110.0, "created": 0.0}
    return Node(name=name, **{**given, **fields})


def sleeping(name: str, **fields: Any) -> Node:
    marks = {"ready": False, "unschedulable": True, "annotations": {CORDONED_BY: "standby"}}
    taints = (Taint("node.kubernetes.io/unreachable", "", "NoExecute"), *fields.pop("taints", ()))
    return node(name, taints=taints, **marks, **fields)


def pod(name: str, cores: float = 1.0, **fields: Any) -> FleetPod:
    given = {"owner": REPLICAS, "cpu_request": cores, "memory_request": 1e9, "created": NOW - 5}
    return FleetPod(name=name, namespace="d", uid=name, **{**given, **fields})


def facts(given: Node, phase: Phase = Phase.RUNNING, *, method: str = "Redfish", tested: bool = True) -> NodeFacts:
    config = NodeConfig(name="c", namespace="w", node_name=given.name, standby=Standby(method=method, group="g"))
    return NodeFacts(given, config, Progress(phase=phase, since=NOW - 600, wake_tested=tested))


def fleet(*found: NodeFacts, pods: list[FleetPod] | None = None, **view: Any) -> Fleet:
    named = {each.node.name: each for each in found if each.node is not None}
    return fleet_of(View(NOW, named, pods or [], {}, **view))


def starts(found: Fleet) -> list[str]:
    settings = StandbySettings(spare_percent=0, spare_cores=0, nodes_per_group=0, nodes_per_zone=0)
    decision = decide(found.nodes, found.pending, found.history, settings, may_stop=True)
    return [found.names[action.node] for action in decision.actions if action.kind == "start"]


def test_demand_is_what_would_run_elsewhere_if_its_node_was_off() -> None:
    pods = [
        pod("p", 4.0, node_name="a"),
        pod("done", 8.0, node_name="a", phase="Succeeded"),
        pod("agent", 0.5, node_name="a", owner=DAEMONS),
        pod("waits", 2.0),
    ]
    assert demand_of(pods).tolist() == [4.0, 1e9, 1.0]
    assert demand_of([]).tolist() == [0.0, 0.0, 0.0]


def test_the_peak_counts_what_each_running_node_has_for_itself() -> None:
    """A DaemonSet's Pod stays bound to a node that sleeps, and needs no room on another one."""
    agents = [pod(f"agent-{name}", 0.5, node_name=name, owner=DAEMONS) for name in ("a", "b")]
    nodes = facts(node("a")), facts(sleeping("b"), Phase.ASLEEP)
    found = fleet(*nodes, pods=agents, peak=np.array([20.0, 4e9, 3.0]))
    assert found.history.peak is not None
    assert found.history.peak.tolist() == [20.5, 5e9, 4.0]
    assert fleet(*nodes, pods=agents).history.peak is None


def test_phases_become_states_and_pods_become_requests() -> None:
    found = fleet(
        facts(node("a")),
        facts(sleeping("b"), Phase.ASLEEP),
        facts(node("c"), Phase.SHUTTING_DOWN),
        pods=[pod("p", 4.0, node_name="a"), pod("q", 8.0, node_name="a", phase="Succeeded"), pod("w", 2.0)],
    )
    assert found.nodes.state.tolist() == [NodeState.ON, NodeState.OFF, NodeState.STOPPING]
    assert found.nodes.requested[0].tolist() == [4.0, 1e9, 1.0]
    assert found.pending.requests.tolist() == [[2.0, 1e9, 1.0]]
    assert found.nodes.state_seconds.tolist() == [600.0] * 3


def test_a_pod_that_fits_nowhere_starts_the_sleeping_node_that_it_may_run_on() -> None:
    asleep = [facts(sleeping(name, labels={"disk": disk}), Phase.ASLEEP) for name, disk in (("b", "hdd"), ("c", "ssd"))]
    waiting = pod("w", 2.0, node_selector={"disk": "ssd"})
    assert starts(fleet(facts(node("a")), *asleep, pods=[waiting])) == ["c"]


def test_a_pod_that_fits_on_a_running_node_starts_nothing() -> None:
    assert starts(fleet(facts(node("a")), facts(sleeping("b"), Phase.ASLEEP), pods=[pod("w", 2.0)])) == []


def test_a_pod_of_a_daemon_set_starts_nothing() -> None:
    found = fleet(facts(node("a")), facts(sleeping("b"), Phase.ASLEEP), pods=[pod("p", 99.0, owner=DAEMONS)])
    assert (len(found.pending), starts(found)) == (0, [])


def test_taints_of_the_node_itself_count_and_those_of_its_sleep_do_not() -> None:
    own = Taint("gpu", "yes", "NoSchedule")
    asleep = facts(sleeping("b", taints=(own,)), Phase.ASLEEP)
    big = pod("w", 31.0)
    full = pod("p", 10.0, node_name="a")
    assert starts(fleet(facts(node("a")), asleep, pods=[full, big])) == []
    tolerant = pod("w", 31.0, tolerations=(Toleration("gpu", "Exists"),))
    assert starts(fleet(facts(node("a")), asleep, pods=[full, tolerant])) == ["b"]
    assert as_if_up(sleeping("b", taints=(own,))).taints == (own,)


def test_a_node_that_somebody_else_cordoned_before_its_sleep_is_not_started_for_pods() -> None:
    foreign = node("b", ready=False, unschedulable=True)
    found = fleet(facts(node("a")), facts(foreign, Phase.ASLEEP), pods=[pod("w", 40.0)])
    assert not found.pending.allowed_of(0)[1]  # type: ignore[index]


def test_a_pod_that_the_scheduler_does_not_place_for_long_counts_as_fitting_nowhere() -> None:
    """Rules about other Pods, ports and volumes are not computed here: kube-scheduler's verdict is."""
    nodes = (facts(node("a")), facts(sleeping("b"), Phase.ASLEEP))
    assert starts(fleet(*nodes, pods=[pod("w", created=NOW - STUBBORN + 1)])) == []
    assert starts(fleet(*nodes, pods=[pod("w", created=NOW - STUBBORN)])) == ["b"]
    assert starts(fleet(*nodes, pods=[pod("w", created=NOW - 20, tied_to_pods=True)])) == ["b"]
    assert starts(fleet(*nodes, pods=[pod("w", created=NOW - HOPELESS)])) == []


def test_the_marks_that_a_wake_up_leaves_for_some_seconds_start_no_other_node() -> None:
    taints = (Taint("node.kubernetes.io/unreachable", "", "NoSchedule"),)
    woken = node("a", unschedulable=True, annotations={CORDONED_BY: "standby"}, taints=taints)
    nodes = (facts(woken), facts(sleeping("b"), Phase.ASLEEP))
    assert starts(fleet(*nodes, pods=[pod("w", 2.0)])) == []
    full = node("a", taints=(Taint("node.kubernetes.io/disk-pressure", "", "NoSchedule"),))
    assert starts(fleet(facts(full), nodes[1], pods=[pod("w", 2.0)])) == ["b"]


def test_extended_resources_are_looked_for_on_the_node() -> None:
    nodes = (facts(node("a")), facts(sleeping("b"), Phase.ASLEEP), facts(sleeping("c"), Phase.ASLEEP))
    waiting = pod("w", extended=("nvidia.com/gpu",))
    extended = {"c": frozenset({"nvidia.com/gpu"})}
    assert starts(fleet(*nodes, pods=[waiting], extended=extended)) == ["c"]
    assert starts(fleet(*nodes, pods=[waiting])) == []


def test_nodes_that_may_not_be_switched_count_for_capacity_only() -> None:
    plain = NodeFacts(node("a"), None, Progress())
    found = fleet(plain, facts(node("b", labels={"node-role.kubernetes.io/control-plane": ""})), facts(node("c")))
    assert found.nodes.candidate.tolist() == [False, False, True]
    assert found.excluded == {
        "a": "its NodeConfig has no standby",
        "b": "it has the label node-role.kubernetes.io/control-plane",
    }
    assert found.nodes.capacity[:, 0].tolist() == [32.0] * 3


def test_recommendations_need_neither_a_test_nor_a_method() -> None:
    dry = facts(node("a"), method="DryRun", tested=False)
    acting, recommending = fleet(dry), fleet(dry, acting=False)
    assert (acting.nodes.candidate[0], acting.excluded["a"]) == (False, "its method is DryRun")
    assert (recommending.nodes.candidate[0], recommending.nodes.wake_tested[0]) == (True, True)


def test_unknown_capacity_is_unknown() -> None:
    found = fleet(facts(node("a", allocatable_memory=None)))
    assert np.isnan(found.nodes.capacity[0]).tolist() == [False, True, False]


def test_an_empty_cluster_has_no_rows() -> None:
    assert len(fleet().nodes) == 0


def test_daemons_and_finished_pods_do_not_keep_a_node() -> None:
    assert keeps_node(pod("p", node_name="a"))
    assert keeps_node(pod("p", node_name="a", owner=None))
    assert not keeps_node(pod("p", node_name="a", owner=DAEMONS))
    assert not keeps_node(pod("p", node_name="a", mirror=True))
    assert not keeps_node(pod("p", node_name="a", phase="Failed"))
    assert not keeps_node(pod("p"))


def test_the_largest_pods_by_cpu_and_by_memory() -> None:
    big, wide = pod("big", 8.0), pod("wide", 1.0, memory_request=9e9)
    assert largest_of([big, pod("small"), wide]) == (big, wide)
    assert largest_of([pod("d", 9.0, owner=DAEMONS)]) == ()
