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


def test_a_small_file_of_many_equal_values_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wao_predict.parquet.MOST_VALUES", 100)
    write_parquet(tmp_path / "t.parquet", {"cpu_usage": [1.5] * 50, "watts": [100.0] * 50})
    assert len(read_table(tmp_path / "t.parquet").rows) == 50
    write_parquet(tmp_path / "t.parquet", {"cpu_usage": [1.5] * 51, "watts": [100.0] * 51})
    with pytest.raises(UsageError, match="more than 100 values: split it"):
        read_table(tmp_path / "t.parquet")


def test_long_texts_that_are_stored_once_are_not_copied_for_every_row(tmp_path: Path) -> None:
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5_000, pyarrow.int32()), ["x" * 1_000_000])
    parquet.write_table(pyarrow.table({"node": texts}), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    with pytest.raises(UsageError, match="more than 131,072 characters"):
        read_table(tmp_path / "t.parquet")


def test_many_texts_that_are_stored_once_have_a_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wao_predict.parquet.MOST_CHARACTERS", 100_000)
    write_parquet(tmp_path / "t.parquet", {"node": ["x" * 1_000] * 100})
    assert len(read_table(tmp_path / "t.parquet").rows) == 100
    write_parquet(tmp_path / "t.parquet", {"node": ["x" * 1_000] * 101})
    with pytest.raises(UsageError, match="more than 100,000 characters: split it"):
        read_table(tmp_path / "t.parquet")
