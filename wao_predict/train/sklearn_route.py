"""Training with scikit-learn: a regressor over named features, converted to ONNX by skl2onnx. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
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
from threadpoolctl import threadpool_limits  # scikit-learn depends on it

from wao_predict.errors import UsageError
from wao_predict.features import FEATURES
from wao_predict.models.export import OPSET
from wao_predict.tables import as_matrix
from wao_predict.train.targets import checked_watts

FULL_LEAVES = 20
"""Least rows of a leaf of the trees, as is scikit-learn's default."""

THREADS = 1
"""Threads of one training and of its predictions. Several threads of OpenMP wait for each other in busy loops: on a
machine whose cores are in use, 20,000 rows take 17 s with two threads and 0.8 s with one. On one thread, 200,000 rows
take 4 s."""


def few_threads() -> AbstractContextManager[object]:
    """Return a context in which scikit-learn fits and predicts with `THREADS` threads of OpenMP."""
    limits: AbstractContextManager[object] = threadpool_limits(THREADS, user_api="openmp")
    return limits


def default_regressor(
    seed: int = 0,
    *,
    features: Sequence[str] = FEATURES,
    directions: Mapping[str, int] | None = None,
    rows: int | None = None,
) -> HistGradientBoostingRegressor:
    """Return the regressor of `wao train --route sklearn`: boosted trees, constrained to be monotone in CPU usage.

    Parameters
    ----------
    seed
        Random seed.
    features
        Names of the columns.
    directions
        1 or -1 for further features in which power never falls, or never rises.
    rows
        Number of rows of the table. Leaves of small tables are smaller: trees with leaves of 20 rows would predict the
        mean of a table of 30 rows.
    """
    signs = {"cpu_usage": 1, **(directions or {})}
    least = FULL_LEAVES if rows is None else int(np.clip(rows // 20, 2, FULL_LEAVES))
    # squared error: absolute error sets leaves to medians afterwards, which violates the constraint
    return HistGradientBoostingRegressor(
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=least,
        monotonic_cst=[signs.get(name, 0) for name in features],
        random_state=seed,
    )


def fit_sklearn(X: object, y: ArrayLike, *, regressor: Any = None, features: Sequence[str] = FEATURES) -> Any:
    """Fit a scikit-learn regressor to a table X and watts y, shape (n_samples,), and return it.

    Parameters
    ----------
    regressor
        Default: `default_regressor()`. Regressors without a monotone constraint can predict power that falls as CPU
        usage rises; their curves are made monotone when they are used for placement.
    features
        Names of the columns of X to fit on.
    """
    matrix = as_matrix(X, features).astype(np.float32)
    model = default_regressor(features=features, rows=len(matrix)) if regressor is None else regressor
    with few_threads():
        return model.fit(matrix, checked_watts(y))


def sklearn_graph(model: Any, features: Sequence[str] = FEATURES) -> onnx.ModelProto:
    """Return a fitted scikit-learn regressor as an ONNX model: input X (N, n_features) float32, output watts (N, 1).

    Raises
    ------
    UsageError
        The model is not a fitted regressor over these features, or skl2onnx cannot convert it.
    """
    _check(model, features)
    try:
        proto = convert_sklearn(
            model,
            initial_types=[("X", FloatTensorType([None, len(features)]))],
            target_opset=OPSET,
            custom_conversion_functions={HistGradientBoostingRegressor: _convert_boosted_trees},
        )
    except Exception as error:  # skl2onnx raises many types of error
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{type(model).__name__} cannot be converted to ONNX by skl2onnx: {reason}") from error
    _rename(proto, proto.graph.output[0].name, "watts")
    onnx.checker.check_model(proto)
    return proto


class _WholeNumbers:
    """A container of skl2onnx that stores boolean attributes of nodes as integers."""

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
    """Convert as skl2onnx does, without its boolean attributes (skl2onnx 1.20), which protobuf 6 and later reject."""
    convert_sklearn_random_forest_regressor_converter(scope, operator, _WholeNumbers(container))


def _check(model: Any, features: Sequence[str]) -> None:
    name = type(model).__name__
    try:
        regressor = is_regressor(model)
    except (AttributeError, TypeError):
        regressor = False
    if not regressor:
        raise UsageError(f"{name} is not a scikit-learn regressor: use one that predicts watts")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise UsageError(f"this {name} is not fitted yet: call fit(X, watts) first") from None
    names = list(getattr(model, "feature_names_in_", features))
    if names != list(features) or getattr(model, "n_features_in_", len(features)) != len(features):
        took = ", ".join(names) if names != list(features) else f"{model.n_features_in_} features"
        raise UsageError(
            f"{name} was fitted on {took}: fit it on {', '.join(features)}, in this order, or name its features in info"
        )


def _rename(proto: onnx.ModelProto, old: str, new: str) -> None:
    """Rename an output of a graph wherever it is written or read."""
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    proto.graph.output[0].name = new
