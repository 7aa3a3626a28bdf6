"""The shipped power models and their metadata.

The folder contains one ONNX file per server type. The metadata are in the file itself, so there is no second list.
`python -m wao_predict.train.shipped` trains and writes the files again.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from wao_predict.errors import UsageError
from wao_predict.frames import Rows
from wao_predict.models.metadata import ModelInfo, read_info, read_props

__all__ = ["ModelInfo", "ModelList", "list_models", "model_names", "model_path", "read_info", "read_props"]

FOLDER = Path(__file__).parent


def model_names() -> list[str]:
    """Return the names of the included models, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.onnx"))


class ModelList(Rows[ModelInfo]):
    """Metadata of models, shown as a table in a notebook."""

    what = "models"

    def columns(self) -> dict[str, list[object]]:
        """Return name, features, error on held-out rows [%] and licence of each model."""
        return {
            "model": [info.name for info in self],
            "features": [", ".join(info.features) for info in self],
            "mape_percent": [info.held_out_mape for info in self],
            "license": [info.license for info in self],
        }


def list_models() -> ModelList:
    """Return the metadata of the included models, sorted by name, without loading onnxruntime or torch."""
    return ModelList(read_info(model_path(name)) for name in model_names())


def suggestion(name: str) -> str:
    """Return a question for the included model whose name is closest to a text, or an empty string.

    Examples
    --------
    >>> suggestion("edge_lenov")
    'did you mean edge_lenovo?'
    """
    close = difflib.get_close_matches(name.lower(), model_names(), n=1)
    return f"did you mean {close[0]}?" if close else ""


def model_path(name: str) -> Path:
    """Return the path of an included model's file.

    Raises
    ------
    UsageError
        There is no included model of that name.
    """
    names = model_names()
    if name not in names:
        hint = suggestion(name)
        closest = f"{hint} " if hint else ""
        raise UsageError(
            f"no included model {name!r:.200}; {closest}there are {', '.join(names)}. Or give the path of an .onnx "
            "file, or specpower:NAME (`wao models search`)"
        )
    return FOLDER / f"{name}.onnx"
