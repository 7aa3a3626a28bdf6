"""Which endpoints a Service has, and which of them receive traffic."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.addresses import canonical_address
from wao_core.cluster.decode import DECODERS
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Kind, Service, ServicePort
from wao_core.cluster.service_endpoints import (
    ServiceEndpoint,
    SlicesByService,
    receiving_traffic,
    service_endpoints,
)
from wao_core.cluster.state import ClusterState

READY: dict[str, Any] = {"ready": True, "serving": True, "terminating": False}
NOT_READY: dict[str, Any] = {"ready": False, "serving": False, "terminating": False}
DRAINING: dict[str, Any] = {"ready": False, "serving": True, "terminating": True}
STOPPED: dict[str, Any] = {"ready": False, "serving": False, "terminating": True}
PUBLISHED_DRAINING: dict[str, Any] = {"ready": True, "serving": True, "terminating": True}  # publishNotReadyAddresses
PUBLISHED_STOPPED: dict[str, Any] = {"ready": True, "serving": False, "terminating": True}
WEB = Service(name="web", namespace="default", ports=(ServicePort(port=80, name="http"),))


@pytest.mark.parametrize(
    ("conditions", "receiving"),
    [
        ([READY, READY], [0, 1]),
        ([READY, NOT_READY, DRAINING, STOPPED], [0]),
        ([NOT_READY, DRAINING, STOPPED], [1]),
        ([NOT_READY, STOPPED], []),
        ([READY, PUBLISHED_DRAINING, PUBLISHED_STOPPED], [0, 1, 2]),
        ([PUBLISHED_STOPPED, DRAINING], [0]),
        ([], []),
    ],
)
def test_the_rule_of_kube_proxy(conditions: list[dict[str, Any]], receiving: list[int]) -> None:
    group = [
        ServiceEndpoint(Endpoint(addresses=(f"10.0.0.{row}",), **item), 80, "IPv4", f"10.0.0.{row}")
        for row, item in enumerate(conditions)
    ]
    assert receiving_traffic(group) == [group[row] for row in receiving]


def part(name: str, *addresses: str, service: str | None = "web", **more: object) -> EndpointSlice:
    fields = {
        "name": name,
        "namespace": "default",
        "service": service,
        "endpoints": tuple(Endpoint(addresses=(address,)) for address in addresses),
        "ports": (EndpointPort(name="http", port=8080),),
    }
    return EndpointSlice(**(fields | more))  # type: ignore[arg-type]


def test_slices_are_merged_by_port_and_family_and_each_endpoint_counts_once() -> None:
    slices = [
        part("a", "10.0.0.1", "10.0.0.2"),
        part("b", "10.0.0.2", "no address"),
        part("c", "FD00::0:1", "fd00::1", address_type="IPv6"),
        part("d", "example.org", address_type="FQDN"),
        part("e", "10.0.0.9", ports=(EndpointPort(name="other", port=1), EndpointPort(name="http", port=None))),
    ]
    found = {key: [item.target for item in group] for key, group in service_endpoints(WEB, slices).items()}
    assert found == {(0, "IPv4"): ["10.0.0.1:8080", "10.0.0.2:8080"], (0, "IPv6"): ["[fd00::1]:8080"]}


@pytest.mark.parametrize(
    ("address_type", "address", "served"),
    [
        ("IPv4", "::ffff:10.0.0.1", ["10.0.0.1:8080"]),
        ("IPv4", "010.000.000.001", ["10.0.0.1:8080"]),
        ("IPv6", "::ffff:10.0.0.1", []),
        ("IPv6", "10.0.0.1", []),
        ("IPv4", "fd00::1", []),
    ],
)
def test_an_endpoint_has_an_address_of_the_family_of_its_slice(
    address_type: str, address: str, served: list[str]
) -> None:
    """An IPv4 address mapped into IPv6 is an IPv4 address, which no rule of IPv6 can send packets to."""
    found = service_endpoints(WEB, [part("a", address, address_type=address_type)])
    assert served == [item.target for group in found.values() for item in group]


@pytest.mark.parametrize("port", [0, -1, 65536, None])
def test_an_invalid_port_serves_nothing(port: int | None) -> None:
    found = service_endpoints(WEB, [part("a", "10.0.0.1", ports=(EndpointPort(name="http", port=port),))])
    assert not any(found.values())


def test_endpoints_with_one_address_and_different_ports_are_two() -> None:
    """Pods with host networking (https://github.com/kubernetes/kubernetes/pull/101935)."""
    slices = [part(f"s{port}", "10.0.0.1", ports=(EndpointPort(name="http", port=port),)) for port in (8080, 8081)]
    (group,) = service_endpoints(WEB, slices).values()
    assert ["10.0.0.1:8080", "10.0.0.1:8081"] == [item.target for item in group]


def pod(name: str, conditions: dict[str, Any], address: str = "10.0.0.1", **more: Any) -> Endpoint:
    return Endpoint(addresses=(address,), target_kind="Pod", target_name=name, **conditions, **more)


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ([STOPPED, READY], 1),
        ([DRAINING, READY], 1),
        ([NOT_READY, READY], 1),
        ([STOPPED, NOT_READY], 1),
        ([STOPPED, DRAINING], 1),
        ([PUBLISHED_STOPPED, READY], 1),
        ([PUBLISHED_DRAINING, READY], 1),
        ([STOPPED, DRAINING, READY], 2),
    ],
)
def test_of_pods_with_one_address_the_one_that_serves_counts(conditions: list[dict[str, Any]], counts: int) -> None:
    """A Pod can have the address of a terminating one; both are endpoints until the old Pod is gone."""
    pods = [pod(f"web-{row}", item) for row, item in enumerate(conditions)]
    for listed in itertools.permutations(pods):
        together = [part("a", endpoints=listed)]
        apart = [part(f"slice-{row}", endpoints=(item,)) for row, item in enumerate(listed)]
        for slices in (together, apart):
            (group,) = service_endpoints(WEB, slices).values()
            assert [f"web-{counts}"] == [item.endpoint.target_name for item in group]


