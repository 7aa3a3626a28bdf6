"""Read a fleet from a table: names, models, and numbers that are checked before any model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wao_predict.arrays import FloatArray
from wao_predict.csvtable import read_csv
from wao_predict.errors import FeatureError, UsageError
from wao_predict.fleet import Fleet, curves_of_models
from wao_predict.tables import chosen_columns, named_columns, numeric_column, repeated

TEXTS = ("name", "model")
NUMBERS = ("capacity_cores", "usage_cores")
CONDITIONS = ("inlet_temp", "delta_p")
COLUMNS = (*TEXTS, *NUMBERS, *CONDITIONS)


def fleet_of(table: object) -> Fleet:
    """Return the fleet in a table or a CSV file; see `Fleet.from_table`."""
    columns = _of_file(table) if isinstance(table, str | Path) else _of_table(table)
    names, models = (tuple(map(str, columns[name])) for name in TEXTS)
    capacity, usage = (np.asarray(columns[name]) for name in NUMBERS)
    _check_usage(names, capacity, usage)
    curves = curves_of_models(models, np.asarray(columns["inlet_temp"]), np.asarray(columns["delta_p"]))
    return Fleet(names, curves, capacity, usage)


def _of_file(path: str | Path) -> Mapping[str, list[str] | FloatArray]:
    read = read_csv(path)
    numbers = read.numbers(NUMBERS)
    places = read.places(TEXTS)
    texts = {name: [read.cell(row, place) for row in range(len(read.rows))] for name, place in places.items()}
    return {**texts, **numbers, **{name: read.optional_numbers(name) for name in CONDITIONS}}


def _of_table(table: object) -> dict[str, NDArray[Any]]:
    given = named_columns(table)
    if given is None:
        raise FeatureError(f"a fleet is a table with the columns {', '.join(COLUMNS)}, not {type(table).__name__}")
    chosen = chosen_columns(given, (*TEXTS, *NUMBERS), optional=CONDITIONS)
    texts = {name: np.asarray(chosen[name], dtype=object) for name in TEXTS}
    numbers = {name: numeric_column(name, chosen.get(name, np.nan)) for name in (*NUMBERS, *CONDITIONS)}
    return repeated({**texts, **numbers})


def _check_usage(names: Sequence[str], capacity: FloatArray, usage: FloatArray) -> None:
    """Raise for a CPU use that no node has; a measured one may exceed the capacity by rounding."""
    for row in np.flatnonzero((usage < 0) | (usage > 1.001 * capacity)):
        raise UsageError(
            f"usage_cores of {names[int(row)]:.80} is {usage[row]:g}, but the node has {capacity[row]:g} cores: give "
            "the CPU use in cores, from 0 to the capacity"
        )
