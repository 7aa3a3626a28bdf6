"""Tables in Parquet files, which need the extra `parquet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wao_predict.csvtable import CsvTable, read_csv
from wao_predict.errors import MissingExtra, UsageError

SUFFIX = ".parquet"


def read_table(path: str | Path) -> CsvTable:
    """Return the table in a CSV file, in standard input for "-", or in a Parquet file (.parquet).

    Raises
    ------
    UsageError, FeatureError
        The file cannot be read.
    MissingExtra
        It is a Parquet file, and pyarrow is not installed.
    """
    return read_parquet(path) if str(path).endswith(SUFFIX) else read_csv(path)


def read_parquet(path: str | Path) -> CsvTable:
    """Return the columns of a Parquet file as text: one reading of numbers and errors for both formats."""
    pyarrow = _pyarrow("reading Parquet")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
        columns = [column.to_pylist() for column in table.columns]
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error!s:.200}") from None
    rows = [["" if value is None else str(value) for value in row] for row in zip(*columns, strict=True)]
    return CsvTable(str(path), table.column_names, rows, list(range(1, len(rows) + 1)))


def write_parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal length to a Parquet file.

    Raises
    ------
    MissingExtra
        pyarrow is not installed.
    OSError
        The file cannot be written.
    """
    pyarrow = _pyarrow("writing Parquet")
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path)


def _pyarrow(what: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(what, "parquet") from error
    return pyarrow
