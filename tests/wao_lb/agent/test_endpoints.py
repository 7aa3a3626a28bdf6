"""Which endpoints a node sends traffic to: those of the cluster, and its own."""

from __future__ import annotations

import pytest

from wao_core.cluster.records import Endpoint
from wao_core.cluster.service_endpoints import ServiceEndpoint
from wao_lb.agent.endpoints import Chosen, choose, local_ready


def at(number: int, node: str | None = None, *, ready: bool = True, ending: bool = False) -> ServiceEndpoint:
    address = f"10.1.0.{number}"
    endpoint = Endpoint(addresses=(address,), node_name=node, ready=ready, serving=True, terminating=ending)
    return ServiceEndpoint(endpoint, 8080, "IPv4", address)


def key(number: int) -> tuple[str, int]:
    return f"10.1.0.{number}", 8080


def test_endpoints_are_sorted_whatever_their_order_is() -> None:
    assert choose([at(3), at(1)], "here") == choose([at(1), at(3)], "here")
    assert (key(1), key(3)) == choose([at(3), at(1)], "here").cluster


def test_terminating_endpoints_of_this_node_serve_local_traffic_although_others_are_ready() -> None:
    """The rule applies to the cluster and to the node independently, as in kube-proxy."""
    group = [at(1, "here", ready=False, ending=True), at(2, "there")]
    assert Chosen((key(2),), (key(1),), frozenset({"10.1.0.1"})) == choose(group, "here")


@pytest.mark.parametrize("node", [None, ""])
def test_an_endpoint_without_a_node_may_be_here_and_is_not_local(node: str | None) -> None:
    assert Chosen((key(1),), (), frozenset({"10.1.0.1"})) == choose([at(1, node)], "here")


def test_nothing_is_chosen_of_nothing() -> None:
    assert Chosen((), ()) == choose([], "here")


def test_a_ready_endpoint_of_this_node_counts_once_for_all_ports() -> None:
    groups = [[at(1, "here"), at(2, "here")], [at(1, "here"), at(3, "there"), at(4, "here", ready=False)]]
    assert 2 == local_ready(groups, "here")
