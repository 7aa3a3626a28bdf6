"""Any table becomes a matrix; what cannot is refused with the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import FeatureError
from wao_predict.features import FEATURES
from wao_predict.tables import as_matrix

COLUMNS: dict[str, list[Any]] = {
    "delta_p": [1.0, 2.0],
    "name": ["a", "b"],
    "cpu_usage": [10.0, 20.0],
    "inlet_temp": [21.0, 22.0],
}
EXPECTED = [[10.0, 21.0, 1.0], [20.0, 22.0, 2.0]]


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        pd.DataFrame(COLUMNS, index=[7, 9]),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
        [{name: values[row] for name, values in COLUMNS.items()} for row in range(2)],
        EXPECTED,
        np.array(EXPECTED),
        np.array(EXPECTED, dtype=np.float32),
        tuple(map(tuple, EXPECTED)),
        pl.DataFrame(COLUMNS).lazy(),
    ],
    ids=["dict", "pandas", "polars", "pyarrow", "records", "lists", "numpy", "float32", "tuples", "lazy"],
)
def test_columns_are_found_by_name_in_any_order(table: object) -> None:
    matrix = as_matrix(table)
    assert EXPECTED == matrix.tolist()
    assert np.float64 == matrix.dtype


@pytest.mark.parametrize(
    "names",
    [
        ("cpu", "amb_temp", "dp"),
        ("mean_cpu", "amb_temp", "mean_dp"),
        ("cpu_percent", "inlet_temp_c", "delta_p_pa"),
        ("mean_cpu", "inlet_temp", "dp"),
    ],
    ids=", ".join,
)
@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame, pa.table], ids=lambda kind: kind.__name__)
def test_the_names_of_published_tables_and_models_are_known(names: tuple[str, ...], kind: Any) -> None:
    table = dict(zip(names, zip(*EXPECTED, strict=True), strict=True))
    assert EXPECTED == as_matrix(kind({name: list(column) for name, column in table.items()})).tolist()


def test_records_with_other_names_are_found_too() -> None:
    rows = [{"time": 1, "cpu": cpu, "amb_temp": temp, "dp": dp} for cpu, temp, dp in EXPECTED]
    assert EXPECTED == as_matrix(rows).tolist()


def test_a_features_own_name_wins_over_another_that_it_is_known_by() -> None:
    """A table may have the load in cores next to the load in percent."""
    assert EXPECTED == as_matrix({**COLUMNS, "cpu": [1.0, 2.0]}).tolist()


@pytest.mark.parametrize("table", [[], np.empty((0, 3)), {"cpu_usage": [], "inlet_temp": [], "delta_p": []}])
def test_an_empty_table_gives_no_rows(table: object) -> None:
    assert (0, 3) == as_matrix(table).shape


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"cpu_usage": [1], "inlet_temp": [2]}, ["missing column delta_p", "cpu_usage, inlet_temp", "Rename"]),
        ({"load": [1], "temp": [2]}, ["missing columns cpu_usage, inlet_temp, delta_p"]),
        (
            {"cpu": [1], "mean_cpu": [1], "amb_temp": [2], "dp": [3]},
            ["columns cpu and mean_cpu are both cpu_usage", "keep one"],
        ),
        (
            {"cpu_usage": [1], "inlet_temp": [float("nan")], "delta_p": [1]},
            ["inlet_temp is nan in row 0", "drop or fill"],
        ),
        ([[1, 2, float("inf")]], ["delta_p is inf in row 0"]),
        ([1.0, 2.0, 3.0], ["shape (3,)", "write [[cpu_usage, inlet_temp, delta_p]]"]),
        ([[1.0, 2.0]], ["shape (1, 2) instead of (n_samples, 3)"]),
        ({"cpu_usage": ["x"], "inlet_temp": [1], "delta_p": [1]}, ["column cpu_usage", "not numbers"]),
        ({"cpu_usage": [1, 2], "inlet_temp": [1], "delta_p": [1]}, ["different lengths", "cpu_usage 2"]),
        (np.ma.masked_array(EXPECTED, mask=[[False, True, False], [False] * 3]), ["inlet_temp is nan in row 0"]),
        (
            {**COLUMNS, "cpu_usage": np.ma.masked_array([1, 2], mask=[False, True])},
            ["cpu_usage is nan in row 1"],
        ),
        ("nonsense", ["cannot be read as numbers"]),
    ],
)
def test_a_bad_table_is_refused_with_what_is_wrong_and_how_to_fix_it(table: object, words: list[str]) -> None:
    with pytest.raises(FeatureError) as raised:
        as_matrix(table)
    for word in words:
        assert word in str(raised.value)


finite = st.floats(-1e6, 1e6)


@given(st.permutations(FEATURES), st.lists(finite, min_size=3, max_size=3))
def test_the_order_of_columns_does_not_matter(order: list[str], values: list[float]) -> None:
    named = dict(zip(FEATURES, values, strict=True))
    assert [values] == as_matrix({name: [named[name]] for name in order}).tolist()
