"""The three features of the models, and the conversion of tables to a matrix of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.errors import FeatureError

FEATURES = ("cpu_usage", "inlet_temp", "delta_p")
"""Names of the features: cpu_usage [% of the node's capacity], inlet_temp [degC] and delta_p [Pa]."""

UNITS: Mapping[str, str] = {"cpu_usage": "%", "inlet_temp": "degC", "delta_p": "Pa"}


@dataclass(frozen=True, slots=True)
class FeatureRanges:
    """The range of values that a model was trained on: (lowest, highest) of each feature, in the features' units."""

    cpu_usage: tuple[float, float]
    inlet_temp: tuple[float, float]
    delta_p: tuple[float, float]

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and the highest values, each of shape (3,)."""
        pairs = np.array([getattr(self, name) for name in FEATURES], dtype=np.float64)
        return pairs[:, 0], pairs[:, 1]

    def outside(self, X: FloatArray) -> BoolArray:
        """Return whether each row of X, shape (n_samples, 3), has a value out of range, shape (n_samples,)."""
        low, high = self.bounds()
        return np.asarray(((low > X) | (high < X)).any(axis=1))

    def clip(self, X: FloatArray) -> FloatArray:
        """Return X with every value replaced by the nearest value in range, shape (n_samples, 3)."""
        low, high = self.bounds()
        return np.clip(X, low, high)


def as_matrix(X: Any) -> FloatArray:
    """Return a table as float64 matrix of shape (n_samples, 3), with columns in the order of `FEATURES`.

    Parameters
    ----------
    X
        A numpy array or nested lists of shape (n_samples, 3) in the order of `FEATURES`; or a table with named columns
        in any order, possibly among others: a dict of columns, a list of dicts, or a pandas, polars or pyarrow table.
        Masked values count as missing.

    Raises
    ------
    FeatureError
        A column is missing, a value is not a finite number, or the shape is wrong.

    Examples
    --------
    >>> as_matrix({"delta_p": [5], "cpu_usage": [10], "inlet_temp": [22]}).tolist()
    [[10.0, 22.0, 5.0]]
    """
    columns = _named_columns(X.collect() if _is_lazy(X) else X)
    matrix = _stack(columns) if columns is not None else _positional(X)
    _refuse_missing(matrix)
    return matrix


def _is_lazy(X: Any) -> bool:
    """Return whether X is a polars LazyFrame, which has no values before it is collected."""
    return hasattr(X, "collect") and hasattr(X, "collect_schema")


def _named_columns(X: object) -> Mapping[str, object] | None:
    if isinstance(X, Mapping):
        return {str(name): column for name, column in X.items()}
    if isinstance(X, list | tuple) and X and isinstance(X[0], Mapping):
        complete = [name for name in FEATURES if all(name in row for row in X)]
        return {name: [row[name] for row in X] for name in complete}
    if isinstance(X, np.ndarray):
        return {name: X[name] for name in X.dtype.names} if X.dtype.names else None
    table: Any = X
    if hasattr(table, "column_names"):  # pyarrow, whose `columns` holds the data
        return {str(name): table[name] for name in table.column_names}
    if hasattr(table, "columns"):  # pandas, polars
        return {str(name): table[name] for name in table.columns}
    return None


def _stack(columns: Mapping[str, object]) -> FloatArray:
    missing = [name for name in FEATURES if name not in columns]
    if missing:
        raise FeatureError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the table has "
            f"{', '.join(columns) or 'no columns'}. Rename the columns to {', '.join(FEATURES)}"
        )
    stacked = [_column(name, columns[name]) for name in FEATURES]
    lengths = {len(column) for column in stacked}
    if len(lengths) > 1:
        named = ", ".join(f"{name} {len(column)}" for name, column in zip(FEATURES, stacked, strict=True))
        raise FeatureError(f"the columns have different lengths ({named}): give one value per row in each")
    return np.column_stack(stacked)


def _column(name: str, values: object) -> FloatArray:
    try:
        column = _numbers(values)
    except (TypeError, ValueError) as error:
        raise FeatureError(f"column {name} has values that are not numbers: {error}") from None
    return column.reshape(-1) if column.ndim < 2 else _refuse_shape(column.shape)


def _numbers(values: object) -> FloatArray:
    if isinstance(values, np.ma.MaskedArray):  # np.asarray would return the values under the mask
        return np.asarray(np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan))
    return np.asarray(values, dtype=np.float64)


def _positional(X: object) -> FloatArray:
    try:
        matrix = _numbers(X)
    except (TypeError, ValueError) as error:
        raise FeatureError(
            f"the table cannot be read as numbers ({error}): give rows of {', '.join(FEATURES)}"
        ) from None
    if matrix.ndim == 1 and matrix.size == 0:
        return np.empty((0, len(FEATURES)))
    if matrix.ndim != 2 or matrix.shape[1] != len(FEATURES):
        return _refuse_shape(matrix.shape)
    return matrix


def _refuse_shape(shape: tuple[int, ...]) -> FloatArray:
    hint = " (one row? write [[cpu_usage, inlet_temp, delta_p]])" if shape == (len(FEATURES),) else ""
    raise FeatureError(f"shape {shape} instead of (n_samples, 3) with columns {', '.join(FEATURES)}{hint}")


def _refuse_missing(matrix: FloatArray) -> None:
    bad = ~np.isfinite(matrix)
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        raise FeatureError(
            f"{FEATURES[column]} is {matrix[row, column]} in row {row} ({int(bad.any(axis=1).sum())} such rows): "
            "a missing value is not a number to predict from; drop or fill these rows first"
        )
