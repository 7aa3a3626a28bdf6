"""Output of commands: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from wao_predict.printable import printable


class Output(StrEnum):
    """Output format."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TableOrJson(StrEnum):
    """Output format of commands whose result is not a table of numbers."""

    TABLE = "table"
    JSON = "json"


def print_json(document: object) -> None:
    """Print one JSON document, indented."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV with a header line."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    caption: str = "",
    highlight: Iterable[int] = (),
) -> None:
    """Print a table with numbers aligned right, None as a dash, and the rows in `highlight` in bold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    above, below = (Text(printable(text)) if text else None for text in (title, caption))
    table = Table(title=above, caption=below, title_justify="left", caption_justify="left")
    for index, name in enumerate(header):
        numeric = any(isinstance(row[index], int | float) for row in listed)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    chosen = set(highlight)
    for index, row in enumerate(listed):
        table.add_row(*(Text(cell(value)) for value in row), style="bold green" if index in chosen else None)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


def cell(value: object) -> str:
    """Return the text of a table cell; control characters of text are shown as escapes."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return printable(str(value))


def print_facts(facts: Mapping[str, object], *, title: str = "") -> None:
    """Print pairs of name and value, one per line."""
    width = max((len(name) for name in facts), default=0)
    if title:
        sys.stdout.write(title + "\n")
    for name, value in facts.items():
        sys.stdout.write(f"{name.ljust(width)}  {cell(value)}\n")
