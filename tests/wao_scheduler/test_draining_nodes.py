"""Nodes that are being drained: known at once, and forgotten at once."""

from __future__ import annotations

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Node, Taint
from wao_core.cluster.state import ClusterState
from wao_scheduler.draining_nodes import DrainingNodes

DRAINED = (Taint("other"), Taint(DRAINING, "rebalance", "PreferNoSchedule"))


def test_a_taint_counts_from_the_moment_it_is_known() -> None:
    state = ClusterState()
    state.put(Kind.NODE, Node(name="a", taints=DRAINED))
    nodes = DrainingNodes(state)
    assert nodes.among(["b", "a"]) == {1: "rebalance is draining this node"}
    state.put(Kind.NODE, Node(name="b", taints=DRAINED))
    state.put(Kind.NODE, Node(name="a"))
    assert nodes.among(["b", "a", "c"]) == {0: "rebalance is draining this node"}
    state.remove(Kind.NODE, "b")
    assert nodes.among(["b", "a"]) == {}
