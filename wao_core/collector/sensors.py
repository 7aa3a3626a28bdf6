"""From the endpoint of a NodeConfig to a sensor of the library."""

from __future__ import annotations

from collections.abc import Mapping

from wao_core.cluster.records import Node
from wao_core.collector.plan import NodeIdentity, SensorSpec
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.plugins import node_inputs, open_sensor
from wao_predict.sensors.base import Sensor


def identify(endpoint: Endpoint, node: str, *, nodes: Mapping[str, Node]) -> NodeIdentity:
    """Return the properties of the node that a reading depends on."""
    inputs = node_inputs(endpoint)
    address = nodes[node].address("InternalIP") if "address" in inputs and node in nodes else None
    return NodeIdentity(node if "name" in inputs else "", address or "")


def build_sensor(spec: SensorSpec) -> Sensor:
    """Return the sensor of a poller; raises `WaoError` for an endpoint that cannot be used."""
    context = EndpointContext(metric=spec.metric, node_name=spec.node, node_address=spec.address, max_age=spec.ttl)
    return open_sensor(spec.endpoint, context)