CONDITIONS = st.sampled_from([READY, NOT_READY, DRAINING, STOPPED, PUBLISHED_DRAINING, PUBLISHED_STOPPED])
PODS = st.builds(
    pod,
    name=st.sampled_from(["a", "b", ""]),
    conditions=CONDITIONS,
    address=st.sampled_from(["10.0.0.1", "10.0.0.2", "010.0.0.1"]),
    node_name=st.sampled_from([None, "node-1", "node-2"]),
)


@given(slices=st.lists(st.lists(PODS, max_size=4), max_size=4), random=st.randoms(use_true_random=False))
def test_the_order_of_slices_and_endpoints_does_not_matter(slices: list[list[Endpoint]], random: Random) -> None:
    def outcome(parts: list[list[Endpoint]]) -> set[tuple[object, ...]]:
        groups = service_endpoints(WEB, [part(f"s-{row}", endpoints=tuple(item)) for row, item in enumerate(parts)])
        return {
            (
                item.target,
                item.endpoint.ready,
                item.endpoint.serving,
                item.endpoint.node_name,
                item.endpoint.target_name,
            )
            for group in groups.values()
            for item in group
        }

    before = outcome(slices)
    mixed = [random.sample(items, len(items)) for items in random.sample(slices, len(slices))]
    assert before == outcome(mixed)
    ready = {canonical_address(item.addresses[0]) for items in slices for item in items if item.ready}
    assert ready == {str(target).partition(":")[0] for target, is_ready, *_ in before if is_ready}


@pytest.mark.parametrize(
    ("fields", "node", "zone"),
    [
        ({}, None, None),
        ({"nodeName": "n1", "zone": "z1"}, "n1", "z1"),
        ({"deprecatedTopology": {"kubernetes.io/hostname": "n2", "topology.kubernetes.io/zone": "z2"}}, "n2", "z2"),
        ({"nodeName": "n1", "deprecatedTopology": {"kubernetes.io/hostname": "n2"}}, "n1", None),
        ({"deprecatedTopology": None}, None, None),
    ],
)
def test_node_and_zone_of_old_slices_are_found(fields: dict[str, Any], node: str | None, zone: str | None) -> None:
    """Slices that were written before Kubernetes 1.21 keep them in `deprecatedTopology`."""
    raw = {"metadata": {"name": "s"}, "endpoints": [{"addresses": ["10.0.0.1"], **fields}]}
    found = DECODERS["EndpointSlice"].decode_object(raw)
    assert isinstance(found, EndpointSlice)
    assert (node, zone) == (found.endpoints[0].node_name, found.endpoints[0].zone)


def test_the_index_follows_slices_that_come_go_and_change_their_service() -> None:
    state = ClusterState()
    state.put(Kind.ENDPOINT_SLICE, part("web-1"))
    index, touched = SlicesByService(state.endpoint_slices), []
    state.subscribe([Kind.ENDPOINT_SLICE, Kind.SERVICE], lambda change: touched.append(index.observe(change)))
    assert [item.name for item in index.of("default/web")] == ["web-1"]
    state.put(Kind.ENDPOINT_SLICE, part("web-0"))
    assert [item.name for item in index.of("default/web")] == ["web-0", "web-1"]
    state.put(Kind.ENDPOINT_SLICE, part("web-1", service="api"))
    assert [item.name for item in index.of("default/web")] == ["web-0"]
    assert [item.name for item in index.of("default/api")] == ["web-1"]
    state.put(Kind.ENDPOINT_SLICE, part("web-1", service=None))
    state.remove(Kind.ENDPOINT_SLICE, "default/web-0")
    state.put(Kind.SERVICE, Service(name="web", namespace="default"))
    assert index.of("default/web") == index.of("default/api") == []
    expected = [{"default/web"}, {"default/web", "default/api"}, {"default/api"}, {"default/web"}, set()]
    assert touched == expected
