"""The weights of a document, as the agent looks them up."""

from __future__ import annotations

from typing import Any

from wao_lb.agent.weights_documents import port_weights
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort


def port(number: int, protocol: str, family: str, *endpoints: WeightedEndpoint) -> WeightedPort:
    return WeightedPort(port=number, protocol=protocol, family=family, endpoints=endpoints)


def endpoint(address: str, weight: float, **more: Any) -> WeightedEndpoint:
    return WeightedEndpoint(address=address, port=8080, weight=weight, **more)


def test_weights_are_found_by_service_port_protocol_and_canonical_address() -> None:
    document = ServiceWeights(
        version="1",
        ports=(
            port(80, "TCP", "IPv4", endpoint("10.1.0.1", 40.0), endpoint("010.1.0.2", 60.0)),
            port(80, "TCP", "IPv6", endpoint("FD01:0::1", 100.0)),
            port(53, "UDP", "IPv4", endpoint("10.1.0.1", 100.0)),
        ),
    )
    assert port_weights("default/web", document) == {
        ("default/web", 80, "TCP"): {("10.1.0.1", 8080): 40.0, ("10.1.0.2", 8080): 60.0, ("fd01::1", 8080): 100.0},
        ("default/web", 53, "UDP"): {("10.1.0.1", 8080): 100.0},
    }


def test_an_endpoint_that_is_not_ready_has_an_unknown_weight_and_one_that_is_ready_has_zero() -> None:
    """It may become ready before the next document arrives."""
    listed = (
        endpoint("10.1.0.1", 0.0),
        endpoint("10.1.0.2", 0.0, ready=False),
        endpoint("10.1.0.3", 5.0, ready=False, serving=True, terminating=True),
    )
    found = port_weights("default/web", ServiceWeights(version="1", ports=(port(80, "TCP", "IPv4", *listed),)))
    assert {("10.1.0.1", 8080): 0.0, ("10.1.0.3", 8080): 5.0} == found["default/web", 80, "TCP"]


def test_a_service_without_endpoints_has_ports_without_weights() -> None:
    found = port_weights("default/web", ServiceWeights(version="1", ports=(port(80, "TCP", "IPv4"),)))
    assert {("default/web", 80, "TCP"): {}} == found
