"""Where a Pod may run: node selectors, node affinity, taints."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.records import Node, Taint
from wao_fleet.drain.places import may_run_on, tolerates
from wao_fleet.drain.pods import FleetPod, NodeTerm, Requirement, Toleration

NODE = Node(name="a", labels={"disk": "ssd", "cores": "32"})
HARD = Taint("gpu", "yes", "NoSchedule")


def pod(**fields: Any) -> FleetPod:
    return FleetPod(name="p", namespace="n", **fields)


def terms(*groups: list[Requirement], fields: tuple[Requirement, ...] = ()) -> FleetPod:
    return pod(node_terms=tuple(NodeTerm(match_expressions=tuple(group), match_fields=fields) for group in groups))


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (pod(), True),
        (pod(node_selector={"disk": "ssd"}), True),
        (pod(node_selector={"disk": "hdd"}), False),
        (terms([Requirement("disk", "In", ("ssd", "nvme"))]), True),
        (terms([Requirement("disk", "NotIn", ("ssd",))]), False),
        (terms([Requirement("cores", "Gt", ("16",))]), True),
        (terms([Requirement("cores", "Lt", ("16",))]), False),
        (terms([Requirement("zone", "Exists")], [Requirement("disk", "Exists")]), True),
        (terms([Requirement("disk", "Exists"), Requirement("zone", "Exists")]), False),
        (terms([], fields=(Requirement("metadata.name", "In", ("a",)),)), True),
        (terms([], fields=(Requirement("metadata.name", "In", ("b",)),)), False),
        (terms([]), False),  # an empty term matches nothing
        (pod(node_terms=()), False),
    ],
)
def test_node_selector_and_affinity_limit_the_nodes(given: FleetPod, allowed: bool) -> None:
    assert may_run_on(given, NODE) is allowed


@pytest.mark.parametrize(
    "node",
    [
        Node(name="a", unschedulable=True),
        Node(name="a", terminating=True),
        Node(name="a", ready=False),
        Node(name="a", taints=(HARD,)),
        Node(name="a", taints=(Taint("gpu", "", "NoExecute"),)),
    ],
)
def test_nodes_that_take_no_pods_are_out(node: Node) -> None:
    assert not may_run_on(pod(), node)


def test_a_preference_is_no_limit() -> None:
    assert may_run_on(pod(), Node(name="a", taints=(Taint("x", "", "PreferNoSchedule"),)))


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        (Toleration(key="gpu", value="yes"), True),
        (Toleration(key="gpu", value="no"), False),
        (Toleration(key="gpu", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="gpu", operator="Exists", effect="NoExecute"), False),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(), False),
    ],
)
def test_a_toleration_covers_a_taint_as_in_kubernetes(toleration: Toleration, covers: bool) -> None:
    assert tolerates(pod(tolerations=(toleration,)), HARD) is covers
