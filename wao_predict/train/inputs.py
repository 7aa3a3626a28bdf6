"""Tables of any kind as the arguments of an estimator, with the messages that scikit-learn's users know.

An array has its columns in the order of the features. A table with names is read by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length, column_or_1d

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError, UsageError
from wao_predict.features import FEATURES, checked_features, feature_places
from wao_predict.tables import as_matrix, chosen_columns, named_columns
from wao_predict.train.targets import checked_watts

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class FitInput:
    """Arguments of a fit: X, shape (n_samples, n_features), y and weights, shape (n_samples,), and the features.

    Rows with weight 0 are left out.
    """

    X: FloatArray
    y: FloatArray
    weights: FloatArray
    features: tuple[str, ...]
    by_name: bool


def fit_input(estimator: Any, X: object, y: object, sample_weight: object, features: Sequence[str] | None) -> FitInput:
    """Return the checked arguments of a fit.

    Parameters
    ----------
    features
        Names of the columns, cpu_usage first. Default: those of `FEATURES` that the table has, or as many of them as an
        array has columns; further columns of an array are x3, x4, ...

    Raises
    ------
    FeatureError
        A value cannot be used, or the lengths differ.
    UsageError
        The features do not begin with cpu_usage.
    """
    columns = _columns(X)
    if columns is not None:
        names = _checked(features or _known(columns))
        matrix = as_matrix(X, names)
    else:
        matrix = _array(estimator, X)
        names = _checked(features or _positional(matrix.shape[1]))
        if len(names) != matrix.shape[1]:
            raise FeatureError(f"{matrix.shape[1]} columns for the features {', '.join(names)}: give one column each")
    if len(matrix) == 1:
        raise FeatureError("n_samples = 1: a curve needs rows at several loads")
    if y is None:
        raise FeatureError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: give measured watts"
        )
    watts = checked_watts(_refused(lambda: _target(estimator, y, len(matrix))))
    weights = _refused(lambda: _check_sample_weight(sample_weight, matrix, dtype=np.float64, ensure_non_negative=True))
    used = weights > 0
    if not used.any():
        raise FeatureError("all sample weights are zero: give a weight above 0 to some rows")
    return FitInput(matrix[used], watts[used], weights[used], names, columns is not None)


def predict_input(estimator: Any, X: object, features: Sequence[str]) -> FloatArray:
    """Return the rows of a table for a fitted estimator, shape (n_samples, n_features)."""
    if _columns(X) is not None:
        return as_matrix(X, features)
    matrix = _array(estimator, X)
    if matrix.shape[1] != len(features):
        raise FeatureError(
            f"X has {matrix.shape[1]} features, but {type(estimator).__name__} is expecting {len(features)} features "
            f"as input: {', '.join(features)}"
        )
    return matrix


def _columns(X: Any) -> Mapping[str, object] | None:
    """Return the columns by name; None for an array, and for a data frame whose names are not all texts."""
    if not issparse(X) and all(isinstance(name, str) for name in getattr(X, "columns", ())):
        return named_columns(X)
    return None


def _known(columns: Any) -> tuple[str, ...]:
    """Return the features of `FEATURES` that a table has; a table without cpu_usage is refused."""
    places = feature_places(list(columns))
    if "cpu_usage" not in places:
        chosen_columns(columns, ["cpu_usage"])
    return tuple(name for name in FEATURES if name in places)


def _positional(count: int) -> tuple[str, ...]:
    return (*FEATURES[:count], *(f"x{number}" for number in range(len(FEATURES), count)))


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    features = checked_features(names)
    if features[0] != "cpu_usage":
        raise UsageError(f"features {', '.join(features)}: name cpu_usage first")
    return features


def _array(estimator: Any, X: object) -> FloatArray:
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(np.ma.asarray(X, dtype=np.float64), np.nan)
    matrix: FloatArray = _refused(lambda: check_array(X, dtype=np.float64, estimator=estimator, input_name="X"))
    return matrix


def _target(estimator: Any, y: object, rows: int) -> FloatArray:
    checked = check_array(y, dtype=None, ensure_2d=False, estimator=estimator, input_name="y")
    watts: FloatArray = np.asarray(column_or_1d(checked, warn=True), dtype=np.float64)
    check_consistent_length(np.empty(rows), watts)
    return watts


def _refused(check: Callable[[], Value]) -> Value:
    """Return the result of a check of scikit-learn; its refusals become ours, with the same text."""
    try:
        return check()
    except FeatureError:
        raise
    except ValueError as error:
        raise FeatureError(str(error)) from None
