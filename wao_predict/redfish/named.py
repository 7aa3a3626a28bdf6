"""Find the sensor that a person named where discovery cannot find it: by its name, in any resource of the BMC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wao_predict.errors import RemoteError
from wao_predict.flow import Flow
from wao_predict.redfish.chassis import Chassis, survey
from wao_predict.redfish.choice import Candidate, SensorChoice
from wao_predict.redfish.explorer import Bounds, Explorer
from wao_predict.redfish.names import same
from wao_predict.redfish.power import power_candidates
from wao_predict.redfish.temperatures import MAX_SENSORS, from_thermal, read_sensor, sensor_paths


@dataclass(frozen=True, slots=True)
class Named:
    """The sensor of a name, or the names of those that exist; `reason` and `transient` as of `Discovery`."""

    choice: SensorChoice | None
    seen: Sequence[str] = field(default_factory=tuple)
    reason: str = ""
    transient: RemoteError | None = None


def find_named(
    name: str,
    quantity: str,
    *,
    bounds: Bounds | None = None,
    system: str | None = None,
    explorer: Explorer | None = None,
) -> Flow[Named]:
    """Return the sensor of this name, or of this id: temperatures for `inlet_temp`, powers for `power_watts`.

    Raises
    ------
    RemoteError
        The BMC does not answer, refuses the credentials, or does not speak Redfish.
    """
    explorer = explorer or Explorer(bounds or Bounds())
    bmc = yield from survey(explorer, system)
    seen: list[str] = []
    for one in bmc.chassis:
        found = yield from (_temperature if quantity == "inlet_temp" else power_candidates)(explorer, one, name)
        seen += [candidate.name for candidate in found]
        for item in found:
            if item.value is not None and _is(item, name):
                choice = SensorChoice(item.uri, item.name, item.value, item.pointer, 1.0, "named by hand")
                return Named(choice, seen)
    return Named(None, seen, bmc.reason, explorer.transient)


def _temperature(explorer: Explorer, chassis: Chassis, name: str) -> Flow[list[Candidate]]:
    """Return the temperatures of a chassis up to the one that is named: a Sensor of that id is read first."""
    paths = yield from sensor_paths(explorer, chassis)
    paths.sort(key=lambda path: not same(name, path.rpartition("/")[2]))
    found = yield from from_thermal(explorer, chassis)
    if any(_is(item, name) and item.value is not None for item in found):
        return found
    for path in paths[:MAX_SENSORS]:
        if explorer.exhausted:
            break
        candidate = yield from read_sensor(explorer, path, chassis.penalty)
        if candidate is not None:
            found.append(candidate)
            if _is(candidate, name):
                break
    return found


def _is(candidate: Candidate, name: str) -> bool:
    return same(name, candidate.name) or same(name, candidate.uri.rpartition("/")[2])
