"""Which model files can be opened by name, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_predict.errors import ModelLoadError
from wao_predict.model_files import ModelFiles, resolve_model
from wao_predict.models import model_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a model, next to a file that is none of its models."""
    (tmp_path / "models" / "racks").mkdir(parents=True)
    for name in ("models/own.onnx", "models/racks/a.onnx", "secret.onnx"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "models" / "link.onnx").symlink_to(tmp_path / "secret.onnx")
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("own.csv", "racks/own.csv"),
        ("../own.ONNX", "racks/../own.ONNX"),
        ("/models/own.csv", "/models/own.csv"),
        ("edge_lenovo", "edge_lenovo"),
        ("curve:0=60 100=120", "curve:0=60 100=120"),
        ("https://host/model.onnx", "https://host/model.onnx"),
        ("specpower:dell", "specpower:dell"),
    ],
)
def test_a_file_that_a_table_names_is_relative_to_the_table(source: str, found: str) -> None:
    assert resolve_model(source, "racks/rack.csv") == found
    assert resolve_model("own.csv", "rack.csv") == resolve_model("own.csv", "-") == "own.csv"


@pytest.mark.parametrize("files", [ModelFiles(), ModelFiles(anywhere=True)])
def test_included_models_are_always_available(files: ModelFiles) -> None:
    assert files.find("edge_lenovo") == model_path("edge_lenovo")


@pytest.mark.parametrize("source", ["own.onnx", "racks/a.onnx", "./own.onnx", "racks/../own.onnx"])
def test_files_below_the_folder_are_found(folder: Path, source: str) -> None:
    assert ModelFiles(folder).find(source) == (folder / source).resolve()
    assert ModelFiles(folder).find(str(folder / "own.onnx")) == (folder / "own.onnx").resolve()


@pytest.mark.parametrize(
    "source", ["../secret.onnx", "/etc/passwd", "link.onnx", "gone.onnx", "racks", "", "a\0b", "x" * 5000]
)
def test_all_others_are_refused_with_one_message(folder: Path, source: str) -> None:
    """Nobody learns which files exist."""
    with pytest.raises(ModelLoadError) as raised:
        ModelFiles(folder).find(source)
    message = str(raised.value)
    assert message.startswith(f"model {source!r:.200} is not available: give a file below the folder")
    assert "edge_lenovo" in message


def test_without_a_folder_no_file_is_available(folder: Path) -> None:
    with pytest.raises(ModelLoadError):
        ModelFiles().find(str(folder / "own.onnx"))


def test_on_the_command_line_every_file_is(folder: Path) -> None:
    path = folder.parent / "secret.onnx"
    assert ModelFiles(anywhere=True).find(str(path)) == path
    with pytest.raises(ModelLoadError, match="give a file or a URL"):
        ModelFiles(anywhere=True).find("gone.onnx")
