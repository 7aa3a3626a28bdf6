"""Training tables: CSV with the three features and measured watts. Needs neither torch nor pandas."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wao_predict._errors import FeatureError
from wao_predict.features import FEATURES

if TYPE_CHECKING:
    from _csv import Reader

COLUMNS = (*FEATURES, "watts")
PUBLISHED_NAMES = {"cpu_percent": "cpu_usage", "inlet_temp_c": "inlet_temp", "delta_p_pa": "delta_p"}
"""Column names of the published power tables, which are read as well."""

MAX_ROWS = 5_000_000
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows fit for training: X (n, 3), watts (n,); `skipped` holds the numbers of lines without all four values."""

    path: Path
    X: NDArray[np.float64]
    watts: NDArray[np.float64]
    skipped: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.watts)


def load_table(path: Path | str) -> TrainingTable:
    """Read a CSV file with columns cpu_usage [%], inlet_temp [degC], delta_p [Pa], watts [W], in any order.

    Other columns are ignored. Rows with a missing value are skipped and counted, never filled.

    Raises
    ------
    FeatureError
        The file cannot be read, a column is missing, or a value cannot be what its column says; names line and column.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(path, csv.reader(file))
    except OSError as error:
        raise FeatureError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise FeatureError(f"{path}: not a CSV file in UTF-8 ({error}); export the table as CSV") from None


def _read(path: Path, lines: Reader) -> TrainingTable:
    places = _places(path, next(lines, []))
    rows: list[list[float]] = []
    skipped: list[int] = []
    for cells in lines:
        if not cells:
            continue
        row = [_value(path, lines.line_num, name, cells, place) for name, place in places.items()]
        if None in row:
            skipped.append(lines.line_num)
            continue
        rows.append([value for value in row if value is not None])
        if len(rows) > MAX_ROWS:
            raise FeatureError(f"{path}: more than {MAX_ROWS:,} rows; thin the table out first")
    if not rows:
        raise FeatureError(
            f"{path}: no row has all of {', '.join(COLUMNS)} ({len(skipped)} rows skipped); add measurements"
        )
    table = np.array(rows, dtype=np.float64)
    return TrainingTable(path, table[:, :3], table[:, 3], tuple(skipped))


def _places(path: Path, header: list[str]) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    names = [PUBLISHED_NAMES.get(name, name) for name in names]
    missing = [name for name in COLUMNS if name not in names]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if missing:
        raise FeatureError(
            f"{path}, line 1: missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the header has "
            f"{', '.join(header) or 'nothing'}. Name the columns {', '.join(COLUMNS)}"
        )
    if twice:
        raise FeatureError(f"{path}, line 1: column {', '.join(twice)} is there twice; keep one")
    return {name: names.index(name) for name in COLUMNS}


def _value(path: Path, line: int, name: str, cells: list[str], place: int) -> float | None:
    text = cells[place].strip() if place < len(cells) else ""
    if text.lower() in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    problem = "is not a finite number" if not math.isfinite(value) else _impossible(name, value)
    if problem:
        raise FeatureError(
            f"{path}, line {line}, column {name}: {text!r} {problem}; correct the value or leave it empty"
        )
    return value


def _impossible(name: str, value: float) -> str:
    if name == "watts" and value <= 0:
        return "is no power of a running server (above 0 W)"
    if name == "cpu_usage" and not 0 <= value <= 100:
        return "is outside 0 to 100 % of the node's capacity"
    return ""
