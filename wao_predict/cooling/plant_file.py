"""Plants in YAML: models, weather, set points and prices by group of nodes.

minimize: energy
plants:
  - group: room-a
    type: published
    units: 2
    outdoor: {temp: 24, humidity: 60}
    set_points: {chilled_water_temp: 16, fan_speed: 1400}
    price: 0.25
  - group: "*"
    type: pue
    pue: {url: "https://prometheus.example.com", query: "site_power_watts / it_power_watts"}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.cooling.groups import EVERY_OTHER, MINIMIZE, Cooling, Minimize, Plant
from wao_predict.cooling.models import CoolingFactor
from wao_predict.cooling.plant import PlantState
from wao_predict.cooling.plant_types import PARAMETERS, TYPES
from wao_predict.errors import FeatureError, UsageError, WaoPredictError
from wao_predict.files import read_yaml

MOST_PLANTS = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """A value that Prometheus measures: URL of the server, PromQL, and the file of its certificate authorities."""

    url: str
    query: str
    ca_file: str | None = None


@dataclass(frozen=True, eq=False)
class PlantEntry:
    """A plant in a file.

    Attributes
    ----------
    group
        Group of the nodes that it cools.
    type
        Type of its model, a key of `TYPES`.
    parameters
        Numbers, texts and lists of the model.
    values
        `outdoor_temp`, `outdoor_humidity`, `pue`, `price` and `carbon`: numbers, or how they are measured.
    set_points
        Present set points by name, numbers or measured.
    """

    group: str
    type: str
    parameters: Mapping[str, Any]
    values: Mapping[str, float | Measured] = field(default_factory=dict)
    set_points: Mapping[str, float | Measured] = field(default_factory=dict)

    def measured(self) -> dict[str, Measured]:
        """Return what must be measured, by name."""
        both = {**self.values, **self.set_points}
        return {name: value for name, value in both.items() if isinstance(value, Measured)}

    def plant(self, readings: Mapping[str, float]) -> Plant:
        """Return the plant with measured values; one that is missing stays unknown.

        Raises
        ------
        UsageError
            A parameter of the model cannot be used, or its PUE is unknown.
        """

        def known(name: str, given: Mapping[str, float | Measured]) -> float | None:
            value = given.get(name)
            return readings.get(name) if isinstance(value, Measured) else value

        values = {name: known(name, self.values) for name in self.values}
        points = {name: known(name, self.set_points) for name in self.set_points}
        temp, humidity = (values.get(name) for name in ("outdoor_temp", "outdoor_humidity"))
        state = PlantState(
            math.nan if temp is None else temp,
            math.nan if humidity is None else humidity,
            {name: value for name, value in points.items() if value is not None},
        )
        model = TYPES[self.type](self.parameters, values.get("pue"))
        return Plant(model, state, values.get("price"), values.get("carbon"))


_COMMON = ("group", "type", "outdoor", "set_points", "price", "carbon")
_LIMITS = {
    "outdoor_temp": (-60.0, 60.0),
    "outdoor_humidity": (0.0, 100.0),
    "pue": (1.0, 11.0),
    "price": (-1000.0, 1000.0),
    "carbon": (0.0, 5000.0),
}


@dataclass(frozen=True, eq=False)
class PlantFile:
    """All plants in a file, before values are measured."""

    entries: tuple[PlantEntry, ...]
    minimize: Minimize = "energy"
    name: str = ""

    def measured(self) -> dict[tuple[int, str], Measured]:
        """Return what must be measured, by number of the plant and name."""
        return {
            (number, name): how for number, entry in enumerate(self.entries) for name, how in entry.measured().items()
        }

    def cooling(self, readings: Mapping[tuple[int, str], float] | None = None) -> Cooling:
        """Return the plants with the values that were measured.

        Raises
        ------
        UsageError
            A parameter of a model cannot be used, or a value that the model needs is unknown.
        """
        plants = {}
        for number, entry in enumerate(self.entries):
            own = {name: value for (plant, name), value in (readings or {}).items() if plant == number}
            try:
                plants[entry.group] = entry.plant(own)
                _check(plants[entry.group])
            except (UsageError, TypeError) as error:
                raise UsageError(f"{self.name}, plant {number + 1} ({entry.group}): {error}") from None
        return Cooling(plants, self.minimize)

    def usable(self, readings: Mapping[tuple[int, str], float]) -> tuple[Cooling, list[str]]:
        """Return the plants, and one line about each whose power is unknown: it counts without cooling."""
        plants: dict[str, Plant] = {}
        problems: list[str] = []
        for number, entry in enumerate(self.entries):
            own = {(0, name): value for (plant, name), value in readings.items() if plant == number}
            try:
                plants |= replace(self, entries=(entry,)).cooling(own).plants
            except WaoPredictError as error:
                plants[entry.group] = Plant(CoolingFactor(0.0), PlantState())
                problems.append(f"{str(error).partition('): ')[2]}; group {entry.group} counts without cooling")
        return Cooling(plants, self.minimize), problems


def _check(plant: Plant) -> None:
    """Raise for weather that the model needs and does not have, and for set points that it does not have."""
    lacking = [name for name in plant.model.inputs if np.isnan(getattr(plant.state, name))]
    if lacking:
        words = " and ".join(name.removeprefix("outdoor_") for name in lacking)
        raise UsageError(f"the model needs the outdoor {words}: give it under outdoor")
    points = {point.name: point for point in plant.model.set_points}
    for name, value in plant.state.set_points.items():
        if name not in points:
            raise UsageError(f"no set point {name!r:.40}; there are {', '.join(points) or 'none'}")
        point = points[name]
        if not point.low <= np.asarray(value) <= point.high:
            raise UsageError(f"{name} {float(np.asarray(value)):g}: give {point.low:g} to {point.high:g} {point.unit}")


def read_plants(path: Path) -> PlantFile:
    """Return the plants in a YAML file.

    Raises
    ------
    MissingExtra
        PyYAML is not installed.
    UsageError
        The file cannot be read, or has no plants.
    FeatureError
        A field is missing or cannot be used; the message names it.
    """
    return parse_plants(read_yaml(path), name=str(path))


def parse_plants(document: object, *, name: str = "plants") -> PlantFile:
    """Return the plants in a decoded document; see `read_plants`."""
    given = document if isinstance(document, Mapping) else {}
    plants = given.get("plants")
    if not isinstance(plants, list) or not plants or len(plants) > MOST_PLANTS:
        raise UsageError(f"{name} has no plants: write `plants:` and a list of 1 to {MOST_PLANTS} with type and group")
    unknown = [str(key) for key in given if key not in ("plants", "minimize")]
    minimize = given.get("minimize", "energy")
    if unknown or minimize not in MINIMIZE:
        raise FeatureError(
            f"{name}: {', '.join(unknown) or 'minimize'}: there are plants, and minimize: energy|price|carbon"
        )
    entries = tuple(_entry(plant, f"{name}, plant {number}") for number, plant in enumerate(plants, start=1))
    groups = [entry.group for entry in entries]
    if len(set(groups)) < len(groups):
        twice = next(group for group in groups if groups.count(group) > 1)
        raise FeatureError(f"{name}: two plants for group {twice!r:.80}; give each group one")
    return PlantFile(entries, minimize, name)


def _entry(given: object, where: str) -> PlantEntry:
    if not isinstance(given, Mapping):
        raise FeatureError(f"{where}: not a mapping; write type and its parameters")
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise FeatureError(f"{where}, type: {kind!r:.40}; there are {', '.join(TYPES)}")
    own = PARAMETERS[kind] + (("pue",) if kind == "pue" else ())
    unknown = [str(key) for key in given if key not in (*_COMMON, *own)]
    if unknown:
        raise FeatureError(f"{where}: no field {', '.join(unknown):.80}; there are {', '.join((*_COMMON, *own))}")
    outdoor = _mapping(given.get("outdoor"), f"{where}, outdoor")
    if set(outdoor) - {"temp", "humidity"}:
        raise FeatureError(f"{where}, outdoor: there are temp [degC] and humidity [%]")
    values = {f"outdoor_{name}": value for name, value in outdoor.items()}
    values |= {name: given[name] for name in ("price", "carbon", "pue") if name in given}
    points = _mapping(given.get("set_points"), f"{where}, set_points")
    parameters = {name: _parameter(name, given[name], f"{where}, {name}") for name in PARAMETERS[kind] if name in given}
    return PlantEntry(
        str(given.get("group", EVERY_OTHER)),
        kind,
        parameters,
        {name: _value(value, f"{where}, {name}", _LIMITS[name]) for name, value in values.items()},
        {name: _value(value, f"{where}, {name}", (-math.inf, math.inf)) for name, value in points.items()},
    )


def _mapping(given: object, where: str) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise FeatureError(f"{where}: write names and values, such as {{temp: 24}}")
    return {str(name): value for name, value in given.items()}


def _parameter(name: str, given: object, where: str) -> object:
    """Return a parameter of a model: most are numbers."""
    if name == "supply_air":
        return {part: _number(value, f"{where}.{part}") for part, value in _mapping(given, where).items()}
    if name == "file" and isinstance(given, str):
        return given
    if name == "curve" and isinstance(given, list):
        return given
    return _number(given, where)


def _number(given: object, where: str) -> float:
    try:
        usable = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    except OverflowError:
        usable = False
    if not usable:
        raise FeatureError(f"{where}: {given!r:.40} is not a number")
    return float(given)  # type: ignore[arg-type]


def _value(given: object, where: str, limits: tuple[float, float]) -> float | Measured:
    if isinstance(given, Mapping):
        texts = {str(name): value for name, value in given.items()}
        if set(texts) - {"url", "query", "ca_file"} or not all(isinstance(value, str) for value in texts.values()):
            raise FeatureError(f"{where}: a measured value has url and query, and optionally ca_file")
        if not {"url", "query"} <= set(texts):
            raise FeatureError(f"{where}: a measured value needs url and query")
        return Measured(**texts)
    value = _number(given, where)
    if not limits[0] <= value <= limits[1]:
        raise FeatureError(f"{where}: {value:g} is not from {limits[0]:g} to {limits[1]:g}")
    return value


def with_weather(file: PlantFile, temp: float | None, humidity: float | None) -> PlantFile:
    """Return the plants with another weather [degC], [%]; None leaves it."""
    changed = {
        name: value for name, value in (("outdoor_temp", temp), ("outdoor_humidity", humidity)) if value is not None
    }
    return replace(file, entries=tuple(replace(entry, values={**entry.values, **changed}) for entry in file.entries))
