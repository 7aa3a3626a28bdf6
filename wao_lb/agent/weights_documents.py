"""What a weight service answers, as far as the agent reads it (`wao_lb.documents` writes it). Pure."""

from __future__ import annotations

import msgspec

from wao_lb.agent.slots import Key
from wao_lb.members import canonical

PortWeights = dict[tuple[str, int, str], dict[Key, float]]
"""Weights by (namespace/name, port, protocol), then by endpoint."""


class Listed(msgspec.Struct):
    """One Service with the version of its weights."""

    namespace: str
    service: str
    version: str


class Listing(msgspec.Struct):
    """All Services of a weight service."""

    version: str
    services: list[Listed]


class Endpoint(msgspec.Struct):
    """One endpoint of a Service port."""

    address: str
    port: int
    weight: float
    ready: bool = True


class Port(msgspec.Struct):
    """One Service port."""

    port: int
    protocol: str
    endpoints: list[Endpoint]


class Document(msgspec.Struct):
    """The weights of one Service."""

    version: str
    ports: list[Port]


def port_weights(key: str, document: Document) -> PortWeights:
    """Return the weights of a document; 0 for an endpoint that is not ready there means unknown, not none."""
    found: PortWeights = {}
    for port in document.ports:
        into = found.setdefault((key, port.port, port.protocol), {})
        for item in port.endpoints:
            if item.ready or item.weight > 0.0:
                into[canonical(item.address), item.port] = item.weight
    return found
