"""Training tables: features and measured watts from CSV and Parquet files. Needs neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.csvtable import CsvTable, number
from wao_predict.errors import FeatureError, UsageError
from wao_predict.features import FEATURES, checked_features
from wao_predict.parquet import read_table
from wao_predict.timestamps import parse_rfc3339

MAX_ROWS = 5_000_000
MAX_FILES = 10_000
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
"""Endings of the files that are read from a folder."""
_LATEST = 1e11
"""Largest number that is a time in seconds since the epoch; times in milliseconds are larger."""
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows for training.

    Attributes
    ----------
    path
        File or folder.
    X, watts
        Features, shape (n, n_features), and power [W], shape (n,).
    skipped
        Numbers of the lines that lack a value.
    features
        Names of the columns of X, cpu_usage first.
    recording
        Number of the recording of each row, shape (n,): one for each file and node. The rows of a recording are in the
        order in which they were measured. None if there is one recording.
    time
        Time of each row [s since the epoch], shape (n,), NaN if unknown; None without such a column.
    nodes
        Name of the node of each recording, in order of `recordings`; empty without such a column.
    """

    path: Path
    X: FloatArray
    watts: FloatArray
    skipped: tuple[int, ...] = ()
    features: tuple[str, ...] = FEATURES
    recording: IntArray | None = None
    time: FloatArray | None = None
    nodes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.watts)

    def column(self, name: str) -> FloatArray:
        """Return the values of a feature, shape (n,)."""
        return np.asarray(self.X[:, self.features.index(name)])

    def recordings(self) -> list[IntArray]:
        """Return the row numbers of each recording, in order."""
        if self.recording is None:
            return [np.arange(len(self))]
        return [np.flatnonzero(self.recording == value) for value in np.unique(self.recording)]

    def take(self, rows: BoolArray | IntArray) -> TrainingTable:
        """Return the table with some of its rows, by a mask or by their numbers."""
        recording = None if self.recording is None else self.recording[rows]
        time = None if self.time is None else self.time[rows]
        return replace(self, X=self.X[rows], watts=self.watts[rows], recording=recording, time=time)

    def with_column(self, name: str, values: FloatArray) -> TrainingTable:
        """Return the table with other values of a feature, shape (n,)."""
        X = self.X.copy()
        X[:, self.features.index(name)] = values
        return replace(self, X=X)


def load_table(
    path: Path | str,
    *,
    features: Sequence[str] | None = None,
    nodes: Sequence[str] | None = None,
    any_load: bool = False,
) -> TrainingTable:
    """Return the rows of CSV or Parquet files with columns of features and watts [W].

    Columns can be in any order, and other columns are ignored. Rows with a missing value are skipped and counted, never
    filled. The columns `node` and `time` are optional. A time is RFC 3339, UTC without an offset, or seconds since the
    epoch.

    Parameters
    ----------
    path
        A file, "-" for standard input, or a folder, whose files with the endings `SUFFIXES` are read in order of name.
    features
        Names of the columns, cpu_usage first. Default: cpu_usage [%], and of inlet_temp [degC] and delta_p [Pa] those
        that all files have.
    nodes
        Read only the rows of these nodes.
    any_load
        Accept loads above 100, which may be in another unit.

    Raises
    ------
    UsageError
        A file cannot be read, or the folder has none.
    FeatureError
        A column is missing, or a value is impossible; the message names line and column.
    """
    where = Path(path)
    tables = [read_table(file) for file in _files(path)]
    chosen = _features(tables, features)
    rows = _Rows(chosen, nodes, any_load)
    for read in tables:
        rows.add(read)
    return rows.table(where, ", ".join((*chosen, "watts")))


