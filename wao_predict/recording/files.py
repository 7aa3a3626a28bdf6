"""Files of recordings: a CSV file that grows, or a folder of Parquet files. Both can be continued after a stop."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wao_predict.errors import FeatureError, UsageError
from wao_predict.parquet import SUFFIX, read_table, write_parquet
from wao_predict.recording.aligning import Row
from wao_predict.timestamps import format_rfc3339, parse_rfc3339

BATCH = 40
"""Rows that are kept for one Parquet file: ten minutes of one server."""

_DECIMALS = 4


class Recording:
    """Where rows are appended.

    Parameters
    ----------
    path
        A file that ends in .csv, or a folder, which gets Parquet files and can be trained on as it is.
    columns
        Names of the values of a row.

    Raises
    ------
    UsageError
        The file cannot be read, or has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = ["time", "node", *columns]
        self._csv = path.suffix == ".csv"
        if not self._csv and (path.suffix or path.is_file()):
            raise UsageError(f"{path}: give a file that ends in .csv, or a folder for Parquet files")
        self._last = self._read_last()
        self._pending: list[Row] = []

    def last(self, node: str) -> float:
        """Return the time of the last row of a node [s since the epoch], minus infinity without one."""
        return self._last.get(node, -np.inf)

    def append(self, rows: Sequence[Row]) -> int:
        """Append the rows that are newer than the last one of their node, and return their number.

        Rows for Parquet are kept until there are `BATCH` of them, or until `flush`.

        Raises
        ------
        UsageError
            The file cannot be written.
        """
        before = len(self._pending)
        for row in rows:
            if row.time > self.last(row.node):
                self._pending.append(row)
                self._last[row.node] = row.time
        added = len(self._pending) - before
        if self._csv or len(self._pending) >= BATCH:
            self.flush()
        return added

    def flush(self) -> None:
        """Write the rows that are kept; see `append`."""
        if not self._pending:
            return
        try:
            self._write(self._pending)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}; choose another file") from None
        self._pending = []

    def _write(self, rows: Sequence[Row]) -> None:
        cells = [[format_rfc3339(row.time), row.node, *self._values(row)] for row in rows]
        if not self._csv:
            self.path.mkdir(parents=True, exist_ok=True)
            begin = format_rfc3339(rows[0].time).replace(":", "")
            number = sum(1 for _ in self.path.glob(f"*{SUFFIX}"))
            columns = {name: list(values) for name, values in zip(self._columns, zip(*cells, strict=True), strict=True)}
            write_parquet(self.path / f"{begin}-{number:05}{SUFFIX}", columns)
            return
        with self.path.open("ab+") as raw:
            begins = raw.tell() == 0
            if not begins:
                raw.seek(-1, io.SEEK_END)
                if raw.read() != b"\n":  # a write that was interrupted, or an editor
                    raw.write(b"\n")
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([self._columns, *cells] if begins else cells)

    def _values(self, row: Row) -> list[float]:
        return [round(row.values[name], _DECIMALS) for name in self._columns[2:]]

    def _read_last(self) -> dict[str, float]:
        """Return the time of the last row of each node in what is there already."""
        if self._csv:
            files = [self.path] if self.path.exists() and self.path.stat().st_size else []
        else:
            files = sorted(self.path.glob(f"*{SUFFIX}")) if self.path.is_dir() else []
        last: dict[str, float] = {}
        for file in files:
            table = read_table(file)
            if table.header != self._columns:
                raise FeatureError(
                    f"{file} has the columns {', '.join(table.header)[:200]}, not {', '.join(self._columns)}: choose "
                    "another file"
                )
            for row in range(len(table.rows)):
                time, node = parse_rfc3339(table.cell(row, 0)), table.cell(row, 1)
                if time is not None:
                    last[node] = max(time, last.get(node, -np.inf))
        return last
