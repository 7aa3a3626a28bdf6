"""The documents of the weight service, between versions of service and agent."""

from __future__ import annotations

import json

import msgspec
import pytest

from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort, WeightsListing

ENDPOINT = WeightedEndpoint(address="10.1.0.1", port=8080, weight=62.5, node_name="a", watt_increase=1.5)
DOCUMENT = ServiceWeights(
    version="v1", ports=(WeightedPort(port=80, protocol="TCP", family="IPv4", endpoints=(ENDPOINT,)),)
)


def test_a_document_comes_back_as_it_was_sent() -> None:
    assert msgspec.json.decode(msgspec.json.encode(DOCUMENT), type=ServiceWeights) == DOCUMENT


def test_names_are_in_camel_case() -> None:
    wire = json.loads(msgspec.json.encode(DOCUMENT))
    assert {"generatedAt", "cpuPerRequestCores"} <= wire.keys()
    assert {"nodeName", "wattIncrease"} <= wire["ports"][0]["endpoints"][0].keys()


@pytest.mark.parametrize("more", [{}, {"ofALaterVersion": {"x": 1}}])
def test_an_agent_needs_only_version_addresses_and_weights(more: dict[str, object]) -> None:
    endpoint = {"address": "10.1.0.1", "port": 8080, "weight": 100, **more}
    wire = {"version": "v", "ports": [{"port": 80, "protocol": "TCP", "endpoints": [endpoint], **more}], **more}
    found = msgspec.json.decode(json.dumps(wire), type=ServiceWeights)
    assert found.ports[0].endpoints == (WeightedEndpoint(address="10.1.0.1", port=8080, weight=100.0),)


def test_a_document_without_a_weight_is_refused() -> None:
    wire = {"version": "v", "ports": [{"port": 80, "protocol": "TCP", "endpoints": [{"address": "x", "port": 1}]}]}
    with pytest.raises(msgspec.ValidationError, match="weight"):
        msgspec.json.decode(json.dumps(wire), type=ServiceWeights)


def test_a_listing_has_the_version_of_everything_and_of_each_service() -> None:
    wire = b'{"version":"v","services":[{"namespace":"n","service":"s","version":"w"}]}'
    found = msgspec.json.decode(wire, type=WeightsListing)
    assert (found.version, found.services[0].version) == ("v", "w")
