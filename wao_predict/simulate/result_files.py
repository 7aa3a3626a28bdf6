"""Results of simulations as files: CSV or Parquet, one row per day and interval."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wao_predict.errors import UsageError
from wao_predict.parquet import write_parquet
from wao_predict.simulate.comparison import Comparison

SUFFIXES = (".csv", ".parquet")


def series(comparison: Comparison) -> dict[str, list[object]]:
    """Return the columns of all days over time: policy, load, seed, time [s], watts, busy nodes and nodes on."""
    names = ("policy", "load", "seed", "time", "watts", "busy_nodes", "on_nodes")
    columns: dict[str, list[object]] = {name: [] for name in names}
    for day in sorted(comparison.days, key=lambda day: (day.load, comparison.policies.index(day.policy), day.seed)):
        begin = np.linspace(0.0, day.horizon, day.watts.size, endpoint=False)
        for values in zip(*(part.tolist() for part in (begin, day.watts, day.busy, day.on)), strict=True):
            for name, value in zip(columns, (day.policy, day.load, day.seed, *values), strict=True):
                columns[name].append(value)
    return columns


def write_columns(path: Path, columns: dict[str, list[object]]) -> None:
    """Write columns to a file whose suffix states the format.

    Raises
    ------
    UsageError
        The suffix is unknown, or the file cannot be written.
    """
    check_suffix(path)
    try:
        if path.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                _write_csv(csv.writer(file, lineterminator="\n"), columns)
        else:
            write_parquet(path, columns)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another file") from None


def check_suffix(path: Path) -> None:
    """Raise `UsageError` for a file that is neither CSV nor Parquet by its name."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: use a file name that ends in {' or '.join(SUFFIXES)}")


def _write_csv(writer: object, columns: dict[str, list[object]]) -> None:
    rows: Sequence[tuple[object, ...]] = list(zip(*columns.values(), strict=True))
    writer.writerow(list(columns))  # type: ignore[attr-defined]
    writer.writerows(rows)  # type: ignore[attr-defined]
