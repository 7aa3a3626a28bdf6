"""Finds the inlet temperature and the power of the server behind a BMC, whatever its vendor.

The chassis of the server come first. In each, the thermal summary, the Thermal resource and the Sensors are looked at
in this order, names before anything else; discovery ends as soon as one sensor is beyond doubt. What is found is one
URI to poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wao_predict.flow import Flow
from wao_predict.redfish.chassis import Chassis, survey
from wao_predict.redfish.choice import Candidate, SensorChoice, choose, is_strong
from wao_predict.redfish.explorer import Bounds, Explorer
from wao_predict.redfish.power import find_power
from wao_predict.redfish.temperatures import sensor_for, temperatures


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a BMC offers.

    Attributes
    ----------
    inlet
        The sensor of the inlet temperature [degC], or None when none can be trusted.
    power
        Where the server's measured power stands [W], or None.
    vendor, model
        What the BMC says of itself, or None.
    requests
        Requests that discovery took.
    faults
        Resources that were broken or led elsewhere.
    """

    inlet: SensorChoice | None
    power: SensorChoice | None
    vendor: str | None
    model: str | None
    requests: int
    faults: Sequence[str] = field(default_factory=tuple)


def discover(*, bounds: Bounds | None = None, want_power: bool = True) -> Flow[Discovery]:
    """Find inlet temperature and power.

    Parameters
    ----------
    bounds
        What it may take.
    want_power
        Look for the power as well.

    Raises
    ------
    RemoteError
        The BMC does not answer, refuses the credentials, or does not speak Redfish.
    """
    explorer = Explorer(bounds or Bounds())
    bmc = yield from survey(explorer)
    inlet = yield from _find_inlet(explorer, bmc.chassis)
    power = None
    if want_power:
        power = yield from find_power(explorer, bmc.chassis)
    return Discovery(
        _as_linked(explorer, inlet),
        _as_linked(explorer, power),
        bmc.vendor,
        bmc.model,
        explorer.requests,
        tuple(explorer.faults),
    )


def _as_linked(explorer: Explorer, choice: SensorChoice | None) -> SensorChoice | None:
    """Return a choice with the path as the BMC writes it, so that a poll is not redirected each time."""
    if choice is None:
        return None
    return replace(choice, uri=explorer.linked(choice.uri), parts=tuple(map(explorer.linked, choice.parts)))


def _find_inlet(explorer: Explorer, chassis: Sequence[Chassis]) -> Flow[SensorChoice | None]:
    seen: list[Candidate] = []
    for one in chassis:
        if explorer.exhausted:
            break
        found = yield from temperatures(explorer, one)
        seen.extend(found)
        if is_strong(seen):
            break
    chosen = choose(seen)
    if chosen is None or not chosen.pointer:
        return chosen
    smaller = yield from sensor_for(explorer, chassis, chosen)
    return smaller or chosen
