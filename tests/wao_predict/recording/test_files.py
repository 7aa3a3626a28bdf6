"""Files of recordings grow, and are continued."""

from pathlib import Path

import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.recording.aligning import Row
from wao_predict.recording.files import BATCH, Recording
from wao_predict.train.table import load_table


def row(time: float, node: str = "a", watts: float = 100.0) -> Row:
    return Row(time, node, {"cpu_usage": 10.0, "watts": watts})


@pytest.mark.parametrize("name", ["log.csv", "log"])
def test_a_recording_is_continued_without_repeats_and_can_be_trained_on(name: str, tmp_path: Path) -> None:
    first = Recording(tmp_path / name, ["cpu_usage", "watts"])
    assert first.append([row(15), row(30), row(15, "b")]) == 3
    first.flush()
    again = Recording(tmp_path / name, ["cpu_usage", "watts"])
    assert (again.last("a"), again.last("b"), again.last("c")) == (30, 15, float("-inf"))
    assert again.append([row(30), row(45, watts=130), row(30, "b")]) == 2
    again.flush()
    table = load_table(tmp_path / name)
    assert sorted(table.watts) == [100, 100, 100, 100, 130]
    assert table.time is not None
    assert sorted(table.time) == [15, 15, 30, 30, 45]


def test_parquet_files_have_many_rows_each(tmp_path: Path) -> None:
    target = Recording(tmp_path / "log", ["cpu_usage", "watts"])
    for number in range(2 * BATCH + 1):
        target.append([row(float(number))])
    assert len(list((tmp_path / "log").iterdir())) == 2
    target.flush()
    assert len(load_table(tmp_path / "log")) == 2 * BATCH + 1


def test_a_file_with_other_columns_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,node,watts\n")
    with pytest.raises(FeatureError, match="has the columns time, node, watts, not time, node, cpu_usage, watts"):
        Recording(tmp_path / "log.csv", ["cpu_usage", "watts"])


def test_a_target_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="or a folder for Parquet files"):
        Recording(tmp_path / "log.txt", ["cpu_usage", "watts"])
    target = Recording(tmp_path / "absent" / "log.csv", ["cpu_usage", "watts"])
    with pytest.raises(UsageError, match="cannot be written"):
        target.append([row(1)])


def test_a_file_whose_last_line_is_incomplete_is_continued_on_a_new_line(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("time,node,cpu_usage,watts\n1970-01-01T00:00:15Z,a,10,100\n1970-01-01T00:00:30Z")
    target = Recording(file, ["cpu_usage", "watts"])
    assert target.append([row(45), row(60)]) == 2
    table = load_table(file)
    assert table.watts.tolist() == [100, 100, 100]
    assert table.skipped == (3,)
