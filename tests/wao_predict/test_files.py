"""Files that readers see whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.bad_texts import BAD_TEXTS
from wao_predict.cooling.plant_file import read_plants
from wao_predict.errors import UsageError
from wao_predict.files import read_yaml, write_file
from wao_predict.simulate.fleet_files import read_groups

BAD_YAML = {name: text for name, text in BAD_TEXTS.items() if name != "a list of letters"}


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


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    """In a folder that others can write to, they could have a file of the user overwritten."""
    mine, target = tmp_path / "mine", tmp_path / "a.bin"
    mine.write_bytes(b"mine")
    target.with_name("a.bin.part").symlink_to(mine)
    write_file(target, b"new")
    assert (mine.read_bytes(), target.read_bytes(), target.is_symlink()) == (b"mine", b"new", False)


def test_an_existing_file_of_the_temporary_name_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wao_predict.files.token_hex", lambda _: "x")
    mine = tmp_path / "mine"
    (tmp_path / "a.bin.x.part").symlink_to(mine)
    with pytest.raises(UsageError, match="File exists"):
        write_file(tmp_path / "a.bin", b"new")
    assert not mine.exists()
    assert (tmp_path / "a.bin.x.part").is_symlink(), "it is not ours"


@pytest.mark.parametrize("text", BAD_YAML.values(), ids=BAD_YAML.keys())
def test_yaml_that_is_a_bomb_or_none_is_refused_with_the_name_of_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    for read in (read_yaml, read_groups, read_plants):
        with pytest.raises(UsageError, match=r"a\.yaml") as raised:
            read(file)
        assert len(str(raised.value)) < len(str(file)) + 400


def test_a_yaml_file_has_one_document(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    assert read_yaml(file) == {"a": 1}
    file.write_text("")
    assert read_yaml(file) is None
    file.write_text("a: 1\n---\nb: 2\n")
    with pytest.raises(UsageError, match="2 documents"):
        read_yaml(file)
