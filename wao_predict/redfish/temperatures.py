"""Read the temperatures of one chassis, from the cheapest resource that names them to the most expensive."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wao_predict.flow import Flow
from wao_predict.redfish.chassis import Chassis
from wao_predict.redfish.choice import Candidate, SensorChoice, choose, is_strong
from wao_predict.redfish.explorer import Explorer, safe_path
from wao_predict.redfish.names import TRUSTED, judge, same
from wao_predict.redfish.values import (
    Document,
    available,
    celsius,
    excerpt_name,
    index_of,
    items,
    link,
    mapping,
    number,
    text,
)

MAX_SENSORS = 256
"""Largest number of Sensors of a chassis that are read one by one when their ids say nothing."""
MAX_TWINS = 16
"""Largest number of Sensors that are read to find the one of a member of Thermal."""


def temperatures(explorer: Explorer, chassis: Chassis) -> Flow[list[Candidate]]:
    """Return the temperatures of a chassis; later sources are read only when the earlier ones are not certain."""
    found: list[Candidate] = []
    for source in (from_thermal, _from_metrics, _from_environment, _from_sensors):
        more = yield from source(explorer, chassis)
        found.extend(more)
        if is_strong(found):
            break
    return found


def from_thermal(explorer: Explorer, chassis: Chassis) -> Flow[list[Candidate]]:
    """Read the Thermal resource: one request for all temperatures of older BMCs."""
    path = link(chassis.document, "Thermal") or _guess(chassis, "Thermal")
    document = yield from explorer.get(path)
    if document is None:
        return []
    return [
        _member(safe_path(path) or path, index, mapping(member), chassis.penalty)
        for index, member in enumerate(items(document.get("Temperatures")))
    ]


def _member(path: str, index: int, member: Document, penalty: float, *, origin: str = "thermal") -> Candidate:
    return Candidate(
        uri=path,
        name=text(member.get("Name")).strip(),
        value=celsius(member),
        context=text(member.get("PhysicalContext")),
        pointer=f"/Temperatures/{index}",
        origin=origin,
        penalty=penalty,
        hint=f"{text(member.get('MemberId'))} {_said_of(member)}",
        absent=not available(member),
    )


def _said_of(document: Document) -> str:
    """Return the other texts about the place of a sensor: some names say nothing."""
    location = mapping(mapping(document.get("Location")).get("PartLocation"))
    texts = (document.get("Description"), document.get("DeviceName"), location.get("ServiceLabel"))
    return " ".join(text(item)[:80] for item in texts)


def _guess(chassis: Chassis, name: str) -> str:
    """Return the usual path where a chassis links to no thermal resource at all."""
    known = ("Thermal", "ThermalSubsystem", "Sensors", "EnvironmentMetrics")
    return "" if any(key in chassis.document for key in known) else f"{chassis.path}/{name}"


def _from_metrics(explorer: Explorer, chassis: Chassis) -> Flow[list[Candidate]]:
    """Read ThermalMetrics: its summary says which sensor is the intake, its list has names."""
    subsystem = yield from explorer.get(link(chassis.document, "ThermalSubsystem"))
    path = link(subsystem or {}, "ThermalMetrics")
    document = yield from explorer.get(path)
    if document is None:
        return []
    found: list[Candidate] = []
    for place in ("Intake", "Ambient"):
        candidate = yield from _from_summary(explorer, path, document, place, chassis)
        if candidate is not None:
            found.append(candidate)
    for index, member in enumerate(items(document.get("TemperatureReadingsCelsius"))):
        excerpt = mapping(member)
        source, context = text(excerpt.get("DataSourceUri")), text(excerpt.get("PhysicalContext"))
        name = excerpt_name(excerpt)
        candidate = None
        if judge(name).score >= TRUSTED or (judge(name).score == 0 and context.lower() in ("intake", "front")):
            candidate = yield from read_sensor(explorer, source, chassis.penalty, origin="metrics")
        if candidate is None or candidate.value is None:
            candidate = _excerpt(path, f"/TemperatureReadingsCelsius/{index}", name, excerpt, chassis)
        found.append(candidate)
    return found


def _excerpt(path: str, pointer: str, name: str, excerpt: Document, chassis: Chassis) -> Candidate:
    """Return a reading of ThermalMetrics that has no readable Sensor: ThermalMetrics itself is polled."""
    return Candidate(
        uri=safe_path(path) or path,
        name=name,
        value=celsius(excerpt),
        context=text(excerpt.get("PhysicalContext")),
        pointer=pointer,
        origin="metrics",
        penalty=chassis.penalty,
        hint=text(excerpt.get("DataSourceUri")).rpartition("/")[2],
    )


def _from_summary(
    explorer: Explorer, path: str, metrics: Document, place: str, chassis: Chassis
) -> Flow[Candidate | None]:
    """Follow the summary's DataSourceUri to the sensor; the room's is not the intake.

    Without one the summary itself is polled, for the intake only: an Ambient that names no sensor may be the room's.
    """
    excerpt = mapping(mapping(metrics.get("TemperatureSummaryCelsius")).get(place))
    penalty = chassis.penalty + (0.0 if place == "Intake" else 1.5)
    sensor = yield from read_sensor(explorer, text(excerpt.get("DataSourceUri")), penalty, origin="summary")
    if sensor is not None and sensor.value is not None:
        return None if place == "Intake" and sensor.context.lower() == "room" else sensor
    return _excerpt(path, f"/TemperatureSummaryCelsius/{place}", place, excerpt, chassis) if place == "Intake" else None


def _from_environment(explorer: Explorer, chassis: Chassis) -> Flow[list[Candidate]]:
    """Read EnvironmentMetrics: its temperature counts when it comes from a sensor with the name of an inlet."""
    path = link(chassis.document, "EnvironmentMetrics")
    document = yield from explorer.get(path)
    excerpt = mapping((document or {}).get("TemperatureCelsius"))
    if number(excerpt.get("Reading")) is None:
        return []
    candidate = yield from read_sensor(explorer, text(excerpt.get("DataSourceUri")), chassis.penalty)
    return [] if candidate is None else [candidate]


def _from_sensors(explorer: Explorer, chassis: Chassis) -> Flow[list[Candidate]]:
    """Read the Sensors whose ids are those of an inlet, and then the others whose ids say nothing."""
    paths = yield from sensor_paths(explorer, chassis)
    promising = sorted(paths, key=lambda path: -judge(_id(path)).score)
    speaking = [path for path in promising if judge(_id(path)).score >= TRUSTED]
    found: list[Candidate] = []
    for path in speaking[:12]:
        candidate = yield from read_sensor(explorer, path, chassis.penalty)
        if candidate is not None:
            found.append(candidate)
    if choose(found) is not None:
        return found
    for path in [path for path in promising if path not in speaking and judge(_id(path)).score >= 0][:MAX_SENSORS]:
        if explorer.exhausted:
            break
        candidate = yield from read_sensor(explorer, path, chassis.penalty)
        if candidate is not None:
            found.append(candidate)
            if is_strong(found):
                break
    return found


def sensor_paths(explorer: Explorer, chassis: Chassis) -> Flow[list[str]]:
    """Return the paths of a chassis' Sensors."""
    paths = yield from explorer.members(link(chassis.document, "Sensors"))
    return paths


