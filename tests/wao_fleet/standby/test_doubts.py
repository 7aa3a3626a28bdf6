"""At any doubt nothing is switched off."""

from __future__ import annotations

from wao_core.cluster.records import Node, Taint
from wao_fleet.standby.doubts import SHRUNK, LostCapacity
from wao_fleet.standby.progress import Phase, Progress


def nodes(**ready: bool) -> dict[str, Node]:
    return {name: Node(name=name, ready=value) for name, value in ready.items()}


def test_a_node_that_fails_forbids_more_losses_for_a_while() -> None:
    lost = LostCapacity()
    assert lost.doubt(nodes(a=True, b=True), {}, 0.0) == ""
    assert "b was lost" in lost.doubt(nodes(a=True, b=False), {}, 10.0)
    assert lost.doubt(nodes(a=True, b=False), {}, 10.0 + SHRUNK) == ""  # it counts as gone
    assert lost.doubt(nodes(a=True, b=True), {}, 2000.0) == ""
    assert "b was lost" in lost.doubt(nodes(a=True, b=False), {}, 2010.0)


def test_a_node_that_is_deleted_forbids_more_losses_for_a_while() -> None:
    lost = LostCapacity()
    lost.doubt(nodes(a=True, b=True), {}, 0.0)
    assert "b was lost" in lost.doubt(nodes(a=True), {}, 10.0)
    assert "b was lost" in lost.doubt(nodes(a=True), {}, 20.0)
    assert lost.doubt(nodes(a=True), {}, 10.0 + SHRUNK) == ""


def test_nodes_that_were_deleted_long_ago_are_forgotten() -> None:
    lost = LostCapacity()
    lost.doubt(nodes(a=True, b=True), {}, 0.0)
    assert lost.doubt(nodes(a=True), {}, 10.0)
    for ago in (SHRUNK + 20, SHRUNK + 30):
        assert not lost.doubt(nodes(a=True), {}, ago)
    assert len(lost) == 0


def test_nodes_that_standby_switches_are_no_loss() -> None:
    lost = LostCapacity()
    assert lost.doubt(nodes(a=True, b=False), {"b": Progress(phase=Phase.ASLEEP)}, 0.0) == ""


def test_cluster_autoscaler_at_work_forbids_everything() -> None:
    leaving = Node(name="a", taints=(Taint("ToBeDeletedByClusterAutoscaler", "1", "NoSchedule"),))
    assert "cluster-autoscaler is removing a" in LostCapacity().doubt({"a": leaving}, {}, 0.0)
