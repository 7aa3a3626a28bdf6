"""Traces in tables: CSV and Parquet files, with a mapping of column names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.csvtable import CsvTable
from wao_predict.errors import FeatureError, UsageError
from wao_predict.parquet import read_table
from wao_predict.simulate.trace import Trace

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class TraceColumns:
    """Names of a table's columns.

    Attributes
    ----------
    arrival
        Time of arrival [s]; the earliest one becomes 0.
    duration, end
        Running time or time of the end [s]; `duration` is read if both exist. A pod without a value stays.
    request, use
        CPU request and CPU use. Without a column or a value for `use`, a pod uses what it requests.
    movable
        Whether a pod may be moved: true or false. Without the column, every pod may.
    cpu_scale
        Cores of one unit of `request` and `use`: 0.001 for millicores.
    """

    arrival: str = "arrival"
    duration: str = "duration"
    end: str = "end"
    request: str = "cpu_request"
    use: str = "cpu_use"
    movable: str = "movable"
    cpu_scale: float = 1.0

    def renamed(self, names: Mapping[str, str]) -> TraceColumns:
        """Return the mapping with other names.

        Raises
        ------
        UsageError
            A key is not a column of a trace.
        """
        known = [item.name for item in fields(self) if item.name != "cpu_scale"]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(f"no column {', '.join(unknown):.80} in a trace; there are {', '.join(known)}")
        return replace(self, **names)  # type: ignore[arg-type]


ALIBABA_GPU_2023 = TraceColumns(
    arrival="creation_time", end="deletion_time", request="cpu_milli", use="", movable="", cpu_scale=1e-3
)
"""The pod list of Alibaba's cluster-trace-gpu-v2023 (openb_pod_list_*.csv); its licence permits research only."""
PRESETS = {"default": TraceColumns(), "alibaba-gpu-2023": ALIBABA_GPU_2023}
"""Mappings by name."""


def read_trace(path: str | Path, columns: TraceColumns | None = None, *, horizon: float | None = None) -> Trace:
    """Return the trace in a file.

    Parameters
    ----------
    path
        A CSV file, "-" for standard input, or a Parquet file (.parquet), which needs pyarrow.
    columns
        Names of the columns; others are ignored.
    horizon
        End of the simulated time [s]; default: see `Trace.of`.

    Raises
    ------
    UsageError
        The file cannot be read, or values cannot be used.
    FeatureError
        A column is missing, or a value is not a number.
    """
    chosen = columns or TraceColumns()
    table = read_table(path)
    if not table.rows:
        raise UsageError(f"{table.name} has no pods: give at least one row")
    header = {name.lower() for name in table.header}
    table.places([chosen.arrival, chosen.request])
    arrival = _column(table, chosen.arrival)
    _refuse_missing(table, chosen.arrival, arrival)
    if chosen.duration.lower() in header:
        duration = _column(table, chosen.duration)
    elif chosen.end.lower() in header:
        duration = _column(table, chosen.end) - arrival
    else:
        raise FeatureError(
            f"{table.name}, line 1: missing column {chosen.duration} or {chosen.end}; the header has "
            f"{', '.join(table.header)[:200]}"
        )
    duration = np.where(np.isnan(duration), np.inf, duration)
    request = chosen.cpu_scale * _column(table, chosen.request)
    _refuse_missing(table, chosen.request, request)
    use = request
    if chosen.use and chosen.use.lower() in header:
        given = chosen.cpu_scale * _column(table, chosen.use)
        use = np.where(np.isnan(given), request, given)
    movable = None
    if chosen.movable and chosen.movable.lower() in header:
        place = table.places([chosen.movable])[chosen.movable]
        movable = np.array([_truth(table, row, place, chosen.movable) for row in range(len(table.rows))])
    return Trace.of(arrival - arrival.min(), duration, request, use=use, movable=movable, horizon=horizon)


def _column(table: CsvTable, name: str) -> FloatArray:
    """Return a column of numbers; NaN where the value is missing."""
    place = table.places([name])[name]
    values = np.full(len(table.rows), np.nan)
    for row in range(len(table.rows)):
        text = table.cell(row, place)
        if text:
            try:
                values[row] = float(text)
            except ValueError:
                raise table.refusal(
                    row, name, f"{text!r:.40} is not a number; write times in seconds and CPU as a number"
                ) from None
    return values


def _refuse_missing(table: CsvTable, name: str, values: FloatArray) -> None:
    missing = np.flatnonzero(~np.isfinite(values))
    if missing.size:
        raise table.refusal(int(missing[0]), name, "the value is missing; correct it or leave the row out")


def _truth(table: CsvTable, row: int, place: int, name: str) -> bool:
    text = table.cell(row, place).lower()
    if text not in (*_TRUE, *_FALSE):
        raise table.refusal(row, name, f"{text!r:.40} is neither true nor false")
    return text in _TRUE
