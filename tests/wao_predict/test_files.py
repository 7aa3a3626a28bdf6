"""Files that readers see whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_predict.errors import UsageError
from wao_predict.files import write_file


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    write_file(file, b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"new"}


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"a\.bin: cannot be written \(No such file or directory\); choose another file"
    ):
        write_file(tmp_path / "none" / "a.bin", b"new")
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(UsageError, match="choose another file"):
        write_file(tmp_path / "a.bin", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
