"""Static pressure difference from a differential pressure API.

Source: the reference's agent (wao-metrics-adapter/pkg/metrics/dpapi/agent.go). GET /api/sensor/{id},
/api/sensor/by_nodename/{name} or /api/sensor/by_nodeaddress/{ip} answers
{"code": 200, "sensor": [{"sensorid", "pressure", "temperature"}]}. One sensor may serve several nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import ProtocolError, SensorError, UsageError
from wao_predict.flow import KIB, Flow, Request, Response
from wao_predict.json_values import parse_json
from wao_predict.redfish.values import items, number
from wao_predict.sensors.base import Reading

PRESSURE_RANGE = (-500.0, 500.0)
"""Plausible static pressure differences between the aisles [Pa]."""
_API = "/api/sensor"


class DifferentialPressureSensor:
    """The pressure difference at one node [Pa].

    Parameters
    ----------
    endpoint
        https://host[:port][/prefix], or the complete URL of a sensor (".../api/sensor/7").
    sensor_id, node_address, node_name
        The sensor, where the URL does not name it: by its id, else by the node's address, else by the node's name.
    """

    concurrency = 8

    def __init__(
        self,
        endpoint: str,
        *,
        node_name: str | None = None,
        node_address: str | None = None,
        sensor_id: str | None = None,
    ) -> None:
        origin_of(endpoint)
        parts = urlsplit(endpoint)
        self.base_url = f"{parts.scheme}://{parts.netloc}"
        self._sensor_id = sensor_id
        self.url = self._url(endpoint.rstrip("/"), parts.path, node_name, node_address)

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> DifferentialPressureSensor:
        """Return the sensor at the endpoint's URL; the name in the option `sensor` is its id."""
        if context.metric != "delta_p":
            raise UsageError(f"a sensor of type DifferentialPressureAPI cannot read {context.metric}, only delta_p")
        sensor_id = endpoint.options.mapping("sensor").text("name")
        return cls(endpoint.url, node_name=context.node_name or None, sensor_id=sensor_id or None)

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return the node's name, unless the URL names the sensor: then all nodes share its reading."""
        return frozenset() if _names_sensor(urlsplit(endpoint.url).path) else frozenset({"name"})

    def flow(self) -> Flow[Reading]:
        """Return one reading from one request."""
        response = yield Request("GET", self.url, max_bytes=64 * KIB)
        return decode(response, self._sensor_id)

    def _url(self, endpoint: str, path: str, node_name: str | None, node_address: str | None) -> str:
        if _names_sensor(path):
            return endpoint
        base = endpoint if path.rstrip("/").endswith(_API) else endpoint + _API
        if self._sensor_id:
            return f"{base}/{quote(self._sensor_id, safe='')}"
        if node_address:
            return f"{base}/by_nodeaddress/{quote(node_address, safe=':')}"
        if node_name:
            return f"{base}/by_nodename/{quote(node_name, safe='')}"
        raise SensorError(
            f"{without_userinfo(endpoint)} does not name a sensor: append {_API}/ID, or give the name of a node"
        )


def _names_sensor(path: str) -> bool:
    """Return whether the path of a URL goes on behind the API's root, as in /api/sensor/7."""
    return f"{_API}/" in path and not path.rstrip("/").endswith(_API)


def decode(response: Response, sensor_id: str | None = None) -> Reading:
    """Return the reading in an answer.

    Raises
    ------
    ProtocolError
        The answer is not one of this API, or reports an error in its body.
    SensorError
        The sensor has no usable pressure.
    """
    endpoint = without_userinfo(response.url)
    document = _document(response, endpoint)
    code = document.get("code", 200)
    if response.status != 200 or code != 200:
        said = str(document.get("message") or document.get("error") or "")[:100]
        status = response.status if response.status != 200 else f"{code!r:.10} in its JSON"
        raise ProtocolError(
            f"{endpoint} answered {status}", endpoint=endpoint, status_code=response.status, detail=said
        )
    sensors = [item for item in items(document.get("sensor")) if isinstance(item, Mapping)]
    matching = [item for item in sensors if sensor_id is None or str(item.get("sensorid")) == sensor_id]
    for item in matching:
        pressure = number(item.get("pressure"))
        if pressure is not None and PRESSURE_RANGE[0] <= pressure <= PRESSURE_RANGE[1]:
            return Reading(pressure, "Pa", None, f"{endpoint} sensor {item.get('sensorid', '?')}")
    known = ", ".join(str(item.get("sensorid")) for item in sensors)[:100] or "none"
    raise SensorError(f"{endpoint} has no usable pressure (sensors: {known})")


def _document(response: Response, endpoint: str) -> Mapping[str, Any]:
    try:
        document = parse_json(response.body)
    except ValueError:
        document = None
    if not isinstance(document, Mapping):
        quoted = response.body[:100].decode(errors="replace")
        raise ProtocolError(
            f"{endpoint} answered {response.status}, not the differential pressure API's JSON",
            endpoint=endpoint,
            status_code=response.status,
            detail=quoted,
        )
    return document
