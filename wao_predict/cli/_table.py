"""Reads CSV tables from files and standard input, with errors that name line and column."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wao_predict._errors import FeatureError, UsageError


@dataclass(frozen=True, eq=False)
class CsvTable:
    """A CSV table as read: its header and its rows of text; `lines` are the rows' numbers in the file, from 1."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def numbers(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return columns as float64.

        Raises
        ------
        FeatureError
            A column is missing, or a value is not a finite number; the message has line and column.
        """
        missing = [name for name in names if name not in self.header]
        if missing:
            hint = " (columns separated by semicolons? use commas)" if ";" in "".join(self.header) else ""
            raise FeatureError(
                f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the header is "
                f"{', '.join(self.header)[:200]}{hint}. Rename the columns to {', '.join(names)}"
            )
        return {name: self._column(name) for name in names}

    def _column(self, name: str) -> NDArray[np.float64]:
        index = self.header.index(name)
        values = np.empty(len(self.rows))
        for position, row in enumerate(self.rows):
            values[position] = _number(row[index] if index < len(row) else "", name, self.lines[position])
        return values


def _number(text: str, name: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        what = "is missing" if not text.strip() else f"is {text!r:.40}, not a number"
        raise FeatureError(f"line {line}: {name} {what}; correct it or leave the row out")
    return value


def read_csv(source: str) -> CsvTable:
    """Return the table in a file, or from standard input for "-".

    Raises
    ------
    UsageError
        There is no such file, or it is empty or not UTF-8 text.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"the table {source} cannot be read: {reason}") from None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    lines = _numbered(reader)
    first = next(lines, None)
    if first is None:
        raise UsageError(f"the table {source} is empty: the first line names the columns")
    header = [name.strip() for name in first[1]]
    rows, numbers = [], []
    for number, row in lines:
        rows.append(row)
        numbers.append(number)
    return CsvTable(header, rows, numbers)


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank with their line numbers."""
    for row in reader:
        if any(value.strip() for value in row):
            yield reader.line_num, row  # type: ignore[attr-defined]