def _id(path: str) -> str:
    return path.rpartition("/")[2]


def read_sensor(explorer: Explorer, path: str, penalty: float, *, origin: str = "sensor") -> Flow[Candidate | None]:
    """Read one Sensor; None when it is not a temperature. A link into Thermal names one member of it."""
    bare, _, pointer = path.partition("#")
    document = yield from explorer.get(bare)
    if document is None:
        return None
    if pointer:
        parts = pointer.strip("/").split("/")
        listed = items(document.get(parts[0]))
        index = index_of(parts[1]) if len(parts) == 2 else None
        if index is None or index >= len(listed):
            return None
        where = "thermal" if origin == "sensor" else origin
        return _member(safe_path(bare) or bare, index, mapping(listed[index]), penalty, origin=where)
    if text(document.get("ReadingType")) not in ("", "Temperature"):
        return None
    units = text(document.get("ReadingUnits")).strip("[]").lower()
    if units in ("rpm", "w", "v", "a", "%", "pa", "hz", "cfm", "kwh", "j"):
        return None
    return Candidate(
        uri=safe_path(bare) or bare,
        name=text(document.get("Name")).strip() or _id(bare),
        value=celsius(document),
        context=text(document.get("PhysicalContext")),
        origin=origin,
        penalty=penalty,
        hint=f"{_id(bare)} {_said_of(document)}",
        absent=not available(document),
    )


def sensor_for(explorer: Explorer, chassis: Sequence[Chassis], chosen: SensorChoice) -> Flow[SensorChoice | None]:
    """Return the same probe as a Sensor of its own: some hundred bytes to poll instead of tens of kilobytes.

    It is searched by its id, its SensorNumber and its place in the list, and then among the first Sensors; its name
    must be the same.
    """
    owner = next((item for item in chassis if chosen.uri.startswith(item.path + "/")), None)
    if owner is None or not chosen.pointer.startswith("/Temperatures/"):
        return None
    paths = yield from sensor_paths(explorer, owner)
    index = int(chosen.pointer.rpartition("/")[2])
    for path in _likely_twins(explorer, paths, chosen, index):
        if explorer.exhausted:
            break
        candidate = yield from read_sensor(explorer, path, owner.penalty)
        if candidate is not None and candidate.value is not None and same(candidate.name, chosen.name):
            return SensorChoice(candidate.uri, candidate.name, candidate.value, "", chosen.confidence, chosen.reason)
    return None


def _likely_twins(explorer: Explorer, paths: Sequence[str], chosen: SensorChoice, index: int) -> list[str]:
    """Return the Sensors that may be a member of Thermal, the likeliest first."""
    by_name = [path for path in paths if same(chosen.name, _id(path))]
    if by_name:
        return by_name[:1]
    listed = items((explorer.known(safe_path(chosen.uri) or "") or {}).get("Temperatures"))
    number_there = number(mapping(listed[index]).get("SensorNumber")) if index < len(listed) else None
    digits = "" if number_there is None else f"{number_there:.0f}"
    by_number = [path for path in paths if digits and re.match(r"\d*", _id(path))[0] == digits]  # type: ignore[index]
    if any(judge(_id(path)).score != 0 for path in paths):
        return [*by_number, *paths[index : index + 1]]  # ids that are names: it is not among them
    return list(dict.fromkeys([*by_number, *paths[index : index + 1], *paths[:MAX_TWINS]]))[:MAX_TWINS]
