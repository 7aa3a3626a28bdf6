"""CSV tables from files and standard input: columns by name, and errors with file, line and column.

Columns are separated by commas, semicolons or tabs, whichever the header has most. Where commas do not separate
columns, as in the CSV files of spreadsheets in many countries, they are accepted as decimal points.
"""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError, UsageError
from wao_predict.features import own_names

_SEPARATORS = (",", ";", "\t")
_OTHER_FORMATS = (
    (b"\x1f\x8b", "it is compressed (gzip): unpack it"),
    (b"PK\x03\x04", "it is a spreadsheet or a ZIP archive: export the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is a spreadsheet: export the table as CSV"),
    (b"PAR1", "it is a Parquet file: export the table as CSV"),
    (b"\xff\xfe", "it is not UTF-8 text but UTF-16: save it as CSV in UTF-8"),
    (b"\xfe\xff", "it is not UTF-8 text but UTF-16: save it as CSV in UTF-8"),
)
"""First bytes of files that are often taken for CSV, and what to do with them."""
_DECIMAL_COMMA = re.compile(r"^(\s*[-+]?\d+),(\d+(?:[eE][-+]?\d+)?\s*)$")


@dataclass(frozen=True, eq=False)
class CsvTable:
    """A CSV table: its header, its rows as text, and the line number of each row, from 1."""

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def places(self, names: Sequence[str]) -> dict[str, int]:
        """Return the position of each column. Case is ignored, and features can have the names in `ALIASES`.

        Raises
        ------
        FeatureError
            A column is missing or occurs twice.
        """
        found = self._names
        missing = [name for name in names if name not in found]
        if missing:
            raise FeatureError(
                f"{self.name}, line 1: missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the "
                f"header has {', '.join(self.header)[:200]}. Name the columns {', '.join(names)}"
            )
        twice = [name for name in names if found.count(name) > 1]
        if twice:
            same = {self.header[place] for place, name in enumerate(found) if name == twice[0]} - {twice[0]}
            written_as = f" (as {' and '.join(sorted(same))})" if same else ""
            raise FeatureError(f"{self.name}, line 1: column {', '.join(twice)} occurs twice{written_as}; keep one")
        return {name: found.index(name) for name in names}

    def has(self, name: str) -> bool:
        """Return whether there is a column of this name, as in `places`."""
        return name in self._names

    @property
    def _names(self) -> list[str]:
        return own_names([name.lower() for name in self.header])

    def numbers(self, names: Sequence[str]) -> dict[str, FloatArray]:
        """Return columns by name, as float64 arrays of shape (n_rows,).

        Raises
        ------
        FeatureError
            A column is missing or occurs twice, or a value is not a finite number.
        """
        places = self.places(names)
        return {
            name: np.array([self._number(row, name, place) for row in range(len(self.rows))], dtype=np.float64)
            for name, place in places.items()
        }

    def optional_numbers(self, name: str) -> FloatArray:
        """Return a column as float64 array of shape (n_rows,): NaN for empty cells, or for all rows without the column.

        Raises
        ------
        FeatureError
            The column occurs twice, or a value is not a finite number.
        """
        if not self.has(name):
            return np.full(len(self.rows), np.nan)
        place = self.places([name])[name]
        return np.array(
            [self._number(row, name, place) if self.cell(row, place) else math.nan for row in range(len(self.rows))],
            dtype=np.float64,
        )

    def _number(self, row: int, name: str, place: int) -> float:
        text = self.cell(row, place)
        value = number(text)
        if value is None:
            what = f"{text!r:.40} is not a number" if text else "the value is missing"
            raise self.refusal(row, name, f"{what}; correct it or leave the row out")
        return value

    def cell(self, row: int, place: int) -> str:
        """Return a value as text, empty if the line is too short."""
        cells = self.rows[row]
        return cells[place].strip() if place < len(cells) else ""

    def refusal(self, row: int, name: str, why: str) -> FeatureError:
        """Return the error for a value that cannot be used, with its position."""
        return FeatureError(f"{self.name}, line {self.lines[row]}, column {name}: {why}")


def number(text: str) -> float | None:
    """Return the finite number in a text, or None. Python's digits in groups, as in 1_000, are no number here."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_csv(source: str | Path) -> CsvTable:
    """Return the table in a file, or in standard input for "-", without blank lines.

    Raises
    ------
    UsageError
        The file does not exist, is empty, or is not CSV in UTF-8.
    FeatureError
        A line has more values than there are columns.
    """
    name = "standard input" if str(source) == "-" else str(source)
    text = _decoded(name, _content(source, name))
    try:
        lines = _lines(text)
    except csv.Error as error:
        raise UsageError(f"{name} cannot be read: it is not CSV: {error}") from None
    if not lines:
        raise UsageError(f"{name} is empty: the first line names the columns")
    (_, header), rows = lines[0], lines[1:]
    table = CsvTable(name, [cell.strip() for cell in header], [row for _, row in rows], [line for line, _ in rows])
    _refuse_surplus(table)
    return table


def _content(source: str | Path, name: str) -> bytes:
    try:
        if str(source) != "-":
            return Path(source).read_bytes()
        if sys.stdin is None:
            raise OSError(0, "it is closed")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{name!r} is no file name: it has a NUL character") from None


def _decoded(name: str, content: bytes) -> str:
    for begin, what in _OTHER_FORMATS:
        if content.startswith(begin):
            raise UsageError(f"{name} cannot be read as CSV: {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} cannot be read: it is not UTF-8 text; save it as CSV in UTF-8") from None


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, with their line numbers."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=header.count)
    lines = list(_numbered(csv.reader(io.StringIO(text, newline=""), delimiter=separator)))
    if separator == ",":
        return lines
    return [(line, [_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in row]) for line, row in lines]


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their line numbers."""
    for row in reader:
        if any(value.strip() for value in row):
            yield reader.line_num, row  # type: ignore[attr-defined]


def _refuse_surplus(table: CsvTable) -> None:
    """Raise for lines with more values than columns: decimal commas would shift values to other columns."""
    width = len(table.header)
    remedy = "write decimals with a point, or separate columns by semicolons, and put text with separators in quotes"
    if width == 1:
        remedy = f"the first line must name the columns, and it is {table.header[0]!r:.60}"
    for line, row in zip(table.lines, table.rows, strict=True):
        if len(row) > width and any(value.strip() for value in row[width:]):
            raise FeatureError(
                f"{table.name}, line {line}: {len(row)} values for {width} column{'s' if width > 1 else ''}; {remedy}"
            )
