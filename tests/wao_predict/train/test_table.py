"""Training tables: what is read, what is skipped, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.parquet import write_parquet
from wao_predict.train.table import load_table

HEADER = "cpu_usage,inlet_temp,delta_p,watts\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text)
    return path


def test_columns_in_any_order_with_others_between_them(tmp_path: Path) -> None:
    path = write(tmp_path, "rack,watts,delta_p,cpu_usage,inlet_temp\n9,210.5,3,10,22\n9,300,3,50,22\n")
    table = load_table(path)
    np.testing.assert_array_equal(table.X, [[10, 22, 3], [50, 22, 3]])
    np.testing.assert_array_equal(table.watts, [210.5, 300])


@pytest.mark.parametrize(
    "header",
    [
        "cpu_percent,inlet_temp_c,delta_p_pa",
        "cpu,amb_temp,dp",
        "Mean_CPU,amb_temp,mean_dp",
        "cpu_usage,amb_temp,dp,cpu",
    ],
)
def test_the_published_column_names_are_read_too(tmp_path: Path, header: str) -> None:
    table = load_table(
        write(tmp_path, f"watts,{header}\n222,0.1,15,0,7\n".replace(",7", ",7" * (header.count(",") - 2)))
    )
    np.testing.assert_array_equal(table.X, [[0.1, 15, 0]])


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    assert len(load_table(write(tmp_path, "\ufeff" + HEADER + "1,20,1,200\n\n2,20,1,201\n"))) == 2


def test_lines_with_a_missing_value_are_skipped_and_reported(tmp_path: Path) -> None:
    table = load_table(write(tmp_path, HEADER + "1,20,1,200\n,20,1,200\n3,NaN,1,200\n4,20,1\n5,20,1,205\n"))
    assert table.skipped == (3, 4, 5)
    np.testing.assert_array_equal(table.X[:, 0], [1, 5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("load\n", "line 1: missing columns cpu_usage, watts; the header has load"),
        (HEADER + "1,5,20,1,200\n", "line 2: 5 values for 4 columns; write decimals with a point"),
        ("cpu,cpu_percent,inlet_temp,delta_p,watts\n", "cpu_usage occurs twice (as cpu and cpu_percent); keep one"),
        (HEADER, "no row has all of"),
        (HEADER + ",20,1,200\n", "1 rows skipped"),
        (HEADER + "1,20,1,200\n2,warm,1,200\n", "line 3, column inlet_temp: 'warm' is not a finite number"),
        (HEADER + "1,20,1,0\n", "line 2, column watts: '0' cannot be the power of a running server"),
        (HEADER + "1,20,1,-5\n", "line 2, column watts"),
        (HEADER + "101,20,1,200\n", "line 2, column cpu_usage: '101' is outside 0 to 100 %"),
        (HEADER + "-1,20,1,200\n", "line 2, column cpu_usage: '-1' is below 0"),
        (HEADER + "1,inf,1,200\n", "line 2, column inlet_temp"),
        (HEADER + f"{'9' * 400},20,1,200\n", f"column cpu_usage: '{'9' * 39} is not a finite number"),
        (
            "time," + HEADER + "yesterday,1,20,1,200\n",
            "column time: 'yesterday' is not a time; write it as 2026-01-31T",
        ),
        ("time," + HEADER + "1700000000000,1,20,1,200\n", "column time: '1700000000000' is not a time"),
    ],
)
def test_what_cannot_be_used_is_refused_with_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FeatureError) as caught:
        load_table(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_file_that_is_absent_or_no_text_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_table(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match="is empty"):
        load_table(write(tmp_path, ""))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_table(tmp_path / "binary.csv")


def test_features_are_those_that_are_there_or_named(tmp_path: Path) -> None:
    path = write(tmp_path, "watts;cpu_usage;gpu_usage\n210,5;10;90\n300;50;5\n")
    assert load_table(path).features == ("cpu_usage",)
    table = load_table(path, features=["cpu_usage", "gpu_usage"])
    np.testing.assert_array_equal(table.X, [[10, 90], [50, 5]])
    np.testing.assert_array_equal(table.column("gpu_usage"), [90, 5])
    with pytest.raises(FeatureError, match="missing column fan_speed"):
        load_table(path, features=["cpu_usage", "fan_speed"])
    with pytest.raises(UsageError, match="name cpu_usage first"):
        load_table(path, features=["gpu_usage", "cpu_usage"])


def test_a_folder_is_read_file_by_file_with_the_features_that_all_have(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_parquet(tmp_path / "b.parquet", {"cpu_usage": [1.0, 2.0], "watts": [100.0, 101.0], "node": ["x", "y"]})
    (tmp_path / "a.tsv").write_text("cpu_usage\tinlet_temp\twatts\n50\t22\t180\n")
    (tmp_path / "README.md").write_text("not a table")
    table = load_table(tmp_path)
    assert table.features == ("cpu_usage",)
    assert table.X[:, 0].tolist() == [50, 1, 2]
    assert [rows.tolist() for rows in table.recordings()] == [[0], [1], [2]]
    assert load_table(tmp_path, nodes=["y"]).X[:, 0].tolist() == [2]
    with pytest.raises(FeatureError, match="no rows of node z; it has x, y"):
        load_table(tmp_path, nodes=["z"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no file that ends in"):
        load_table(tmp_path / "empty")


def test_rows_with_a_time_are_put_in_order(tmp_path: Path) -> None:
    text = "time,cpu_usage,watts\n2026-01-01T00:00:20Z,3,103\n2026-01-01 00:00:10+00:00,2,102\n,4,104\n"
    table = load_table(write(tmp_path, text))
    assert table.X[:, 0].tolist() == [2, 3, 4]
    assert table.time is not None
    assert table.time[1] - table.time[0] == 10
