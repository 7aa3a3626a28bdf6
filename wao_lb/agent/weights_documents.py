"""The weights in a document of the weight service, as the agent uses them. Pure."""

from __future__ import annotations

from wao_core.cluster.addresses import canonical_address
from wao_lb.agent.slots import Key
from wao_lb.documents import ServiceWeights

PortWeights = dict[tuple[str, int, str], dict[Key, float]]
"""Weights [%] by (namespace/name, port, protocol), then by endpoint."""


def port_weights(key: str, document: ServiceWeights) -> PortWeights:
    """Return the weights of the Service "namespace/name".

    An endpoint that the document lists as not ready with weight 0 is left out: its weight is unknown, not 0.
    """
    found: PortWeights = {}
    for port in document.ports:
        into = found.setdefault((key, port.port, port.protocol), {})
        for item in port.endpoints:
            if item.ready or item.weight > 0.0:
                into[canonical_address(item.address), item.port] = item.weight
    return found
