"""Nodes that standby never switches off, and nodes that it does not switch off now."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, NodeConfig, Standby, Taint
from wao_fleet.drain.node_marks import CORDONED_BY
from wao_fleet.standby.candidates import NEVER, NodeFacts, why_never, why_not_now
from wao_fleet.standby.progress import Progress

CONFIG = NodeConfig(name="c", namespace="w", node_name="n1", standby=Standby())


def facts(config: NodeConfig | None = CONFIG, progress: Progress | None = None, **node: Any) -> NodeFacts:
    return NodeFacts(Node(name="n1", **node), config, progress or Progress())


def test_an_ordinary_node_with_standby_may_be_switched_off() -> None:
    assert (why_never(facts(labels={"a": "b"})), why_not_now(facts())) == ("", "")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (facts(None), "no standby"),
        (facts(NodeConfig(name="c", namespace="w", node_name="n1")), "no standby"),
        (NodeFacts(None, CONFIG, Progress()), "no such Node"),
        (facts(annotations={NEVER: "never"}), '"never"'),
        (facts(labels={NEVER: "never"}), '"never"'),
        (facts(labels={"node-role.kubernetes.io/control-plane": ""}), "node-role.kubernetes.io/control-plane"),
        (facts(labels={"node-role.kubernetes.io/etcd": "true"}), "node-role.kubernetes.io/etcd"),
        (facts(labels={"openebs.io/engine": "mayastor"}), "openebs.io/engine=mayastor"),
        (NodeFacts(Node(name="n1"), CONFIG, Progress(), volume="data-1"), "PersistentVolume data-1 is on it"),
        (facts(None, annotations={CORDONED_BY: "standby"}), "still drained or switched off by standby"),
        (facts(taints=(Taint("ToBeDeletedByClusterAutoscaler", "1", "NoSchedule"),)), "do not run both"),
    ],
)
def test_what_is_never_switched_off(found: NodeFacts, why: str) -> None:
    assert why in why_never(found)


def test_labels_can_be_added_with_and_without_a_value() -> None:
    assert why_never(facts(labels={"disk": "local"}), ["disk"])
    assert why_never(facts(labels={"disk": "local"}), ["disk=local"])
    assert not why_never(facts(labels={"disk": "remote"}), ["disk=local"])


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (facts(progress=Progress(wake_failed="no answer")), "its last start failed: no answer"),
        (facts(terminating=True), "being deleted"),
        (facts(ready=False), "not Ready"),
        (facts(unschedulable=True), "somebody else has cordoned it"),
        (facts(taints=(Taint(DRAINING, "rebalance", "PreferNoSchedule"),)), "drained by rebalance"),
    ],
)
def test_what_is_not_switched_off_now(found: NodeFacts, why: str) -> None:
    assert why in why_not_now(found)


def test_our_own_cordon_is_no_obstacle() -> None:
    assert not why_not_now(facts(unschedulable=True, annotations={CORDONED_BY: "standby"}))
