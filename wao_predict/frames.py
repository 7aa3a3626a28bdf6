"""Tables for notebooks: data frames, and short HTML tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Generic, TypeVar

from wao_predict.errors import MissingExtra

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 20
"""Most rows of an HTML table."""


Row = TypeVar("Row")


class Rows(list[Row], Generic[Row]):
    """A list that a notebook shows as a table, with a column for each value of its items.

    Attributes
    ----------
    what
        What the items are, in the plural.
    """

    what = "rows"

    def columns(self) -> dict[str, list[object]]:
        """Return the values of the items by name."""
        raise NotImplementedError

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with a row for each item."""
        return data_frame(self.columns())

    def _repr_html_(self) -> str:
        columns = self.columns()
        return html_table(f"{len(self)} {self.what}", list(columns), zip(*columns.values(), strict=True))


def data_frame(columns: Mapping[str, object]) -> pandas.DataFrame:
    """Return columns by name as a pandas data frame.

    Raises
    ------
    MissingExtra
        pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("a data frame", "notebook") from error
    return pandas.DataFrame(dict(columns))


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table with the first rows; numbers have two decimals, and missing values are a dash."""
    shown = list(rows)
    left = len(shown) - MOST_ROWS
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in shown[:MOST_ROWS])
    more = f"<tr><td colspan='{len(header)}'>{left:,} more rows</td></tr>" if left > 0 else ""
    title = f"<caption style='white-space:nowrap;text-align:left'>{escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}{more}</tbody></table>"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return "\u2013"
    return f"{value:,.2f}" if isinstance(value, float) else escape(str(value))
