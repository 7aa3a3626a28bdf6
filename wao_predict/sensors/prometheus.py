"""One value from a Prometheus server, by an instant query.

Source: the HTTP API of Prometheus, `GET or POST /api/v1/query`; Thanos, Mimir and VictoriaMetrics answer the same.

The value and the time its sample was scraped come in one request: `Q or label_replace(timestamp(Q), ...)`. Prometheus
itself would show a sample of five minutes ago as one of now.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import ProtocolError, RemoteError, SensorError, UsageError
from wao_predict.flow import KIB, Flow, Request, Response
from wao_predict.json_values import MOST_VALUES, as_text, parse_json
from wao_predict.redfish.values import INLET_RANGE, POWER_RANGE, items, mapping, number, text
from wao_predict.sensors.base import Reading
from wao_predict.sensors.dpapi import PRESSURE_RANGE

LOOKBACK = 300.0
"""Seconds that Prometheus itself goes back for a sample."""
MAX_QUERY = 4096
_LONGEST_GET = 6000  # characters of a URL; some proxies refuse 8 KiB
_QUANTITIES = {
    "inlet_temp": ("degC", INLET_RANGE),
    "delta_p": ("Pa", PRESSURE_RANGE),
    "power_watts": ("W", POWER_RANGE),
    "outdoor_temp": ("degC", (-60.0, 60.0)),
    "outdoor_humidity": ("%", (0.0, 100.0)),
    "chilled_water_temp": ("degC", (-20.0, 60.0)),
    "fan_speed": ("rpm", (0.0, 100_000.0)),
    "pue": ("", (1.0, 11.0)),
    "price": ("per kWh", (-1000.0, 1000.0)),
    "carbon": ("gCO2/kWh", (0.0, 5000.0)),
}
_PLACEHOLDER = re.compile(r"\$(node|address)\b")
_PART = "wao_sample"  # the label that distinguishes the sample's time from its value
_API = "/api/v1/query"


class PrometheusSensor:
    """The result of a query for one node: a scalar, or a vector of one sample.

    Parameters
    ----------
    endpoint
        https://host[:port][/prefix] of the server; a trailing /api/v1/query is removed.
    query
        PromQL; `$node` and `$address` stand for the node's name and address, quoted for a PromQL string.
    metric
        `inlet_temp` [degC], `delta_p` [Pa], `power_watts` [W] or a value of a cooling plant; determines the unit and
        the plausible range.
    max_age
        Maximum age of a sample [s].
    clock
        Returns seconds since the epoch. The server's own times are only compared with each other.
    """

    concurrency = 8

    def __init__(
        self,
        endpoint: str,
        query: str,
        *,
        metric: str = "inlet_temp",
        node_name: str = "",
        node_address: str = "",
        max_age: float = LOOKBACK,
        clock: Callable[[], float] = time.time,
    ) -> None:
        origin_of(endpoint)
        parts = urlsplit(endpoint)
        self.base_url = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path.rstrip("/").removesuffix(_API) + _API
        self.query = _filled(query, {"node": node_name, "address": node_address})
        if metric not in _QUANTITIES:
            raise UsageError(f"no unit is known for {metric!r:.40}; there are {', '.join(_QUANTITIES)}")
        self._unit, self._range = _QUANTITIES[metric]
        self._max_age, self._clock = max_age, clock
        self._dated = True

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> PrometheusSensor:
        """Return the sensor whose PromQL is the option `query`."""
        return cls(
            endpoint.url,
            endpoint.options.text("query"),
            metric=context.metric,
            node_name=context.node_name,
            node_address=context.node_address,
            max_age=context.max_age,
        )

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return the properties of the node that the query names."""
        return frozenset(
            {"node": "name"}.get(found, found) for found in _PLACEHOLDER.findall(endpoint.options.text("query"))
        )

    def flow(self) -> Flow[Reading]:
        """Return one reading from one request; whether the result has a sample time is determined once."""
        if self._dated:
            response = yield self._request(_dated(self.query))
            if response.status != 400:
                return self._reading(response)
        response = yield self._request(self.query)
        reading = self._reading(response)
        self._dated = False
        return reading

    def _request(self, query: str) -> Request:
        form = urlencode({"query": query})
        if len(form) > _LONGEST_GET:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return Request("POST", self._path, headers, form.encode(), 256 * KIB)
        return Request("GET", f"{self._path}?{form}", max_bytes=256 * KIB)

    def _reading(self, response: Response) -> Reading:
        where = without_userinfo(self.base_url)
        value, age = decode(response, where)
        if not self._range[0] <= value <= self._range[1]:
            low, high = self._range
            raise SensorError(
                f"{where}: the query returns {value:g}, not a value from {low:g} to {high:g} {self._unit}"
            )
        if age > self._max_age:
            raise SensorError(
                f"{where}: the newest sample is {age:.0f} s old, more than the limit of {self._max_age:.0f} s"
            )
        return Reading(value, self._unit, datetime.fromtimestamp(self._clock() - age, UTC), where)


