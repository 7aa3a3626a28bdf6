"""Which endpoints a Service has, and which of them receive traffic."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Kind, Service, ServicePort
from wao_core.cluster.service_endpoints import (
    ServiceEndpoint,
    SlicesByService,
    canonical_address,
    host_port,
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
    service = Service(name="web", namespace="default", ports=(ServicePort(port=80, name="http"),))
    slices = [
        part("a", "10.0.0.1", "10.0.0.2"),
        part("b", "10.0.0.2", "no address"),
        part("c", "FD00::0:1", "fd00::1", address_type="IPv6"),
        part("d", "example.org", address_type="FQDN"),
        part("e", "10.0.0.9", ports=(EndpointPort(name="other", port=1), EndpointPort(name="http", port=None))),
    ]
    found = {key: [item.target for item in group] for key, group in service_endpoints(service, slices).items()}
    assert found == {(0, "IPv4"): ["10.0.0.1:8080", "10.0.0.2:8080"], (0, "IPv6"): ["[fd00::1]:8080"]}


@pytest.mark.parametrize(
    ("text", "canonical"), [("10.1.2.3", "10.1.2.3"), ("FD00:0::1", "fd00::1"), ("10.1", ""), ("a:b", ""), ("\0", "")]
)
def test_addresses_in_canonical_form(text: str, canonical: str) -> None:
    assert canonical_address(text) == canonical


def test_addresses_and_ports_as_in_urls() -> None:
    assert (host_port("10.0.0.1", 80), host_port("fd00::1", 80)) == ("10.0.0.1:80", "[fd00::1]:80")


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
