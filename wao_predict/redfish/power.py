"""Find the measured power of a server.

The sources in their order: EnvironmentMetrics, PowerControl, a Sensor of the whole system, properties of vendors, and
the sum of the inputs of the power supplies of a chassis with one server: of Power, of PowerSubsystem, of Sensors.
"""

from __future__ import annotations

from collections.abc import Sequence

from wao_predict.flow import Flow
from wao_predict.redfish.chassis import Chassis
from wao_predict.redfish.choice import Candidate, SensorChoice
from wao_predict.redfish.explorer import Explorer, safe_path
from wao_predict.redfish.names import same, words
from wao_predict.redfish.values import (
    Document,
    available,
    consumed_watts,
    items,
    link,
    mapping,
    supplied_watts,
    taken_in,
    text,
    watts,
)

_WHOLE = ("system", "sys", "total", "chassis", "server", "sysboard", "platform", "node", "input")
_POWER = ("power", "pwr", "pw", "consumption", "watt", "watts")
_SUPPLIES = "/PowerSupplies"
_OEM = (
    "/Oem/ts_fujitsu/ChassisPowerConsumption",  # Fujitsu
    "/Oem/Public",  # Inspur and Kaytus
    "",  # iLO 4: next to PowerControl
)
"""Where vendors put it: JSON pointers into the Power resource, to an object that `consumed_watts` can read."""
MAX_SUPPLIES = 8
"""Power supplies of a server that are read one by one; each poll takes as many requests."""
_SHARED = frozenset("blade sled module enclosure drawer shelf cartridge".split())
"""Types of chassis whose power supplies feed others too."""
_PART = frozenset(
    """
    psu ps cpu gpu dimm mem memory fan hdd drive nic pcie slot limit cap capacity max min average hsc vr hgx
    sxm output fans accelerator module regulator feed rail pdb vrm pch supply storage backplane riser
    """.split()
)
_STATISTICS = frozenset("output out max maximum min minimum average avg peak rated limit cap capacity total".split())
_REGULATOR = frozenset({"regulator", "feed"})
_NODE = frozenset({"node", "system", "server", "host"})
_PART_CONTEXT = frozenset(
    "voltage regulator cpu gpu memory accelerator fan storage device networking asic fpga".split()
)


def find_power(explorer: Explorer, chassis: Sequence[Chassis]) -> Flow[SensorChoice | None]:
    """Return the source of the server's power, or None.

    Only the server's own chassis count: the power of an enclosure is that of several servers.
    """
    servers = [item for item in chassis if item.is_server]
    for source in _SOURCES:
        for one in servers:
            if one.is_substitute(explorer):
                continue
            found = yield from source(explorer, one)
            if found is not None:
                return found
    return None


