"""A sensor without hardware, with the reference's constants."""

from __future__ import annotations

from wao_predict.errors import UsageError
from wao_predict.flow import Flow
from wao_predict.sensors.base import Reading

DEFAULTS = {"inlet_temp": (15.5, "degC"), "delta_p": (7.5, "Pa"), "power_watts": (200.0, "W")}
"""Value and unit by metric."""


class FakeSensor:
    """Gives a constant: 15.5 degC for `inlet_temp`, 7.5 Pa for `delta_p`, 200 W for `power_watts` by default."""

    base_url = ""

    def __init__(self, metric: str = "inlet_temp", value: float | None = None) -> None:
        if metric not in DEFAULTS:
            raise UsageError(f"no fake sensor for {metric!r:.40}; there are {', '.join(DEFAULTS)}")
        default, self._unit = DEFAULTS[metric]
        self._value = default if value is None else float(value)

    def flow(self) -> Flow[Reading]:
        """Return the constant; nothing is asked."""
        yield from ()
        return Reading(self._value, self._unit, None, "fake")
