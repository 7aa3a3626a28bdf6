"""What one node sees of the cluster: its Services, their endpoints, and the Node itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_lb.agent.services import DNS, WEB, both, endpoint, part, service
from wao_core.cluster.records import Endpoint, EndpointSlice, Kind, Node, Service
from wao_core.cluster.service_endpoints import receiving_traffic, service_endpoints
from wao_core.cluster.state import ClusterState
from wao_lb.agent.family import FAMILIES, IPV4, IPV6
from wao_lb.agent.view import CHANGE_TIME, KINDS, NodeSettings, NodeView
from wao_lb.settings import PROXY_LABEL

OURS = {PROXY_LABEL: "wao-loadbalancer"}
NODE = Node(
    name="node-1",
    addresses=(("ExternalIP", "198.51.100.1"), ("InternalIP", "192.0.2.1"), ("InternalIP", "2001:db8::1")),
    pod_cidrs=("10.1.0.0/24", "fd01::/64"),
)


def view_of(state: ClusterState, **more: Any) -> NodeView:
    return NodeView(state, NodeSettings(**{"node_name": "node-1", "proxy_name": "wao-loadbalancer"} | more))


def state_of(*records: Service | EndpointSlice | Node) -> ClusterState:
    state = ClusterState()
    for record in records:
        state.put(Kind(type(record).__name__), record)
    for kind in KINDS:
        state.confirm(kind)
    return state


def test_services_of_the_proxy_name_are_served_oldest_first() -> None:
    state = state_of(
        service(name="young", labels=OURS, created=9.0),
        service(name="old", labels=OURS, created=1.0),
        service(name="foreign", labels={PROXY_LABEL: "another"}),
        service(name="unlabelled"),
        service(name="headless", labels=OURS, cluster_ips=("None",)),
    )
    assert ["default/old", "default/young"] == list(view_of(state).services())


def test_a_service_that_cannot_be_served_is_refused_with_the_reason() -> None:
    view = view_of(state_of(service(labels=OURS, ports=(WEB.__class__(port=70000),)), service(name="b", labels=OURS)))
    assert ["default/b"] == list(view.services())
    assert {"default/web": "port 70000 is not from 1 to 65535"} == view.refused()


def test_a_service_without_a_cluster_ip_is_refused_with_what_to_write() -> None:
    """Nobody assigns one in a folder of manifests."""
    view = view_of(state_of(service(labels=OURS, cluster_ips=())))
    assert "write spec.clusterIP, such as 10.96.0.10" in view.refused()["default/web"]
    assert not view.services()


def test_only_changes_that_concern_a_served_service_or_the_own_node_are_taken() -> None:
    state, calls = state_of(), []
    view = view_of(state)
    view.notify(lambda: calls.append("change"))
    state.put(Kind.SERVICE, service(name="foreign"))
    state.put(Kind.ENDPOINT_SLICE, part(endpoint(1), name="foreign-1", service="foreign"))
    state.put(Kind.NODE, Node(name="node-2"))
    assert ([], None) == (calls, view.first_change)
    begin = time.monotonic()
    state.put(Kind.SERVICE, service(labels=OURS))
    state.put(Kind.ENDPOINT_SLICE, part(endpoint(1)))
    state.put(Kind.NODE, NODE)
    assert ["change"] * 3 == calls
    assert begin <= (view.first_change or 0.0) <= time.monotonic()
    assert {"default/web"} == view.take_changes()
    assert set() == view.take_changes()
    assert view.first_change is None
    state.put(Kind.SERVICE, service())  # the label is removed
    assert {"default/web"} == view.take_changes()
    view.close()
    state.put(Kind.SERVICE, service(labels=OURS))
    assert set() == view.take_changes()


@pytest.mark.parametrize(
    ("settings", "node_ips", "cidrs"),
    [
        ({}, (("192.0.2.1",), ("2001:db8::1",)), (("10.1.0.0/24",), ("fd01::/64",))),
        ({"node_ports_everywhere": True}, (None, None), (("10.1.0.0/24",), ("fd01::/64",))),
        ({"cluster_cidrs": ("10.0.0.0/8",)}, (("192.0.2.1",), ("2001:db8::1",)), (("10.0.0.0/8",), ())),
        ({"interface": "cali*"}, (("192.0.2.1",), ("2001:db8::1",)), ((), ())),
    ],
)
def test_addresses_and_networks_are_those_of_the_node_or_the_settings(
    settings: dict[str, Any], node_ips: tuple[Any, Any], cidrs: tuple[Any, Any]
) -> None:
    view = view_of(state_of(NODE), **settings)
    setups = [view.setup(family) for family in FAMILIES]
    assert node_ips == tuple(setup.node_ips for setup in setups)
    assert cidrs == tuple(setup.local_cidrs for setup in setups)


def test_a_node_without_internal_address_serves_node_ports_on_its_external_one() -> None:
    view = view_of(state_of(Node(name="node-1", addresses=(("ExternalIP", "198.51.100.1"),))))
    assert ("198.51.100.1",) == view.setup(IPV4).node_ips
    assert () == view.setup(IPV6).node_ips


def test_a_deleted_node_keeps_its_addresses_and_networks_in_force() -> None:
    state = state_of(NODE)
    view = view_of(state)
    before = [view.setup(family) for family in FAMILIES]
    state.remove(Kind.NODE, "node-1")
    assert before == [view.setup(family) for family in FAMILIES]
    assert view.ineligible() is None


def test_a_wrong_name_is_ineligible_once_the_nodes_are_read() -> None:
    state = ClusterState()
    view = view_of(state, node_name="nod-1")
    assert view.ineligible() is None
    state.confirm(Kind.NODE)
    assert "--node-name" in str(view.ineligible())


def test_ready_endpoints_on_this_node_count_once_in_the_family_with_more() -> None:
    made = service(labels=OURS, ports=(WEB, DNS))
    four = [endpoint(1, "node-1"), endpoint(2, "node-1"), endpoint(3, "node-2"), endpoint(4, "node-1", ready=False)]
    view = view_of(state_of(made, part(*four), part(endpoint(1, "node-1", six=True))))
    assert 2 == view.local_ready(made)


def test_rules_are_made_for_each_family() -> None:
    made = service(labels=OURS)
    view = view_of(state_of(made, NODE, *both(1, 2)))
    rules = view.rules(made, {family: view.setup(family) for family in FAMILIES})
    assert [2, 2] == [rules[family].endpoints for family in FAMILIES]


def test_delays_are_known_for_slices_that_state_when_they_changed() -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3.0))
    odd = part(endpoint(3), name="odd", annotations={CHANGE_TIME: "yesterday"})
    future = part(endpoint(4), name="future", annotations={CHANGE_TIME: "2999-01-01T00:00:00Z"})
    view = view_of(state_of(service(labels=OURS), part(endpoint(1), annotations={CHANGE_TIME: stamp}), odd, future))
    (delay,) = view.delays({"default/web"}, now)
    assert 2.0 <= delay <= 4.0


ENDPOINTS = st.builds(
    lambda number, node, conditions, name: Endpoint(
        addresses=(f"10.1.0.{number}",), node_name=node, target_kind="Pod", target_name=name, **conditions
    ),
    number=st.integers(1, 4),
    node=st.sampled_from([None, "node-1", "node-2"]),
    conditions=st.fixed_dictionaries({key: st.booleans() for key in ("ready", "serving", "terminating")}),
    name=st.sampled_from(["", "old", "new"]),
)


@given(slices=st.lists(st.lists(ENDPOINTS, max_size=4), max_size=3))
def test_the_agent_sends_traffic_to_the_endpoints_that_the_weight_service_weighs(slices: list[list[Endpoint]]) -> None:
    """Also with `publishNotReadyAddresses`, for which the EndpointSlice controller marks every endpoint as ready."""
    made = service(labels=OURS, session_affinity="ClientIP")
    parts = [part(*items, name=f"web-{row}") for row, items in enumerate(slices)]
    view = view_of(state_of(made, *parts))
    rules = view.rules(made, {IPV4: view.setup(IPV4)})[IPV4]
    written = {line for name, lines in rules.chains.items() if name.startswith("endpoint-") for line in lines[1:]}
    weighed = receiving_traffic(service_endpoints(made, parts).get((0, "IPv4"), ()))
    assert {f"meta l4proto tcp dnat to {item.target}" for item in weighed} == written