def decode(response: Response, where: str) -> tuple[float, float]:
    """Return the value of an instant query's answer, and the age of its sample [s] by the server's clock.

    Raises
    ------
    RemoteError
        The server refuses the query.
    ProtocolError
        The answer is not one of Prometheus's.
    SensorError
        There is no sample, more than one, or no finite number.
    """
    data = answer_data(response, where)
    result = items(data.get("result"))
    match data.get("resultType"):
        case "scalar":
            return _number(result, where), 0.0
        case "vector":
            return _of_vector([mapping(item) for item in result], where)
        case other:
            raise SensorError(
                f"{where}: the query returns a result of type {text(other) or 'none'}, not a scalar or instant vector",
                summary=f"{where}: the query returns no scalar or instant vector",
            )


def _of_vector(samples: Sequence[Mapping[str, Any]], where: str) -> tuple[float, float]:
    dates = [item for item in samples if _PART in mapping(item.get("metric"))]
    values = [item for item in samples if _PART not in mapping(item.get("metric"))]
    if not values:
        raise SensorError(f"{where}: the query finds no sample; does it name the node as the exporter does?")
    if len(values) > 1:
        remedy = "narrow it by a label, or aggregate it with max()"
        shown = ", ".join(as_text(mapping(item.get("metric")))[:120] for item in values[:2])
        raise SensorError(
            f"{where}: the query finds {len(values)} samples for one node, such as {shown}: {remedy}",
            summary=f"{where}: the query finds {len(values)} samples for one node: {remedy}",
        )
    queried = number(next(iter(items(values[0].get("value"))), None))
    taken = _number(items(dates[0].get("value")), where) if dates else None
    age = queried - taken if queried is not None and taken is not None else 0.0
    return _number(items(values[0].get("value")), where), max(0.0, age)


def _number(pair: Sequence[Any], where: str) -> float:
    given = pair[1] if len(pair) == 2 else None
    found = number(given)
    if found is None:
        raise SensorError(
            f"{where}: the query returns {given!r:.40}, not a finite number",
            summary=f"{where}: the query returns no finite number",
        )
    return found


def answer_data(response: Response, where: str, *, most: int = MOST_VALUES) -> Mapping[str, Any]:
    """Return the data in an answer of Prometheus.

    Parameters
    ----------
    most
        Most values of the JSON.

    Raises
    ------
    RemoteError
        The server refuses the query.
    ProtocolError
        The answer is not one of Prometheus's.
    """
    try:
        document = parse_json(response.body, most=most)
    except ValueError:
        document = None
    status = mapping(document).get("status")
    if status == "success" and response.status == 200:
        return mapping(mapping(document).get("data"))
    if status == "error":
        said = text(mapping(document).get("error"))[:300]
        raise RemoteError(f"{where} refuses the query", endpoint=where, status_code=response.status, detail=said)
    quoted = response.body[:100].decode(errors="replace")
    if response.status != 200:
        raise RemoteError(
            f"{where} answered {response.status}", endpoint=where, status_code=response.status, detail=quoted
        )
    raise ProtocolError(f"the answer of {where} is not Prometheus JSON", endpoint=where, status_code=200, detail=quoted)


def _dated(query: str) -> str:
    """Return a query for a query's result and, under a label of its own, for its sample's time."""
    return f'({query}\n) or label_replace(timestamp({query}\n), "{_PART}", "time", "", "")'


def _filled(query: str, values: Mapping[str, str]) -> str:
    if not query.strip():
        raise UsageError("the query is missing: give PromQL that returns one sample for the node")
    if len(query) > MAX_QUERY:
        raise UsageError(f"the query is longer than {MAX_QUERY} characters")
    wanted = {name for name in _PLACEHOLDER.findall(query) if not values[name]}
    if wanted:
        raise UsageError(f"the query has ${' and $'.join(sorted(wanted))}, which is not known for this node")
    return _PLACEHOLDER.sub(lambda match: values[match[1]].replace("\\", "\\\\").replace('"', '\\"'), query)