def _from_environment(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Read EnvironmentMetrics; the sensor behind it is taken when both say the same, else they measure two things."""
    path = link(chassis.document, "EnvironmentMetrics")
    document = yield from explorer.get(path)
    excerpt = mapping((document or {}).get("PowerWatts"))
    value = watts(excerpt.get("Reading"))
    if document is None or value is None:
        return None
    source = safe_path(excerpt.get("DataSourceUri"))
    if source is not None and "#" not in text(excerpt.get("DataSourceUri")):
        sensor = yield from explorer.get(source)
        reading = watts(sensor.get("Reading")) if sensor is not None and available(sensor) else None
        if sensor is not None and reading is not None and abs(reading - value) <= 1e-3 * value:
            name = text(sensor.get("Name")) or source.rpartition("/")[2]
            return SensorChoice(source, name, reading, "", 1.0, "the sensor behind EnvironmentMetrics")
    return SensorChoice(safe_path(path) or path, "PowerWatts", value, "/PowerWatts", 1.0, "EnvironmentMetrics")


def _from_control(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Read Power.PowerControl: the member that is named for the server, else the first; never their sum."""
    path = link(chassis.document, "Power")
    document = yield from explorer.get(path)
    members = [mapping(member) for member in items((document or {}).get("PowerControl"))]
    order = sorted(range(len(members)), key=lambda index: (not _is_whole(members[index]), index))
    for index in order:
        member = members[index]
        value = consumed_watts(member)
        if value is not None and (_is_whole(member) or (index == 0 and not _is_part(member))):
            name = text(member.get("Name")) or "PowerControl"
            uri = safe_path(path) or path
            return SensorChoice(uri, name, value, f"/PowerControl/{index}", 0.95, "PowerControl")
    return None


def _is_whole(member: Document) -> bool:
    named = set(words(text(member.get("Name")) + " " + text(member.get("PhysicalContext"))))
    return bool(named & {"system", "server", "chassis"}) and not named & _PART


def _is_part(member: Document) -> bool:
    """Whether a power is named for a part of the server: "CPU Power"; its context may well be PowerSupply."""
    return bool(_PART & set(words(text(member.get("Name")))))


def _from_sensors(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Read the Sensors whose ids or names are those of the power of the whole system, not of a feed or regulator."""
    paths = yield from explorer.members(link(chassis.document, "Sensors"))
    ids = [(path, set(words(path.rpartition("/")[2]))) for path in paths]
    likely = dict.fromkeys([path for path, found in ids if _is_whole_power(found)][:6])
    likely |= dict.fromkeys(path for path in paths if _is_named_for_the_node(explorer.known(path)))
    likely |= dict.fromkeys([path for path, found in ids if found & set(_POWER) and found & _REGULATOR][:12])
    for path in likely:
        sensor = yield from explorer.get(path)
        value = _sensor_power(path, sensor or {})
        if value is not None:
            name = text((sensor or {}).get("Name")) or path.rpartition("/")[2]
            return SensorChoice(path, name, value, "", 0.8, "a sensor named for the system's power")
    return None


def _sensor_power(path: str, sensor: Document) -> float | None:
    """Return the reading of a Sensor that measures the power of the whole system [W], else None."""
    kind, units = text(sensor.get("ReadingType")), text(sensor.get("ReadingUnits")).strip("[]")
    if not available(sensor) or kind not in ("", "Power") or units not in ("", "W", "Watts"):
        return None
    name = set(words(text(sensor.get("Name"))))
    if name and name <= _NODE and kind == "Power":
        return watts(sensor.get("Reading"))
    if name & _PART:
        return None
    if not _is_whole_power(name):  # a context counts less than a name: some firmware has the same one everywhere
        context = set(words(text(sensor.get("PhysicalContext"))))
        if context & _PART_CONTEXT or not _is_whole_power(set(words(path.rpartition("/")[2]))):
            return None
    return watts(sensor.get("Reading"))


def _is_named_for_the_node(sensor: Document | None) -> bool:
    return sensor is not None and _is_whole_power(set(words(text(sensor.get("Name")))))


def _is_whole_power(found: set[str]) -> bool:
    whole = bool(found & set(_WHOLE)) or found <= {*_POWER, "sensor", "monitor", "meter", "reading", "usage"}
    return whole and bool(found & set(_POWER)) and not found & _PART


def _from_oem(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Read the power from the properties of vendors."""
    path = link(chassis.document, "Power")
    document = yield from explorer.get(path)
    for pointer in _OEM:
        place: Document = document or {}
        for step in pointer.strip("/").split("/"):
            place = mapping(place.get(step))
        value = consumed_watts(place)
        if value is not None:
            return SensorChoice(safe_path(path) or path, "", value, pointer, 0.9, "the vendor's own property")
    return None


def _from_supplies(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Add up the inputs of the power supplies, if they feed only this server and all working ones report theirs."""
    if _feeds_others(chassis):
        return None
    path = link(chassis.document, "Power")
    document = yield from explorer.get(path)
    value = supplied_watts(document or {})
    if value is None:
        return None
    return SensorChoice(safe_path(path) or path, "", value, _SUPPLIES, 0.7, "the sum of the power supplies' input")


def _feeds_others(chassis: Chassis) -> bool:
    systems = items(mapping(chassis.document.get("Links")).get("ComputerSystems"))
    return len(systems) > 1 or text(chassis.document.get("ChassisType")).lower() in _SHARED


def _from_subsystem(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Add up the inputs of the PowerSubsystem's supplies, each of which has its own resource."""
    if _feeds_others(chassis):
        return None
    subsystem = yield from explorer.get(link(chassis.document, "PowerSubsystem"))
    collection = link(subsystem or {}, "PowerSupplies")
    members = yield from explorer.members(collection)
    parts: list[str] = []
    total = 0.0
    for path in members[: MAX_SUPPLIES + 1]:
        supply = yield from explorer.get(path)
        if supply is not None and not available(supply):
            continue
        place = safe_path(link(supply or {}, "Metrics"))
        metrics = yield from explorer.get(place)
        value = taken_in(metrics or {})
        if place is None or value is None:
            return None
        parts.append(place)
        total += value
    if not 0 < len(parts) <= MAX_SUPPLIES:
        return None
    uri = safe_path(collection) or collection
    return SensorChoice(uri, "", total, "", 0.6, "the sum of the power supplies' input", tuple(parts))


def _from_supply_sensors(explorer: Explorer, chassis: Chassis) -> Flow[SensorChoice | None]:
    """Add up the Sensors of the power supplies' inputs: OpenBMC has nothing else where no total is configured."""
    if _feeds_others(chassis):
        return None
    collection = link(chassis.document, "Sensors")
    paths = yield from explorer.members(collection)
    inputs = [path for path in paths if _is_supply_input(path)]
    if not 0 < len(inputs) <= MAX_SUPPLIES:
        return None
    parts: list[str] = []
    total = 0.0
    for path in inputs:
        sensor = yield from explorer.get(path)
        if sensor is None or text(sensor.get("ReadingUnits")) not in ("", "W", "Watts"):
            return None
        if not available(sensor):
            continue
        value = taken_in(sensor)
        if value is None:
            return None
        parts.append(path)
        total += value
    if watts(total) is None:
        return None
    uri = safe_path(collection) or collection
    return SensorChoice(uri, "", total, "", 0.6, "the sum of the sensors of the power supplies' input", tuple(parts))


def _is_supply_input(path: str) -> bool:
    """Whether the id of a Sensor is that of the power that one supply takes in: "ps0_input_power"."""
    found = set(words(path.rpartition("/")[2]))
    named = bool(found & {"psu", "ps", "supply"}) and bool(found & {"input", "in", "pin"})
    return named and bool(found & set(_POWER)) and not found & _STATISTICS


_SOURCES = (
    _from_environment,
    _from_control,
    _from_sensors,
    _from_oem,
    _from_supplies,
    _from_subsystem,
    _from_supply_sensors,
)


def power_candidates(explorer: Explorer, chassis: Chassis, name: str) -> Flow[list[Candidate]]:
    """Return the powers of a chassis by their names, up to the one that is named."""
    path = link(chassis.document, "Power")
    document = yield from explorer.get(path)
    found = [
        Candidate(safe_path(path) or path, text(item.get("Name")), consumed_watts(item), "", pointer)
        for pointer, item in (
            (f"/PowerControl/{index}", mapping(member))
            for index, member in enumerate(items((document or {}).get("PowerControl")))
        )
    ]
    paths = yield from explorer.members(link(chassis.document, "Sensors"))
    for path in [path for path in paths if same(name, path.rpartition("/")[2])][:1]:
        sensor = yield from explorer.get(path)
        if sensor is not None and available(sensor):
            found.append(Candidate(path, text(sensor.get("Name")), watts(sensor.get("Reading"))))
    return found
