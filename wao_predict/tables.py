"""Tables of any kind: columns by name, numbers, and the matrix of a model's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wao_predict.arrays import FloatArray, real_numbers
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, feature_places


def as_matrix(X: Any, features: Sequence[str] = FEATURES) -> FloatArray:
    """Return a table as float64 matrix of shape (n_samples, n_features), with columns in the order of `features`.

    Parameters
    ----------
    X
        A numpy array or nested lists of shape (n_samples, n_features) in the order of `features`; or a table with named
        columns in any order, possibly among others: a dict of columns, a list of dicts, or a pandas, polars or pyarrow
        table. The columns can also have the names in `ALIASES`, such as cpu, amb_temp and dp. Masked values count as
        missing. A number in a dict of columns is repeated in each row.
    features
        Names of the columns.

    Raises
    ------
    FeatureError
        A column is missing, a value is not a finite number, or the shape is wrong. Times and booleans are not numbers.

    Examples
    --------
    >>> as_matrix({"cpu_usage": [10, 50], "inlet_temp": 22, "delta_p": 5}).tolist()
    [[10.0, 22.0, 5.0], [50.0, 22.0, 5.0]]
    >>> as_matrix({"delta_p": [5], "cpu_usage": [10], "inlet_temp": [22]}).tolist()
    [[10.0, 22.0, 5.0]]
    >>> as_matrix({"cpu_usage": [10], "inlet_temp": [22]}, features=["inlet_temp", "cpu_usage"]).tolist()
    [[22.0, 10.0]]
    """
    columns = named_columns(X)
    if columns is None:
        matrix = _positional(X, features)
    else:
        chosen = chosen_columns(columns, features)
        matrix = np.column_stack(
            list(repeated({name: numeric_column(name, chosen[name]) for name in features}).values())
        )
    _refuse_missing(matrix, features)
    return matrix


def named_columns(X: object) -> Mapping[str, object] | None:
    """Return the columns of a table by name, None for a table without names.

    Of a list of dicts, only the columns that each row has are returned.
    """
    if isinstance(X, Mapping):
        return {str(name): column for name, column in X.items()}
    if isinstance(X, list | tuple) and X and isinstance(X[0], Mapping):
        complete = [name for name in X[0] if all(name in row for row in X)]
        return {str(name): [row[name] for row in X] for name in complete}
    if isinstance(X, np.ndarray):
        return {name: X[name] for name in X.dtype.names} if X.dtype.names else None
    table: Any = X
    if hasattr(table, "collect") and hasattr(table, "collect_schema"):
        table = table.collect()  # a polars LazyFrame has no values before
    if hasattr(table, "column_names"):  # pyarrow, whose `columns` holds the data
        return {str(name): table[name] for name in table.column_names}
    if hasattr(table, "columns"):  # pandas, polars
        return {str(name): table[name] for name in table.columns}
    return None


def chosen_columns(
    columns: Mapping[str, object], names: Sequence[str], *, optional: Sequence[str] = ()
) -> dict[str, object]:
    """Return the columns of some names, which may also have their names in `ALIASES`.

    Parameters
    ----------
    columns
        The columns of a table.
    names, optional
        Names that must be there, and names that may be missing.

    Raises
    ------
    FeatureError
        A column is missing, or there are several for one name.
    """
    given = list(columns)
    places = feature_places(given, (*names, *optional))
    missing = [name for name in names if name not in places]
    if missing:
        raise FeatureError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the table has "
            f"{', '.join(given) or 'no columns'}. Rename the columns to {', '.join(names)}"
        )
    return {name: columns[given[place]] for name, place in places.items()}


def repeated(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns of one length, shape (n,): those of shape () are repeated in each row.

    Raises
    ------
    FeatureError
        The columns have different lengths.
    """
    lengths = {column.size for column in columns.values() if column.ndim}
    if len(lengths) > 1:
        named = ", ".join(f"{name} {column.size}" for name, column in columns.items())
        raise FeatureError(f"the columns have different lengths ({named}): give one value per row in each")
    count = lengths.pop() if lengths else 1
    return {name: np.broadcast_to(column, count) for name, column in columns.items()}


def numeric_column(name: str, values: object) -> FloatArray:
    """Return a column as float64, shape (n,), or () for a single number; missing values are NaN.

    Raises
    ------
    FeatureError
        A value is not a number, or the column has more than one dimension.
    """
    try:
        column = real_numbers(values)
    except (TypeError, ValueError) as error:
        raise FeatureError(f"column {name} has values that are not numbers: {error}") from None
    if column.ndim > 1:
        raise FeatureError(f"column {name} has shape {column.shape}: give one value per row")
    return column


def _positional(X: object, features: Sequence[str]) -> FloatArray:
    try:
        matrix = real_numbers(X)
    except (TypeError, ValueError) as error:
        raise FeatureError(
            f"the table cannot be read as numbers ({error}): give rows of {', '.join(features)}"
        ) from None
    if matrix.ndim == 1 and matrix.size == 0:
        return np.empty((0, len(features)))
    if matrix.ndim != 2 or matrix.shape[1] != len(features):
        return _refuse_shape(matrix.shape, features)
    return matrix


def _refuse_shape(shape: tuple[int, ...], features: Sequence[str]) -> FloatArray:
    hint = f" (one row? write [[{', '.join(features)}]])" if shape == (len(features),) else ""
    raise FeatureError(
        f"shape {shape} instead of (n_samples, {len(features)}) with columns {', '.join(features)}{hint}"
    )


def _refuse_missing(matrix: FloatArray, features: Sequence[str]) -> None:
    bad = ~np.isfinite(matrix)
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        raise FeatureError(
            f"{features[column]} is {matrix[row, column]} in row {row} ({int(bad.any(axis=1).sum())} such rows): "
            "a missing value is not a number to predict from; drop or fill these rows first"
        )
