"""Predict the power of servers from CPU load, inlet temperature and static pressure difference.

    >>> from wao_predict import load_predictor
    >>> nodes = {"cpu_usage": [10, 50], "inlet_temp": [22, 22], "delta_p": [5, 5]}
    >>> load_predictor("edge_lenovo").predict(nodes).shape
    (2,)

Names are imported on first use, so importing the package is quick and loads no model runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wao_predict.lazy import lazy_names

_HOMES = {
    "errors": (
        "BackendNotFound FeatureError MissingExtra ModelLoadError OutOfRangeWarning PredictError ProtocolError "
        "RemoteError RemoteTimeout SensorError UsageError WaoError WaoPredictError"
    ),
    "backends.power_curve": "PowerCurveBackend coefficient_curve",
    "curves": "PowerCurve PowerCurves monotone power_curves",
    "features": "FEATURES FeatureRanges",
    "fleet": "Fleet WhatIf curves_of_models what_if",
    "increase": "IncreaseTable watt_increase",
    "models": "ModelInfo list_models model_path",
    "plot": "PlacementDisplay PowerCurveDisplay",
    "predictor": ("AsyncPredictor Connection Prediction Predictor load_async_predictor load_predictor"),
    "connection": "Credentials HttpOptions TlsPolicy",
    "tables": "as_matrix",
}

_PACKAGES = ("models", "simulate", "traffic")

if TYPE_CHECKING:
    from wao_predict import models as models
    from wao_predict import simulate as simulate
    from wao_predict import traffic as traffic
    from wao_predict.backends.power_curve import PowerCurveBackend, coefficient_curve
    from wao_predict.connection import Credentials, HttpOptions, TlsPolicy
    from wao_predict.curves import PowerCurve, PowerCurves, monotone, power_curves
    from wao_predict.errors import (
        BackendNotFound,
        FeatureError,
        MissingExtra,
        ModelLoadError,
        OutOfRangeWarning,
        PredictError,
        ProtocolError,
        RemoteError,
        RemoteTimeout,
        SensorError,
        UsageError,
        WaoError,
        WaoPredictError,
    )
    from wao_predict.features import FEATURES, FeatureRanges
    from wao_predict.fleet import Fleet, WhatIf, curves_of_models, what_if
    from wao_predict.increase import IncreaseTable, watt_increase
    from wao_predict.models import ModelInfo, list_models, model_path
    from wao_predict.plot import PlacementDisplay, PowerCurveDisplay
    from wao_predict.predictor import (
        AsyncPredictor,
        Connection,
        Prediction,
        Predictor,
        load_async_predictor,
        load_predictor,
    )
    from wao_predict.tables import as_matrix

__all__ = [
    "FEATURES",
    "AsyncPredictor",
    "BackendNotFound",
    "Connection",
    "Credentials",
    "FeatureError",
    "FeatureRanges",
    "Fleet",
    "HttpOptions",
    "IncreaseTable",
    "MissingExtra",
    "ModelInfo",
    "ModelLoadError",
    "OutOfRangeWarning",
    "PlacementDisplay",
    "PowerCurve",
    "PowerCurveBackend",
    "PowerCurveDisplay",
    "PowerCurves",
    "PredictError",
    "Prediction",
    "Predictor",
    "ProtocolError",
    "RemoteError",
    "RemoteTimeout",
    "SensorError",
    "TlsPolicy",
    "UsageError",
    "WaoError",
    "WaoPredictError",
    "WhatIf",
    "as_matrix",
    "coefficient_curve",
    "curves_of_models",
    "list_models",
    "load_async_predictor",
    "load_predictor",
    "model_path",
    "monotone",
    "power_curves",
    "watt_increase",
    "what_if",
]


_find = lazy_names(__name__, _HOMES, globals())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # 30 ms that most programs do not need

        return version("wao-predict")
    if name in _PACKAGES:
        return import_module(f"wao_predict.{name}")
    return _find(name)


def __dir__() -> list[str]:
    return sorted((*__all__, *_PACKAGES))
