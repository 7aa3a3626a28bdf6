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
            A column is missing or there twice, or a value is not a finite number; the message has line and column.
        """
        missing = [name for name in names if name not in self.header]
        if missing:
            found = [word for sign, word in ((";", "semicolons"), ("\t", "tabs")) if sign in "".join(self.header)]
            hint = f" (columns separated by {found[0]}? use commas)" if found else ""
            raise FeatureError(
                f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the header is "
                f"{', '.join(self.header)[:200]}{hint}. Rename the columns to {', '.join(names)}"
            )
        return {name: self._column(name) for name in names}

    def _column(self, name: str) -> NDArray[np.float64]:
        if self.header.count(name) > 1:
            raise FeatureError(f"column {name} stands {self.header.count(name)} times in the header: leave one")
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
        There is no such file, or it is empty, not UTF-8 text or not CSV.
    """
    name = "on standard input" if source == "-" else source
    try:
        lines = list(_numbered(csv.reader(io.StringIO(_text(source), newline=""))))
    except UnicodeDecodeError:
        raise UsageError(f"the table {name} cannot be read: it is not UTF-8 text") from None
    except (OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not CSV: {error}"
        raise UsageError(f"the table {name} cannot be read: {reason}") from None
    if not lines:
        raise UsageError(f"the table {name} is empty: the first line names the columns")
    header = [column.strip() for column in lines[0][1]]
    for number, row in lines[1:]:
        _refuse_surplus(number, row, len(header))
    return CsvTable(header, [row for _, row in lines[1:]], [number for number, _ in lines[1:]])


def _text(source: str) -> str:
    if source != "-":
        return Path(source).read_text(encoding="utf-8-sig")
    if sys.stdin is None:
        raise OSError(0, "it is closed")
    return sys.stdin.buffer.read().decode("utf-8-sig")


def _refuse_surplus(line: int, row: list[str], width: int) -> None:
    """Refuse a line with more values than columns: with decimal commas each value would be read as another's."""
    if any(value.strip() for value in row[width:]):
        raise UsageError(
            f"line {line}: {len(row)} values for {width} columns; write decimals with a point, quote text with commas"
        )


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank with their line numbers."""
    for row in reader:
        if any(value.strip() for value in row):
            yield reader.line_num, row  # type: ignore[attr-defined]
