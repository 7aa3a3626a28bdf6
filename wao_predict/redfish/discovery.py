"""Find the inlet temperature and the power of the server behind a BMC, whatever its vendor.

The chassis of the server come first. In each, discovery reads the Thermal resource, the thermal summary and the
Sensors, and judges by names first. It ends as soon as one sensor is certain. The result is one URI to
poll for each quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wao_predict.errors import RemoteError
from wao_predict.flow import Flow
from wao_predict.redfish.chassis import Survey, survey
from wao_predict.redfish.choice import STOPGAP, Candidate, SensorChoice, choose, is_strong, system_temperature
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
        Where the server's measured power can be read [W], or None.
    vendor, model
        As the BMC states them, or None.
    requests
        Number of requests that discovery took.
    faults
        Resources that were broken, unreachable or on another host.
    systems
        Names of the Systems that may be the node.
    reason
        Why there can be no value, such as several Systems; empty otherwise.
    transient
        A failure that may pass, such as a status 503: the result is provisional, and discovery has to be repeated.
    """

    inlet: SensorChoice | None
    power: SensorChoice | None
    vendor: str | None
    model: str | None
    requests: int
    faults: Sequence[str] = field(default_factory=tuple)
    systems: tuple[str, ...] = ()
    reason: str = ""
    transient: RemoteError | None = None

    @property
    def has_stopgap(self) -> bool:
        """Whether the inlet is a sensor that another one replaces as soon as that has a value."""
        return self.inlet is not None and self.inlet.confidence <= STOPGAP


def discover(
    *,
    bounds: Bounds | None = None,
    want_inlet: bool = True,
    want_power: bool = True,
    system: str | None = None,
    explorer: Explorer | None = None,
) -> Flow[Discovery]:
    """Find inlet temperature and power.

    Parameters
    ----------
    bounds
        Limits of this attempt.
    want_inlet, want_power
        The quantities to look for.
    system
        The node's System where the BMC has several: its path, id, name or UUID.
    explorer
        Reads the resources; one of an earlier attempt continues that attempt.

    Raises
    ------
    RemoteError
        The BMC does not answer, refuses the credentials, or does not speak Redfish.
    """
    explorer = explorer or Explorer(bounds or Bounds())
    bmc = yield from survey(explorer, system)
    inlet = power = None
    if want_inlet:
        inlet = yield from _find_inlet(explorer, bmc)
    if want_power:
        power = yield from find_power(explorer, bmc.chassis)
    return Discovery(
        _as_linked(explorer, inlet),
        _as_linked(explorer, power),
        bmc.vendor,
        bmc.model,
        explorer.requests,
        tuple(explorer.faults),
        bmc.systems,
        bmc.reason,
        explorer.transient,
    )


def _as_linked(explorer: Explorer, choice: SensorChoice | None) -> SensorChoice | None:
    """Return a choice with the path as the BMC writes it, so that a poll is not redirected each time."""
    if choice is None:
        return None
    return replace(choice, uri=explorer.linked(choice.uri), parts=tuple(map(explorer.linked, choice.parts)))


def _find_inlet(explorer: Explorer, bmc: Survey) -> Flow[SensorChoice | None]:
    seen: list[Candidate] = []
    for one in bmc.chassis:
        if explorer.exhausted or one.is_outside or one.is_substitute(explorer):
            break
        found = yield from temperatures(explorer, one)
        seen.extend(found)
        if is_strong(seen):
            break
    chosen = choose(seen)
    if chosen is None and bmc.is_supermicro and explorer.transient is None:
        chosen = system_temperature(seen)
    if chosen is None or not chosen.pointer:
        return chosen
    smaller = yield from sensor_for(explorer, bmc.chassis, chosen)
    return smaller or chosen
