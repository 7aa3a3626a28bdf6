"""A sensor without hardware, with the reference's constants."""

from __future__ import annotations

from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import UsageError
from wao_predict.flow import Flow
from wao_predict.sensors.base import Reading

DEFAULTS = {"inlet_temp": (15.5, "degC"), "delta_p": (7.5, "Pa"), "power_watts": (200.0, "W")}
"""Value and unit by metric."""


class FakeSensor:
    """Returns a constant, by default 15.5 degC for `inlet_temp`, 7.5 Pa for `delta_p`, 200 W for `power_watts`."""

    base_url = ""
    concurrency = 1

    def __init__(self, metric: str = "inlet_temp", value: float | None = None) -> None:
        if metric not in DEFAULTS:
            raise UsageError(f"no fake sensor for {metric!r:.40}; there are {', '.join(DEFAULTS)}")
        default, self._unit = DEFAULTS[metric]
        self._value = default if value is None else float(value)

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> FakeSensor:
        """Return the sensor with the constant of the option `value`."""
        value = endpoint.options.get("value")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise UsageError(f"value {value!r:.40} is not a number")
        return cls(context.metric, value)

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return nothing: all nodes have the same constant."""
        return frozenset()

    def flow(self) -> Flow[Reading]:
        """Return the constant without a request."""
        yield from ()
        return Reading(self._value, self._unit, None, "fake")
