"""A fleet from a table of any kind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from wao_predict import FeatureError, Fleet, ModelLoadError, UsageError, WaoPredictError
from wao_predict.simulate.fleet_files import read_groups

COLUMNS: dict[str, Any] = {
    "name": ["a", "b"],
    "model": ["curve:0=60 100=120", "edge_lenovo"],
    "capacity_cores": [32, 16],
    "usage_cores": [4.0, 0.0],
    "inlet_temp": [None, 22.0],
    "delta_p": [float("nan"), 5.0],
}


def test_every_kind_of_table_gives_the_same_fleet(tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    pd.DataFrame(COLUMNS).to_csv(file, index=False)
    records = [{name: values[row] for name, values in COLUMNS.items()} for row in range(2)]
    expected = Fleet.from_table(COLUMNS).to_frame()
    for table in (pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS, strict=False), records, file, str(file)):
        pd.testing.assert_frame_equal(Fleet.from_table(table).to_frame(), expected)
    assert expected["watts"][0] == 67.5


def test_models_are_found_next_to_the_table_whatever_the_current_folder_is(tmp_path: Path) -> None:
    (tmp_path / "server.csv").write_text("cpu_usage,watts\n0,100\n100,200\n")
    (tmp_path / "rack.csv").write_text("name,model,capacity_cores,usage_cores\na,server.csv,10,5\n")
    (tmp_path / "rack.yaml").write_text("groups:\n  - {model: server.csv, count: 2, cores: 10, usage: 5}\n")
    assert Fleet.from_table(tmp_path / "rack.csv").to_frame()["watts"].tolist() == [150.0]
    assert read_groups(tmp_path / "rack.yaml").to_frame()["watts"].tolist() == [150.0, 150.0]


def test_one_model_and_one_capacity_hold_for_all_nodes() -> None:
    fleet = Fleet.from_table(
        {
            "name": ["a", "b"],
            "model": "fake",
            "capacity_cores": 8,
            "usage_cores": [1, 2],
            "inlet_temp": 20,
            "delta_p": 5,
        }
    )
    assert fleet.capacity_cores.tolist() == [8.0, 8.0]
    assert repr(fleet).startswith("Fleet(2 nodes, 16 cores, 3.0 in use, ")
    assert "<td>a</td>" in fleet._repr_html_()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"usage_cores": [33.0, 0.0]}, UsageError, "usage_cores of a is 33, but the node has 32 cores"),
        ({"capacity_cores": [32.0, -8.0]}, UsageError, "capacity_cores of b is -8: give the CPU of the node in cores"),
        ({"usage_cores": [1.0, -0.5]}, UsageError, "usage_cores of b is -0.5"),
        ({"usage_cores": [True, False]}, FeatureError, "column usage_cores has values that are not numbers"),
        ({"inlet_temp": [datetime(2026, 1, 1, tzinfo=UTC), None]}, FeatureError, "column inlet_temp .* not numbers"),
        ({"capacity_cores": [32]}, FeatureError, "different lengths"),
        ({"model": ["curve:0=6 9=7", "edge_lenov"]}, ModelLoadError, "did you mean edge_lenovo"),
        ({"inlet_temp": [20.0, None]}, UsageError, "model 'edge_lenovo' predicts from inlet_temp"),
        ({"name": ["a", "a"]}, UsageError, "same name"),
        ({"usage_cores": [None, 0.0]}, UsageError, "no CPU use of a"),
    ],
    ids=str,
)
def test_a_table_that_is_no_fleet_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Fleet.from_table({**COLUMNS, **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,watts\n", "missing columns model, capacity_cores, usage_cores; the header has name, watts"),
        ("name,model,capacity_cores,usage_cores\n", "has no nodes: give at least one row"),
    ],
)
def test_a_file_that_is_no_fleet_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rack.csv").write_text(text)
    with pytest.raises(WaoPredictError, match=message):
        Fleet.from_table(tmp_path / "rack.csv")


@pytest.mark.parametrize("table", [[[1, 2]], 5, None, {"name": ["a"]}])
def test_what_is_no_table_with_the_columns_is_refused(table: object) -> None:
    with pytest.raises(FeatureError, match="column"):
        Fleet.from_table(table)


def test_columns_can_have_their_other_names_and_a_frame_may_be_lazy() -> None:
    renamed = {{"inlet_temp": "amb_temp", "delta_p": "dp"}.get(name, name): values for name, values in COLUMNS.items()}
    expected = Fleet.from_table(COLUMNS).to_frame()
    pd.testing.assert_frame_equal(Fleet.from_table(renamed).to_frame(), expected)
    pd.testing.assert_frame_equal(Fleet.from_table(pl.DataFrame(renamed, strict=False).lazy()).to_frame(), expected)


def test_a_fleet_may_have_groups(tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    table = {**COLUMNS, "group": ["room-a", "room-b"]}
    pd.DataFrame(table).to_csv(file, index=False)
    for given in (table, file):
        fleet = Fleet.from_table(given)
        assert fleet.group_names == ("room-a", "room-b")
        assert fleet.with_usage([1.0, 1.0]).group_names == ("room-a", "room-b")
    assert Fleet.from_table(COLUMNS).group_names == ("", "")
