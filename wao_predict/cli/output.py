"""Output of commands: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from wao_predict.printable import printable

PIPE_WIDTH = 160
"""Characters of a line in a pipe or a file, which have no width."""


class Output(StrEnum):
    """Output format."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TableOrJson(StrEnum):
    """Output format of commands whose result is not a table of numbers."""

    TABLE = "table"
    JSON = "json"


KEYED_BY_DATA = frozenset({"kept", "per_node", "placement", "present", "ranges", "recommended", "support"})
"""Fields whose keys are names of nodes, features or set points, not of fields."""


def camel_case(document: object) -> object:
    """Return a JSON document with the names of its fields in camelCase, as our HTTP APIs and Kubernetes have them.

    Examples
    --------
    >>> camel_case({"watts_before": 1.0, "per_node": {"node_1": 2}})
    {'wattsBefore': 1.0, 'perNode': {'node_1': 2}}
    """
    if isinstance(document, Mapping):
        return {_camel(name): value if name in KEYED_BY_DATA else camel_case(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [camel_case(item) for item in document]
    return document


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def print_json(document: object) -> None:
    """Print one JSON document, indented, with the names of its fields in camelCase."""
    sys.stdout.write(json.dumps(camel_case(document), indent=2, allow_nan=False) + "\n")


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
    digits: Mapping[str, int] | None = None,
) -> None:
    """Print a table as kubectl does: numbers aligned right, None as a dash, and the rows in `highlight` in bold.

    `digits` has the number of decimals by the name of a column; the default is 2.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(header):
        numeric = any(isinstance(row[index], int | float) for row in listed)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    chosen = set(highlight)
    shown = [(digits or {}).get(name, 2) for name in header]
    for index, row in enumerate(listed):
        table.add_row(
            *(Text(cell(value, places)) for value, places in zip(row, shown, strict=True)),
            style="bold green" if index in chosen else None,
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    for text in (title, table, caption):
        if text:
            console.print(Text(printable(text)) if isinstance(text, str) else text, soft_wrap=isinstance(text, str))


def cell(value: object, digits: int = 2) -> str:
    """Return the text of a table cell; control characters of text are shown as escapes."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:z,.{digits}f}"  # z: no minus before a zero
    return printable(str(value))


def print_facts(facts: Mapping[str, object], *, title: str = "") -> None:
    """Print pairs of name and value, one per line; in a terminal, long values continue below their beginning."""
    if title:
        sys.stdout.write(title + "\n")
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in fact_lines(facts, columns):
        sys.stdout.write(line + "\n")


def fact_lines(facts: Mapping[str, object], columns: int | None) -> Iterator[str]:
    """Yield the lines of facts, at most `columns` wide where words allow it; None for one line each.

    Examples
    --------
    >>> list(fact_lines({"why": "the least of 48"}, 14))
    ['why  the least', '     of 48']
    """
    width = max((len(name) for name in facts), default=0) + 2
    for name, value in facts.items():
        text = cell(value)
        room = max(1, (columns or len(text)) - width)
        parts = [text] if columns is None else textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
        for place, part in enumerate(parts or [""]):
            yield (name if place == 0 else "").ljust(width) + part
