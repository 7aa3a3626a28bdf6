"""The pods of measured nodes: which they are, and what they use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wao_core.cluster.names import EVICTABLE
from wao_core.cluster.records import OwnerRef, Pod
from wao_predict.simulate.fleet_documents import PresentPods
from wao_scheduler.running_pods import running_pods

NOW = 1000.0


def pod(name: str, **fields: Any) -> Pod:
    owner = OwnerRef("ReplicaSet", "r", "uid-r")
    return Pod(**{"name": name, "namespace": "d", "node_name": "a", "owner": owner, "cpu_request": 1.0, **fields})


def found(*pods: Pod, usage: float = 8.0) -> PresentPods:
    return running_pods(pods, {"a": 0, "b": 1}, np.array([usage, 0.0]), lambda pod: pod.cpu_request or 0.1, NOW)


def test_pods_use_at_most_what_they_request() -> None:
    assert found(pod("p", cpu_request=3.0), usage=8.0).use.tolist() == [3.0]


def test_pods_share_a_lower_use_by_request_also_with_those_of_the_node() -> None:
    agent = pod("agent", owner=OwnerRef("DaemonSet", "d"), cpu_request=1.0)
    assert found(pod("p", cpu_request=2.0), pod("q"), agent, usage=2.0).use.tolist() == pytest.approx([1.0, 0.5])


def test_pods_of_other_nodes_of_the_node_itself_and_those_that_ended_are_left_out() -> None:
    others = (
        pod("elsewhere", node_name="c"),
        pod("waiting", node_name=None),
        pod("static", owner=OwnerRef("Node", "a")),
        pod("ended", phase="Failed"),
    )
    assert len(found(*others)) == 0


@pytest.mark.parametrize(
    ("fields", "movable"),
    [
        ({}, True),
        ({"owner": None}, False),
        ({"owner": OwnerRef("Job", "j")}, False),
        ({"annotations": {EVICTABLE: "false"}}, False),
    ],
)
def test_pods_that_would_not_come_back_or_must_stay_are_not_movable(fields: dict[str, Any], movable: bool) -> None:
    assert found(pod("p", **fields)).movable.tolist() == [movable]


def test_the_age_is_since_the_start() -> None:
    ages = found(pod("p", started_at=400.0, created=100.0), pod("q", scheduled_at=300.0), pod("unknown")).age
    assert ages.tolist() == [600.0, 700.0, 0.0]
