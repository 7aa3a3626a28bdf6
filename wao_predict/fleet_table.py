"""Read a fleet from a table: names, models, and numbers that are checked before any model is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.csvtable import read_csv
from wao_predict.errors import FeatureError, UsageError
from wao_predict.features import named_columns, numeric_column
from wao_predict.fleet import Fleet, curves_of_models

TEXTS = ("name", "model")
NUMBERS = ("capacity_cores", "usage_cores")
CONDITIONS = ("inlet_temp", "delta_p")
COLUMNS = (*TEXTS, *NUMBERS, *CONDITIONS)


def fleet_of(table: object) -> Fleet:
    """Return the fleet in a table or a CSV file; see `Fleet.from_table`."""
    columns = _of_file(table) if isinstance(table, str | Path) else _of_table(table)
    names, models = columns["name"], columns["model"]
    capacity, usage = np.asarray(columns["capacity_cores"]), np.asarray(columns["usage_cores"])
    _check_usage(list(map(str, names)), capacity, usage)
    curves = curves_of_models(list(map(str, models)), np.asarray(columns["inlet_temp"]), np.asarray(columns["delta_p"]))
    return Fleet(tuple(map(str, names)), curves, capacity, usage)


def _of_file(path: str | Path) -> dict[str, list[str] | FloatArray]:
    read = read_csv(path)
    numbers = read.numbers(NUMBERS)
    places = read.places(TEXTS)
    texts = {name: [read.cell(row, place) for row in range(len(read.rows))] for name, place in places.items()}
    return {**texts, **numbers, **{name: read.optional_numbers(name) for name in CONDITIONS}}


def _of_table(table: object) -> dict[str, list[str] | FloatArray]:
    given = named_columns(table)
    if given is None:
        raise FeatureError(f"a fleet is a table with the columns {', '.join(COLUMNS)}, not {type(table).__name__}")
    missing = [name for name in (*TEXTS, *NUMBERS) if name not in given]
    if missing:
        raise FeatureError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the table has "
            f"{', '.join(given) or 'no columns'}"
        )
    texts: dict[str, list[str]] = {
        name: [str(given[name])] if isinstance(given[name], str) else _texts(given[name]) for name in TEXTS
    }
    numbers = {name: numeric_column(name, given.get(name, np.nan)) for name in (*NUMBERS, *CONDITIONS)}
    count = len(texts["name"])
    if len(texts["model"]) == 1:
        texts["model"] *= count
    sizes = {name: len(values) for name, values in texts.items()} | {
        name: values.size for name, values in numbers.items() if values.ndim
    }
    if set(sizes.values()) != {count}:
        raise FeatureError(f"the columns have different lengths ({sizes}): give one value per node in each")
    broadcast = {name: np.broadcast_to(values, count) for name, values in numbers.items()}
    return {**texts, **broadcast}


def _texts(values: object) -> list[str]:
    return [str(value) for value in np.asarray(values, dtype=object).reshape(-1)]


def _check_usage(names: list[str], capacity: FloatArray, usage: FloatArray) -> None:
    """Raise for a CPU use that no node has; a measured one may exceed the capacity by rounding."""
    for row in np.flatnonzero((usage < 0) | (usage > 1.001 * capacity)):
        raise UsageError(
            f"usage_cores of {names[row]:.80} is {usage[row]:g}, but the node has {capacity[row]:g} cores: give "
            "the CPU use in cores, from 0 to the capacity"
        )