def _files(path: Path | str) -> list[Path | str]:
    if not Path(path).is_dir():
        return [path]
    found = sorted(file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError(f"{path} has no file that ends in {', '.join(SUFFIXES)}")
    if len(found) > MAX_FILES:
        raise UsageError(f"{path} has more than {MAX_FILES:,} files: give a folder with fewer")
    return list(found)


def _features(tables: Sequence[CsvTable], features: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the features; a table that lacks one is refused."""
    if features is None:
        optional = [name for name in FEATURES[1:] if all(table.has(name) for table in tables)]
        chosen = ("cpu_usage", *optional)
    else:
        chosen = checked_features(features)
        if chosen[0] != "cpu_usage":
            raise UsageError(f"features {', '.join(chosen)}: name cpu_usage first")
    for table in tables:
        table.places([*chosen, "watts"])
    return chosen


class _Rows:
    """Collects the rows of several files."""

    def __init__(self, features: tuple[str, ...], nodes: Sequence[str] | None, any_load: bool) -> None:
        self._features = features
        self._nodes = None if nodes is None else set(nodes)
        self._any_load = any_load
        self._values: list[list[float]] = []
        self._recording: list[int] = []
        self._recordings: dict[tuple[str, str], int] = {}
        self._time: list[float] = []
        self._skipped: list[int] = []
        self._seen_nodes: set[str] = set()

    def add(self, table: CsvTable) -> None:
        names = [*self._features, "watts"]
        places = table.places(names)
        node, time = (table.places([name])[name] if table.has(name) else None for name in ("node", "time"))
        if len(self._values) + len(table.rows) > MAX_ROWS:
            raise FeatureError(f"{table.name}: more than {MAX_ROWS:,} rows; reduce the table first")
        for row, line in enumerate(table.lines):
            name = "" if node is None else table.cell(row, node)
            self._seen_nodes.add(name)
            if self._nodes is not None and name not in self._nodes:
                continue
            values = [self._value(table, row, column, place) for column, place in places.items()]
            if None in values:
                self._skipped.append(line)
                continue
            self._values.append([value for value in values if value is not None])
            self._recording.append(self._recordings.setdefault((table.name, name), len(self._recordings)))
            self._time.append(np.nan if time is None else self._seconds(table, row, time))

    def table(self, path: Path, wanted: str) -> TrainingTable:
        if self._nodes is not None and not self._nodes & self._seen_nodes:
            known = ", ".join(sorted(self._seen_nodes - {""})[:20]) or "no column node"
            raise FeatureError(f"{path} has no rows of node {', '.join(sorted(self._nodes))}; it has {known}")
        if not self._values:
            raise FeatureError(
                f"{path}: no row has all of {wanted} ({len(self._skipped)} rows skipped); add measurements"
            )
        values = np.array(self._values, dtype=np.float64)
        time = np.array(self._time)
        several = len(self._recordings) > 1
        table = TrainingTable(
            path,
            values[:, :-1],
            values[:, -1],
            tuple(self._skipped),
            self._features,
            np.array(self._recording) if several else None,
            None if np.isnan(time).all() else time,
            tuple(name for _, name in self._recordings),
        )
        return table if table.time is None else _in_order(table)

    def _value(self, table: CsvTable, row: int, name: str, place: int) -> float | None:
        text = table.cell(row, place)
        if text.lower() in _MISSING:
            return None
        value = number(text)
        problem = "is not a finite number" if value is None else self._impossible(name, value)
        if problem:
            raise table.refusal(row, name, f"{text!r:.40} {problem}; correct the value or leave it empty")
        return value

    @staticmethod
    def _seconds(table: CsvTable, row: int, place: int) -> float:
        """Return the time of a row as seconds since the epoch, NaN for an empty cell."""
        text = table.cell(row, place)
        if text.lower() in _MISSING:
            return np.nan
        seconds = number(text)
        if seconds is None:
            seconds = parse_rfc3339(text.replace(" ", "T", 1), naive_is_utc=True)
        if seconds is None or abs(seconds) > _LATEST:
            raise table.refusal(
                row,
                "time",
                f"{text!r:.40} is not a time; write it as 2026-01-31T12:00:00Z or in seconds since the epoch, or leave "
                "the column out if the rows are in order",
            )
        return seconds

    def _impossible(self, name: str, value: float) -> str:
        if name == "watts" and value <= 0:
            return "cannot be the power of a running server (above 0 W)"
        if name == "cpu_usage" and value < 0:
            return "is below 0"
        if name == "cpu_usage" and value > 100 and not self._any_load:
            return (
                "is outside 0 to 100 % of the node's capacity (if it is in cores or millicores, give --load-unit "
                "and --cores)"
            )
        return ""


def _in_order(table: TrainingTable) -> TrainingTable:
    """Return the rows sorted by time within each recording."""
    assert table.time is not None
    recording = np.zeros(len(table), dtype=np.int64) if table.recording is None else table.recording
    order = np.lexsort((table.time, recording))
    X, watts, time = table.X[order], table.watts[order], table.time[order]
    return replace(table, X=X, watts=watts, time=time, recording=None if table.recording is None else recording[order])
