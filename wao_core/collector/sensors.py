"""From a NodeConfig's term to a sensor of the library, by the name of its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from wao_core.cluster.records import EndpointTerm, Node
from wao_core.collector.plan import NodeIdentity, SensorSpec
from wao_core.collector.readers import Sensor, options_of
from wao_predict.errors import UsageError
from wao_predict.plugins import sensor_type

PRESSURE_API = "DifferentialPressureAPI"
PROMETHEUS = "Prometheus"
# what a type can read: a pressure taken for a temperature would be worse than no value
_METRICS = {"Redfish": ("inlet_temp", "power_watts"), PRESSURE_API: ("delta_p",)}


def needs_node(term: EndpointTerm) -> bool:
    """Whether the reading depends on the node's name as well as on the endpoint: then it cannot be shared."""
    if term.type == PRESSURE_API:
        # with the sensor's id in the URL, all nodes that name the same URL have the same pressure
        try:
            path = urlsplit(term.endpoint).path
        except ValueError:  # not a URL: building the sensor reports it
            return False
        return "/api/sensor/" not in path
    if term.type == PROMETHEUS:
        return "$node" in _query(term.options)
    return term.type not in ("Fake", "Redfish")


def identify(term: EndpointTerm, node: str, *, nodes: Mapping[str, Node]) -> NodeIdentity:
    """Return what the reading of a term depends on besides its endpoint."""
    name = node if needs_node(term) else ""
    if term.type == PROMETHEUS and "$address" in _query(term.options):
        return NodeIdentity(name, (nodes[node].address("InternalIP") or "") if node in nodes else "")
    return NodeIdentity(name)


def _query(options: Mapping[str, Any]) -> str:
    return str(options.get("query") or "")


def build_sensor(spec: SensorSpec) -> Sensor:
    """Return the sensor of a term.

    A plug-in's class is called with the endpoint and the keyword arguments `metric`, `node_name` and `options`.

    Raises
    ------
    WaoError
        There is no such type, or the term cannot be used with it.
    """
    make: Any = sensor_type(spec.type)
    if spec.metric not in _METRICS.get(spec.type, (spec.metric,)):
        readable = " and ".join(_METRICS[spec.type])
        raise UsageError(f"a sensor of type {spec.type} cannot read {spec.metric}, only {readable}")
    options = options_of(spec)
    try:
        sensor: Sensor = _make(make, spec, options)
    except TypeError as error:
        raise UsageError(f"a sensor of type {spec.type} cannot be made from this term: {error}") from error
    return sensor


def _make(make: Any, spec: SensorSpec, options: Mapping[str, Any]) -> Any:
    named = options.get("sensor") or {}
    match spec.type:
        case "Fake":
            return make(spec.metric, options.get("value"))
        case "Redfish":
            return make(spec.endpoint, spec.metric, uri=named.get("uri"), name=named.get("name"))
        case "DifferentialPressureAPI":
            return make(spec.endpoint, node_name=spec.node or None, sensor_id=named.get("name"))
        case "Prometheus":
            return make(
                spec.endpoint,
                _query(options),
                metric=spec.metric,
                node_name=spec.node,
                node_address=spec.address,
                max_age=spec.ttl,
            )
        case _:
            return make(spec.endpoint, metric=spec.metric, node_name=spec.node, options=options)
