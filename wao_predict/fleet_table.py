"""Read a fleet from a table: names, models, and numbers that are checked before any model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wao_predict.arrays import FloatArray
from wao_predict.csvtable import read_csv
from wao_predict.errors import FeatureError, UsageError
from wao_predict.fleet import Fleet, check_usage, curves_of_models
from wao_predict.model_files import resolve_model
from wao_predict.tables import chosen_columns, named_columns, numeric_column, repeated

TEXTS = ("name", "model")
NUMBERS = ("capacity_cores", "usage_cores")
CONDITIONS = ("inlet_temp", "delta_p")
COLUMNS = (*TEXTS, *NUMBERS, *CONDITIONS)
GROUP = "group"


@dataclass(frozen=True, eq=False)
class FleetColumns:
    """The columns of a fleet, before its curves are predicted.

    Attributes
    ----------
    names, models
        Name and model of each node.
    capacity_cores, usage_cores
        CPU and its present use [cores], shape (n_nodes,).
    inlet_temp, delta_p
        Conditions [degC], [Pa], shape (n_nodes,); NaN unknown.
    groups
        Group of each node, empty without groups.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    capacity_cores: FloatArray
    usage_cores: FloatArray
    inlet_temp: FloatArray
    delta_p: FloatArray
    groups: tuple[str, ...] = ()

    def fleet(self) -> Fleet:
        """Return the fleet; each model is loaded once."""
        curves = curves_of_models(self.models, self.inlet_temp, self.delta_p)
        return Fleet(self.names, curves, self.capacity_cores, self.usage_cores, self.groups, self.models)

    def rows(self, rows: Sequence[int]) -> FleetColumns:
        """Return some of the nodes."""
        index = np.asarray(rows, dtype=np.int64)
        return FleetColumns(
            tuple(self.names[row] for row in rows),
            tuple(self.models[row] for row in rows),
            self.capacity_cores[index],
            self.usage_cores[index],
            self.inlet_temp[index],
            self.delta_p[index],
            tuple(self.groups[row] for row in rows) if self.groups else (),
        )

    def with_usage(self, usage_cores: FloatArray) -> FleetColumns:
        """Return the nodes with another CPU use [cores]."""
        return replace(self, usage_cores=usage_cores)

    def at(self, shift: float, ratio: float) -> FleetColumns:
        """Return the nodes with inlet temperatures changed by `shift` [K] and pressures multiplied by `ratio`."""
        return replace(self, inlet_temp=self.inlet_temp + shift, delta_p=self.delta_p * ratio)


def fleet_of(table: object) -> Fleet:
    """Return the fleet in a table or a CSV file; see `Fleet.from_table`."""
    return fleet_columns(table).fleet()


def fleet_columns(table: object) -> FleetColumns:
    """Return the columns of a fleet in a table or a CSV file; see `Fleet.from_table`."""
    columns = _of_file(table) if isinstance(table, str | Path) else _of_table(table)
    names, models = (tuple(map(str, columns[name])) for name in TEXTS)
    capacity, usage, inlet_temp, delta_p = (np.asarray(columns[name]) for name in (*NUMBERS, *CONDITIONS))
    check_usage(names, capacity, usage)
    groups = tuple(map(str, columns[GROUP])) if GROUP in columns else ()
    return FleetColumns(names, models, capacity, usage, inlet_temp, delta_p, groups)


def _of_file(path: str | Path) -> Mapping[str, list[str] | FloatArray]:
    read = read_csv(path)
    places = read.places((*TEXTS, *NUMBERS, GROUP) if read.has(GROUP) else (*TEXTS, *NUMBERS))
    if not read.rows:
        raise UsageError(f"{read.name} has no nodes: give at least one row")
    numbers = read.numbers(NUMBERS)
    texts = {
        name: [read.cell(row, place) for row in range(len(read.rows))]
        for name, place in places.items()
        if name not in NUMBERS
    }
    texts["model"] = [resolve_model(model, path) for model in texts["model"]]
    return {**texts, **numbers, **{name: read.optional_numbers(name) for name in CONDITIONS}}


def _of_table(table: object) -> dict[str, NDArray[Any]]:
    given = named_columns(table)
    if given is None:
        raise FeatureError(f"a fleet is a table with the columns {', '.join(COLUMNS)}, not {type(table).__name__}")
    chosen = chosen_columns(given, (*TEXTS, *NUMBERS), optional=(*CONDITIONS, GROUP))
    texts = {name: np.asarray(chosen[name], dtype=object) for name in (*TEXTS, GROUP) if name in chosen}
    numbers = {name: numeric_column(name, chosen.get(name, np.nan)) for name in (*NUMBERS, *CONDITIONS)}
    return repeated({**texts, **numbers})
