"""Tables in Parquet files, which need the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wao_predict.csvtable import CsvTable, read_csv
from wao_predict.errors import MissingExtra, UsageError

SUFFIX = ".parquet"
MOST_VALUES = 10_000_000
"""Values of a file: a few hundred kilobytes can have billions of equal ones."""
MOST_TEXT = 128 * 1024
"""Characters of a value, as in CSV files."""
MOST_CHARACTERS = 500_000_000
"""Characters of all values: a text can be stored once for all rows."""
BATCH = 250
"""Rows that are decompressed at a time."""


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
            if file.metadata.num_rows * file.metadata.num_columns > MOST_VALUES:
                raise UsageError(f"{path} has more than {MOST_VALUES:,} values: split it, or leave columns out")
            names, rows = file.schema_arrow.names, list(_rows(file, str(path)))
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error!s:.200}") from None
    return CsvTable(str(path), names, rows, list(range(1, len(rows) + 1)))


def _rows(file: Any, name: str) -> Iterator[list[str]]:
    """Yield the rows of a Parquet file as text."""
    total = 0
    for batch in file.iter_batches(batch_size=BATCH):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            texts = ["" if value is None else str(value) for value in row]
            if max(map(len, texts), default=0) > MOST_TEXT:
                raise UsageError(f"{name} cannot be read: a value has more than {MOST_TEXT:,} characters")
            total += sum(map(len, texts))
            if total > MOST_CHARACTERS:
                raise UsageError(f"{name} has more than {MOST_CHARACTERS:,} characters: split it, or leave columns out")
            yield texts


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
