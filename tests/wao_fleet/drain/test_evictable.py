"""Which Pods may be evicted: a table of rules."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.names import EVICTABLE
from wao_core.cluster.records import OwnerRef
from wao_fleet.drain.evictable import belongs_to_node, why_not_evictable
from wao_fleet.drain.pods import FleetPod


def pod(owner: str | None = "ReplicaSet", **fields: Any) -> FleetPod:
    return FleetPod(name="p", namespace="n", owner=None if owner is None else OwnerRef(owner, "o"), **fields)


def wish(value: str) -> dict[str, str]:
    return {EVICTABLE: value}


@pytest.mark.parametrize("owner", ["ReplicaSet", "StatefulSet", "ReplicationController", "Rollout"])
def test_pods_that_their_owner_creates_again_may_be_evicted(owner: str) -> None:
    assert why_not_evictable(pod(owner)) == ""
    assert why_not_evictable(pod(owner, claims=("data",))) == ""


@pytest.mark.parametrize(
    ("stays", "why"),
    [
        (pod(annotations=wish("false")), 'is "false"'),
        (pod(annotations=wish("no")), 'is \'no\': write "true" or "false"'),
        (pod(mirror=True), "static Pod"),
        (pod(None), "no owner"),
        (pod("DaemonSet"), "belongs to the DaemonSet o"),
        (pod("Node"), "belongs to the Node o"),
        (pod(local_volumes=("hostPath",)), "hostPath"),
        (pod(claims=("data",)), "the volume of its claim data is on one node"),
    ],
)
def test_some_pods_are_never_evicted_whatever_their_annotation_says(stays: FleetPod, why: str) -> None:
    assert why in why_not_evictable(stays, jobs=True, local_claims={"n/data"})


@pytest.mark.parametrize(
    "fields",
    [{"owner": "Job"}, {"local_volumes": ("emptyDir",)}, {"local_volumes": ("ephemeral",)}, {"critical": True}],
)
def test_some_are_evicted_only_if_their_annotation_permits_it(fields: dict[str, Any]) -> None:
    assert why_not_evictable(pod(**fields)) != ""
    assert why_not_evictable(pod(**fields, annotations=wish("true"))) == ""


def test_jobs_may_be_permitted_for_all() -> None:
    assert why_not_evictable(pod("Job"), jobs=True) == ""


def test_pods_of_the_node_do_not_keep_it_from_being_empty() -> None:
    assert belongs_to_node(pod("DaemonSet"))
    assert belongs_to_node(pod("Node", mirror=True))
    assert not belongs_to_node(pod(None))
    assert not belongs_to_node(pod("Job"))
