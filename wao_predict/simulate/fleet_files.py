"""Fleets in YAML: groups of equal nodes.

groups:
  - {name: edge, model: edge_lenovo, count: 20, cores: 32, inlet_temp: 28, delta_p: 2.7}
  - {name: cloud, model: cloud_dell, count: 10, cores: 64, inlet_temp: 21, delta_p: 11, usage: 2.5}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.errors import FeatureError, UsageError
from wao_predict.files import read_yaml
from wao_predict.fleet import Fleet
from wao_predict.fleet_table import FleetColumns, fleet_columns
from wao_predict.model_files import resolve_model

MOST_NODES = 100_000
MOST_NAME = 200
"""Characters of the name of a group, of which each node has a copy."""
_NUMBERS = {"cores": None, "usage": 0.0, "inlet_temp": math.nan, "delta_p": math.nan}
"""Numbers of a group, and their defaults."""


def read_groups(path: Path) -> Fleet:
    """Return the fleet in a YAML file; see `group_columns`."""
    return group_columns(path).fleet()


def read_columns(source: str) -> FleetColumns:
    """Return the columns of the fleet in a YAML file of groups, or else in a CSV file, "-" for standard input.

    Raises
    ------
    MissingExtra
        PyYAML is not installed.
    UsageError
        The file cannot be read, or has no nodes.
    FeatureError
        A column or a value is missing, or a value cannot be used.
    """
    return group_columns(Path(source)) if source.endswith((".yaml", ".yml")) else fleet_columns(source)


def group_columns(path: Path) -> FleetColumns:
    """Return the columns of the fleet in a YAML file.

    A group has `model`, `count` and `cores`; `usage` [cores] is the base load of each node, default 0. `inlet_temp`
    [degC] and `delta_p` [Pa] are needed where the model has them. Nodes are named after `name` or the model. `room` is
    the group of these nodes for cooling and prices.

    Raises
    ------
    MissingExtra
        PyYAML is not installed.
    UsageError
        The file cannot be read, or has no groups.
    FeatureError
        A value is missing or cannot be used.
    """
    document = read_yaml(path)
    groups = document.get("groups") if isinstance(document, Mapping) else None
    if not isinstance(groups, list) or not groups:
        raise UsageError(f"{path} has no groups: write `groups:` and a list of model, count and cores")
    names: list[str] = []
    models: list[str] = []
    rooms: list[str] = []
    rows: list[list[float]] = []
    for number, group in enumerate(groups, start=1):
        where = f"{path}, group {number}"
        model, count, numbers = _group(group, where)
        if len(names) + count > MOST_NODES:
            raise UsageError(f"{path}: more than {MOST_NODES:,} nodes; reduce count")
        name = str(group.get("name", model))
        if len(name) > MOST_NAME:
            raise FeatureError(f"{where}, name: longer than {MOST_NAME} characters; give a short one")
        names += [f"{name}-{index}" for index in range(1, count + 1)]
        models += [resolve_model(model, path)] * count
        rooms += [str(group.get("room", ""))] * count
        rows += [numbers] * count
    cores, usage, inlet_temp, delta_p = np.array(rows).T
    groups = tuple(rooms) if any(rooms) else ()
    return FleetColumns(tuple(names), tuple(models), cores, usage, inlet_temp, delta_p, groups)


def _group(group: object, where: str) -> tuple[str, int, list[float]]:
    """Return the model, the number of nodes, and the numbers in the order of `_NUMBERS`."""
    if not isinstance(group, Mapping):
        raise FeatureError(f"{where}: not a mapping; write model, count and cores")
    known = ("name", "model", "count", "room", *_NUMBERS)
    unknown = [str(key) for key in group if key not in known]
    if unknown:
        raise FeatureError(f"{where}: no field {', '.join(unknown):.80}; there are {', '.join(known)}")
    model, count = group.get("model"), group.get("count", 1)
    if not isinstance(model, str) or not model:
        raise FeatureError(f"{where}, model: give the name of a model or a file")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise FeatureError(f"{where}, count: {count!r:.40} is not a number of nodes; give 1 or more")
    return model, count, [_number(group, name, default, where) for name, default in _NUMBERS.items()]


def _number(group: Mapping[Any, Any], name: str, default: float | None, where: str) -> float:
    value = group.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value):
        raise FeatureError(f"{where}, {name}: {value!r:.40} is not a number")
    return float(value)
