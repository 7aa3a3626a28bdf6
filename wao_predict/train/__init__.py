"""Train power models from measurements: needs the extra `train` (torch, scikit-learn, onnx).

    from wao_predict.train import PowerCurveRegressor, load_table, to_onnx
    table = load_table("measurements.csv")
    to_onnx(PowerCurveRegressor().fit(table.X, table.watts), "server.onnx")

Reading tables and choosing rows to hold out work without the extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wao_predict._errors import MissingExtra

_HOMES = {
    "PowerCurveRegressor": "regressor",
    "to_onnx": "export",
    "TrainingTable": "table",
    "load_table": "table",
    "ErrorFigures": "holdout",
    "evaluate": "holdout",
    "holdout_masks": "holdout",
}

if TYPE_CHECKING:
    from wao_predict.train.export import to_onnx
    from wao_predict.train.holdout import ErrorFigures, evaluate, holdout_masks
    from wao_predict.train.regressor import PowerCurveRegressor
    from wao_predict.train.table import TrainingTable, load_table

__all__ = [
    "ErrorFigures",
    "PowerCurveRegressor",
    "TrainingTable",
    "evaluate",
    "holdout_masks",
    "load_table",
    "to_onnx",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wao_predict.train' has no attribute {name!r}")
    try:
        return getattr(import_module(f"wao_predict.train.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "wao_predict":
            raise
        raise MissingExtra(f"wao_predict.train.{name} ({error.name} is not installed)", "train") from error


def __dir__() -> list[str]:
    return sorted(__all__)
