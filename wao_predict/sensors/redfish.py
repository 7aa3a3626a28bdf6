"""Inlet temperature and measured power of a server from its BMC."""

from __future__ import annotations

from wao_predict.connection import base_of
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import SensorError, UsageError
from wao_predict.flow import Flow
from wao_predict.redfish.choice import SensorChoice
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.explorer import Bounds, safe_path
from wao_predict.redfish.named import find_named
from wao_predict.redfish.poll import Quantity, SensorMoved, read_choice
from wao_predict.sensors.base import Reading

MINIMUM_CONFIDENCE = 0.5
"""A sensor found with less confidence is refused: name it in the NodeConfig instead."""


class RedfishSensor:
    """One quantity of one BMC: discovers the resource once, then polls its URI.

    Parameters
    ----------
    endpoint
        https://host[:port] of the BMC.
    metric
        `inlet_temp` [degC] or `power_watts` [W].
    uri, name
        The sensor, where discovery cannot find it. A URI may end in "#/Temperatures/3". A name alone is searched for.
    """

    concurrency = 1  # BMCs are slow: one request at a time

    def __init__(
        self,
        endpoint: str,
        metric: Quantity = "inlet_temp",
        *,
        uri: str | None = None,
        name: str | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.base_url = base_of(endpoint)
        self.metric: Quantity = metric
        self._bounds = bounds
        self._override, self._name = _override(uri, name), name
        self.discovery: Discovery | None = None
        self.choice: SensorChoice | None = self._override

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> RedfishSensor:
        """Return the sensor of the BMC at the endpoint's URL; the option `sensor` may have its `uri` and `name`."""
        match context.metric:
            case "inlet_temp" | "power_watts" as metric:
                named = endpoint.options.mapping("sensor")
                return cls(endpoint.url, metric, uri=named.text("uri") or None, name=named.text("name") or None)
        raise UsageError(f"a sensor of type Redfish cannot read {context.metric}, only inlet_temp and power_watts")

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return nothing: the BMC is the node's."""
        return frozenset()

    def flow(self) -> Flow[Reading]:
        """Return one reading. Discovery precedes the first reading, and runs again when the sensor has moved."""
        if self.choice is not None:
            try:
                reading = yield from read_choice(self.choice, self.metric)
            except SensorMoved:
                if self._override is not None:
                    raise
                self.choice = None
            else:
                return reading
        self.choice = yield from self._discover()
        reading = yield from read_choice(self.choice, self.metric)
        return reading

    def _discover(self) -> Flow[SensorChoice]:
        if self._name:
            found = yield from self._look_for(self._name)
            return found
        self.discovery = yield from discover(bounds=self._bounds, want_power=self.metric == "power_watts")
        choice = self.discovery.inlet if self.metric == "inlet_temp" else self.discovery.power
        what = "an inlet temperature" if self.metric == "inlet_temp" else "a measured power"
        if choice is None or choice.confidence < MINIMUM_CONFIDENCE:
            seen = "" if choice is None else f"; the best guess is {choice.shown_uri} ({choice.name})"
            raise SensorError(f"{self.base_url} has no sensor that is clearly {what}{seen}: name it as sensor.uri")
        return choice

    def _look_for(self, name: str) -> Flow[SensorChoice]:
        found = yield from find_named(name, self.metric, bounds=self._bounds)
        if found.choice is None:
            there = ", ".join(sorted(set(found.seen)))[:300] or "none"
            raise SensorError(f"{self.base_url} has no sensor {name!r:.80} with a value; there are {there}")
        return found.choice


def _override(uri: str | None, name: str | None) -> SensorChoice | None:
    if not uri:
        return None
    path, _, pointer = uri.partition("#")
    if safe_path(path) is None:
        raise SensorError(f"sensor.uri {uri!r:.100} is not a path under /redfish/")
    return SensorChoice(path, name or "", 0.0, pointer, 1.0, "named by hand")
