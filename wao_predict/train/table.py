"""Training tables: CSV files with the three features and measured watts. Needs neither torch nor pandas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wao_predict.csvtable import CsvTable, number, read_csv
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES

COLUMNS = (*FEATURES, "watts")
MAX_ROWS = 5_000_000
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows for training.

    Attributes
    ----------
    X, watts
        Features, shape (n, 3), and power [W], shape (n,).
    skipped
        Numbers of the lines that lack one of the four values.
    """

    path: Path
    X: NDArray[np.float64]
    watts: NDArray[np.float64]
    skipped: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.watts)


def load_table(path: Path | str) -> TrainingTable:
    """Return the rows of a CSV file with columns cpu_usage [%], inlet_temp [degC], delta_p [Pa], watts [W].

    Columns can be in any order, and other columns are ignored. Rows with a missing value are skipped and counted, never
    filled.

    Raises
    ------
    UsageError
        The file cannot be read.
    FeatureError
        A column is missing, or a value is impossible; the message names line and column.
    """
    read = read_csv(path)
    places = read.places(COLUMNS)
    if len(read.rows) > MAX_ROWS:
        raise FeatureError(f"{read.name}: more than {MAX_ROWS:,} rows; reduce the table first")
    rows: list[list[float]] = []
    skipped: list[int] = []
    for index, line in enumerate(read.lines):
        row = [_value(read, index, name, place) for name, place in places.items()]
        if None in row:
            skipped.append(line)
        else:
            rows.append([value for value in row if value is not None])
    if not rows:
        raise FeatureError(
            f"{read.name}: no row has all of {', '.join(COLUMNS)} ({len(skipped)} rows skipped); add measurements"
        )
    table = np.array(rows, dtype=np.float64)
    return TrainingTable(Path(path), table[:, :3], table[:, 3], tuple(skipped))


def _value(table: CsvTable, row: int, name: str, place: int) -> float | None:
    text = table.cell(row, place)
    if text.lower() in _MISSING:
        return None
    value = number(text)
    problem = "is not a finite number" if value is None else _impossible(name, value)
    if problem:
        raise table.refusal(row, name, f"{text!r} {problem}; correct the value or leave it empty")
    return value


def _impossible(name: str, value: float) -> str:
    if name == "watts" and value <= 0:
        return "cannot be the power of a running server (above 0 W)"
    if name == "cpu_usage" and not 0 <= value <= 100:
        return "is outside 0 to 100 % of the node's capacity"
    return ""
