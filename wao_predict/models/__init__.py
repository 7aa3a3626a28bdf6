"""The shipped power models and what they say about themselves.

The folder holds one ONNX file per server type. Everything known about a model is inside its file, so there is no
second list to keep in step. `python -m wao_predict.train.shipped` makes the files again.
"""

from __future__ import annotations

from pathlib import Path

from wao_predict._errors import UsageError
from wao_predict.models.metadata import ModelInfo, read_info, read_props

__all__ = ["ModelInfo", "list_models", "model_path", "read_info", "read_props"]

FOLDER = Path(__file__).parent


def list_models() -> list[ModelInfo]:
    """Return the shipped models, by name. Loads neither onnxruntime nor torch."""
    return [read_info(path) for path in sorted(FOLDER.glob("*.onnx"))]


def model_path(name: str) -> Path:
    """Return the file of the shipped model `name`.

    Raises
    ------
    UsageError
        There is no shipped model of that name.
    """
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.onnx"))}
    if name not in paths:
        raise UsageError(f"no shipped model {name!r}; there are {', '.join(paths)}, or give the path of an .onnx file")
    return paths[name]
