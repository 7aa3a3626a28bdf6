"""A thermometer that answers `GET /reading` with `{"celsius": 23.5}`."""

from __future__ import annotations

import json

from wao_predict.connection import base_of
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import SensorError, UsageError
from wao_predict.flow import Flow, Request
from wao_predict.sensors.base import Reading


class RoomThermometer:
    """The temperature of a room, used as inlet temperature of the nodes in it."""

    concurrency = 2  # requests at a time that the thermometer can answer

    def __init__(self, url: str) -> None:
        self.base_url = base_of(url)

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> RoomThermometer:
        """Return the sensor of an endpoint of type RoomThermometer."""
        if context.metric != "inlet_temp":
            raise UsageError(f"a RoomThermometer measures inlet_temp, not {context.metric}")
        return cls(endpoint.url)

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return that the reading does not depend on the node: all nodes in a room share one reading."""
        return frozenset()

    def flow(self) -> Flow[Reading]:
        """Yield the request of one reading, and return the reading [degC]."""
        response = yield Request("GET", "/reading", max_bytes=1024)
        if response.status != 200:
            raise SensorError(f"{self.base_url} answered with status {response.status}")
        try:
            celsius = float(json.loads(response.body)["celsius"])
        except (ValueError, TypeError, KeyError):
            raise SensorError(f"{self.base_url} did not answer with a temperature in `celsius`") from None
        if not -20 <= celsius <= 80:
            raise SensorError(f"{self.base_url}: {celsius} degC is not a plausible inlet temperature")
        return Reading(celsius, "degC", source=f"{self.base_url}/reading")
