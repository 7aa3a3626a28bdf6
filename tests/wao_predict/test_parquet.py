"""Tables in Parquet files."""

from pathlib import Path

import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.parquet import read_table, write_parquet

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_columns_come_back_with_missing_values_as_empty_cells(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", {"cpu_usage": [1.5, None], "node": ["a", "b"]})
    table = read_table(tmp_path / "t.parquet")
    assert table.header == ["cpu_usage", "node"]
    assert table.rows == [["1.5", "a"], ["", "b"]]
    assert table.optional_numbers("cpu_usage")[0] == 1.5


def test_a_column_that_occurs_twice_is_named(tmp_path: Path) -> None:
    columns = [pyarrow.array([1, 2]), pyarrow.array([3, 4])]
    parquet.write_table(pyarrow.table(columns, names=["watts", "watts"]), tmp_path / "t.parquet")
    with pytest.raises(FeatureError, match="column watts occurs twice; keep one"):
        read_table(tmp_path / "t.parquet").numbers(["watts"])


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("cpu_usage\n1\n")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        read_table(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        read_table(tmp_path / "absent.parquet")
