"""Tables for notebooks."""

from __future__ import annotations

import sys

import pytest

from wao_predict import Fleet, list_models
from wao_predict.errors import MissingExtra
from wao_predict.frames import MOST_ROWS, data_frame, html_table
from wao_predict.models import model_names
from wao_predict.simulate import simulate


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


def test_models_results_and_curves_are_tables() -> None:
    fleet = Fleet.from_table(
        {"name": ["a", "b"], "model": "curve:0=60,100=120", "capacity_cores": 8, "usage_cores": [1, 2]}
    )
    models, outcomes = list_models(), simulate(fleet, 1.0, 3, ("spread", "lookahead"))
    assert models.to_frame()["model"].tolist() == model_names()
    assert models.to_frame()["mape_percent"].between(0, 2).all()
    assert outcomes.to_frame()["policy"].tolist() == ["spread", "lookahead"]
    assert outcomes.to_frame()["saved_percent"][0] == 0.0
    for shown in (models, outcomes, fleet.curves, fleet, fleet.what_if(1.0, 2)):
        assert shown._repr_html_().startswith("<table>")
        assert len(repr(fleet)) < 120
    assert ">4 models</caption>" in models._repr_html_()
    for one in (models[0], outcomes[0]):
        assert len(repr(one)) < 120
