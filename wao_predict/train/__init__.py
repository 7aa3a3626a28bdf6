"""Train power models from measurements. Needs the extra `train` (torch), or `train-sklearn` for scikit-learn only.

    from wao_predict.train import PowerCurveRegressor, load_table, to_onnx
    table = load_table("measurements.csv")
    to_onnx(PowerCurveRegressor().fit(table.X, table.watts), "server.onnx")

Reading and checking tables and selecting rows to hold out work without an extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wao_predict.errors import MissingExtra
from wao_predict.lazy import lazy_names

_HOMES = {
    "export": "to_onnx",
    "holdout": "ErrorFigures HeldOut evaluate holdout_masks",
    "regressor": "PowerCurveRegressor",
    "report": "error_rows write_report",
    "session": "TrainingPlan Trained train_to_onnx",
    "sklearn_route": "default_regressor fit_sklearn",
    "table": "TrainingTable load_table",
}

if TYPE_CHECKING:
    from wao_predict.train.export import to_onnx
    from wao_predict.train.holdout import ErrorFigures, HeldOut, evaluate, holdout_masks
    from wao_predict.train.regressor import PowerCurveRegressor
    from wao_predict.train.report import error_rows, write_report
    from wao_predict.train.session import Trained, TrainingPlan, train_to_onnx
    from wao_predict.train.sklearn_route import default_regressor, fit_sklearn
    from wao_predict.train.table import TrainingTable, load_table

__all__ = [
    "ErrorFigures",
    "HeldOut",
    "PowerCurveRegressor",
    "Trained",
    "TrainingPlan",
    "TrainingTable",
    "default_regressor",
    "error_rows",
    "evaluate",
    "fit_sklearn",
    "holdout_masks",
    "load_table",
    "to_onnx",
    "train_to_onnx",
    "write_report",
]


_find = lazy_names(__name__, _HOMES, globals())


def __getattr__(name: str) -> Any:
    try:
        return _find(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "wao_predict":
            raise
        extra = "train" if name in _HOMES["regressor"].split() or error.name == "torch" else "train-sklearn"
        raise MissingExtra(f"training ({error.name} is not installed here)", extra) from error


def __dir__() -> list[str]:
    return sorted(__all__)
