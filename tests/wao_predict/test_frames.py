"""Tables for notebooks."""

from __future__ import annotations

import sys

import pytest

from wao_predict.errors import MissingExtra
from wao_predict.frames import MOST_ROWS, data_frame, html_table


def test_a_data_frame_has_the_columns_in_order() -> None:
    assert data_frame({"b": [1, 2], "a": [3.0, 4.0]}).columns.tolist() == ["b", "a"]


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"wao-predict\[notebook\]"):
        data_frame({})


def test_a_table_escapes_texts_and_shows_missing_values_as_a_dash() -> None:
    table = html_table("<b>", ("x<",), [("<script>",), (None,), (float("nan"),), (1234.5,)])
    assert "<script>" not in table
    assert "<b>" not in table
    assert "<th>x&lt;</th>" in table
    assert table.count("<td>\u2013</td>") == 2
    assert "<td>1,234.50</td>" in table


def test_a_long_table_shows_its_beginning_and_the_number_of_other_rows() -> None:
    table = html_table("many", ("n",), ((number,) for number in range(MOST_ROWS + 1500)))
    assert table.count("<tr>") == MOST_ROWS + 2
    assert "1,500 more rows" in table
