"""The second route: any scikit-learn regressor over the three features, converted to ONNX by skl2onnx."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_regressor_converter
from sklearn.base import is_regressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from wao_predict.errors import UsageError
from wao_predict.features import FEATURES, as_matrix
from wao_predict.train.graph import OPSET
from wao_predict.train.regressor import checked_watts


def default_regressor(seed: int = 0) -> HistGradientBoostingRegressor:
    """Return the regressor of `wao train --route sklearn`: boosted trees, constrained to never fall with CPU usage."""
    # squared error: with the absolute one, leaves are set to medians afterwards, which breaks the constraint
    return HistGradientBoostingRegressor(max_iter=200, max_leaf_nodes=15, monotonic_cst=[1, 0, 0], random_state=seed)


def fit_sklearn(X: object, y: ArrayLike, *, regressor: Any = None) -> Any:
    """Fit a scikit-learn regressor (by default `default_regressor()`) on any table X and watts y; return it.

    Only trees with a monotone constraint and the like keep watts from falling with CPU usage; a plain regressor's
    curves are made monotone when they are used for placement.
    """
    model = default_regressor() if regressor is None else regressor
    return model.fit(as_matrix(X).astype(np.float32), checked_watts(y))


def sklearn_graph(model: Any) -> onnx.ModelProto:
    """Return a fitted scikit-learn regressor as an ONNX model: input X (N, 3) float32, output watts (N, 1).

    Raises
    ------
    UsageError
        It is no fitted regressor over the three features, or skl2onnx knows no conversion.
    """
    _check(model)
    try:
        proto = convert_sklearn(
            model,
            initial_types=[("X", FloatTensorType([None, len(FEATURES)]))],
            target_opset=OPSET,
            custom_conversion_functions={HistGradientBoostingRegressor: _convert_boosted_trees},
        )
    except Exception as error:  # skl2onnx raises what it likes
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{type(model).__name__} cannot be converted to ONNX by skl2onnx: {reason}") from error
    _rename(proto, proto.graph.output[0].name, "watts")
    onnx.checker.check_model(proto)
    return proto


class _WholeNumbers:
    """A skl2onnx container that stores truth values among a node's attributes as whole numbers."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *arguments: Any, **attributes: Any) -> None:
        for name, value in attributes.items():
            if isinstance(value, list):
                attributes[name] = [int(item) if isinstance(item, bool | np.bool_) else item for item in value]
        self._container.add_node(*arguments, **attributes)


def _convert_boosted_trees(scope: Any, operator: Any, container: Any) -> None:
    """Convert as skl2onnx does; its truth values (skl2onnx 1.20) are refused by protobuf 6 and later."""
    convert_sklearn_random_forest_regressor_converter(scope, operator, _WholeNumbers(container))


def _check(model: Any) -> None:
    name = type(model).__name__
    try:
        regressor = is_regressor(model)
    except (AttributeError, TypeError):
        regressor = False
    if not regressor:
        raise UsageError(f"{name} is no scikit-learn regressor: give one that predicts watts")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise UsageError(f"this {name} is not fitted yet: call fit(X, watts) first") from None
    names = list(getattr(model, "feature_names_in_", FEATURES))
    if names != list(FEATURES) or getattr(model, "n_features_in_", len(FEATURES)) != len(FEATURES):
        took = ", ".join(names) if names != list(FEATURES) else f"{model.n_features_in_} features"
        raise UsageError(f"{name} was fitted on {took}: fit it on {', '.join(FEATURES)}, in this order")


def _rename(proto: onnx.ModelProto, old: str, new: str) -> None:
    """Give a graph's output another name, everywhere it is written or read."""
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    proto.graph.output[0].name = new
