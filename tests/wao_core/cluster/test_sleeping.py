"""Nodes that standby has switched off, and the power that is left."""

from __future__ import annotations

import pytest

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, NodeConfig, Standby, Taint
from wao_core.cluster.sleeping import is_asleep, sleeping_watts

OURS, OTHERS = Taint(DRAINING, "standby", "PreferNoSchedule"), Taint(DRAINING, "rebalance", "PreferNoSchedule")


@pytest.mark.parametrize(
    ("ready", "taints", "asleep"),
    [(False, (OURS,), True), (True, (OURS,), False), (False, (), False), (False, (OTHERS,), False)],
)
def test_a_node_sleeps_if_standby_drained_it_and_it_is_not_ready(
    ready: bool, taints: tuple[Taint, ...], asleep: bool
) -> None:
    assert is_asleep(Node(name="n", ready=ready, taints=taints)) is asleep


def test_a_sleeping_node_has_the_power_of_its_bmc() -> None:
    nodes = [Node(name="a", ready=False, taints=(OURS,)), Node(name="b"), Node(name="c", ready=False, taints=(OURS,))]
    configs = [
        NodeConfig(name=name, namespace="w", node_name=name, standby=standby)
        for name, standby in (("a", Standby(off_watts=6.0)), ("b", Standby()), ("c", None))
    ]
    assert sleeping_watts(nodes, configs) == {"a": 6.0}
