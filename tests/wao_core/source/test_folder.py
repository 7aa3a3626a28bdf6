"""Which files of a folder are manifests, and which parts cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wao_core.source.folder import Listing, list_folder


def test_files_of_yaml_and_json_in_all_sub_folders_are_listed_by_path(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.yml", "a.yaml", "deep/c.json", "deep/er/d.yaml", "README.md", "e.yaml.bak"):
        (tmp_path / name).write_text("x")
    listing = list_folder(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in listing.files] == [
        "a.yaml",
        "b.yml",
        "deep/c.json",
        "deep/er/d.yaml",
    ]
    assert listing.unreadable == {}


def test_the_stamp_of_a_file_changes_with_its_time_and_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    os.utime(path, ns=(5, 7))
    assert list_folder(tmp_path).files == {path: (7, 4)}


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert list_folder(tmp_path) == Listing()


def test_a_missing_folder_is_unreadable_and_may_hide_any_file(tmp_path: Path) -> None:
    listing = list_folder(tmp_path / "gone")
    assert listing.unreadable == {tmp_path / "gone": "No such file or directory"}
    assert listing.hides(tmp_path / "gone" / "a.yaml")
    assert not listing.hides(tmp_path / "other" / "a.yaml")


@pytest.mark.parametrize(("path", "hidden"), [("part", True), ("part/a.yaml", True), ("party/a.yaml", False)])
def test_an_unreadable_part_hides_what_is_below_it(path: str, hidden: bool) -> None:
    assert Listing(unreadable={Path("/m/part"): "denied"}).hides(Path("/m", path)) is hidden
