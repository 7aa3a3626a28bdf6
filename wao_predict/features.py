"""The features of the models, and the conversion of tables to a matrix of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.errors import FeatureError, UsageError

FEATURES = ("cpu_usage", "inlet_temp", "delta_p")
"""The features of a model that does not name its own: cpu_usage [% of the node's capacity], inlet_temp [degC], delta_p
[Pa]."""

ALIASES: Mapping[str, str] = {
    "cpu_percent": "cpu_usage",
    "inlet_temp_c": "inlet_temp",
    "delta_p_pa": "delta_p",
    "cpu": "cpu_usage",
    "mean_cpu": "cpu_usage",
    "amb_temp": "inlet_temp",
    "dp": "delta_p",
    "mean_dp": "delta_p",
}
"""Further names of the features, in the same units: those of published power tables, and of the models of waok8s."""

UNITS: Mapping[str, str] = {"cpu_usage": "%", "inlet_temp": "degC", "delta_p": "Pa"}

MAX_FEATURES = 32


def feature_places(names: Sequence[str], features: Sequence[str] = FEATURES) -> dict[str, int]:
    """Return the position of each feature among the names of columns; a feature's own name wins over an alias.

    Raises
    ------
    FeatureError
        Two aliases of one feature are there, and not its own name.

    Examples
    --------
    >>> feature_places(["amb_temp", "time", "cpu"])
    {'cpu_usage': 2, 'inlet_temp': 0}
    """
    found: dict[str, int] = {}
    for feature in features:
        if feature in names:
            found[feature] = names.index(feature)
            continue
        also = [place for place, name in enumerate(names) if ALIASES.get(name) == feature]
        if len(also) > 1:
            twice = " and ".join(names[place] for place in also)
            raise FeatureError(f"the columns {twice} are both {feature}: keep one, or rename it to {feature}")
        if also:
            found[feature] = also[0]
    return found


def own_names(names: Sequence[str]) -> list[str]:
    """Return names of columns with each alias replaced by its feature, unless the feature's own name is there too.

    Examples
    --------
    >>> own_names(["cpu", "amb_temp", "rack"])
    ['cpu_usage', 'inlet_temp', 'rack']
    """
    return [name if (own := ALIASES.get(name)) is None or own in names else own for name in names]


class FeatureRanges(Mapping[str, tuple[float, float]]):
    """The range of values that a model was trained on: (lowest, highest) of each feature, in the model's order.

    Parameters
    ----------
    ranges
        Lowest and highest value by feature, in the features' units.

    Raises
    ------
    UsageError
        A lowest value is above the highest one, or a value is NaN.

    Examples
    --------
    >>> ranges = FeatureRanges(cpu_usage=(0, 100), inlet_temp=(18, 30))
    >>> ranges["inlet_temp"]
    (18.0, 30.0)
    >>> ranges.clip(np.array([[50.0, 40.0]])).tolist()
    [[50.0, 30.0]]
    """

    __slots__ = ("_ranges",)

    def __init__(self, **ranges: tuple[float, float]) -> None:
        self._ranges = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
        for name, (low, high) in self._ranges.items():
            if not low <= high:
                raise UsageError(f"range {low:g}..{high:g} of {name}: give the lowest value first")

    def __getitem__(self, name: str) -> tuple[float, float]:
        return self._ranges[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)

    def __repr__(self) -> str:
        return f"FeatureRanges({', '.join(f'{name}={pair}' for name, pair in self.items())})"

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and the highest values, each of shape (n_features,)."""
        pairs = np.array(list(self._ranges.values()), dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def outside(self, X: FloatArray) -> BoolArray:
        """Return whether each row of X, shape (n_samples, n_features), has a value out of range, (n_samples,)."""
        low, high = self.bounds()
        return np.asarray(((low > X) | (high < X)).any(axis=1))

    def clip(self, X: FloatArray) -> FloatArray:
        """Return X with every value replaced by the nearest value in range, shape (n_samples, n_features)."""
        low, high = self.bounds()
        return np.clip(X, low, high)


def outside_text(name: str, values: FloatArray, low: float, high: float) -> str:
    """Return a description of the values of a feature that are outside its range, or an empty string.

    Parameters
    ----------
    name
        The feature.
    values
        Its values, shape (n,); NaN is not outside.
    low, high
        Its range.

    Examples
    --------
    >>> outside_text("inlet_temp", np.array([22.0, 77.0]), 15.0, 40.0)
    'inlet_temp of 77 degC in row 1 is outside 15 to 40 degC (degrees Fahrenheit? 77 is 25 degC)'
    """
    rows = np.flatnonzero((values < low) | (values > high))
    if rows.size == 0:
        return ""
    unit = f" {UNITS[name]}" if name in UNITS else ""
    first = float(values[rows[0]])
    mistake = _likely_mistake(name, first)
    others = f" and {rows.size - 1:,} other row{'s' if rows.size > 2 else ''}" if rows.size > 1 else ""
    verb = "are" if others else "is"
    return f"{name} of {first:g}{unit} in row {rows[0]}{others} {verb} outside {low:g} to {high:g}{unit}{mistake}"


def _likely_mistake(name: str, value: float) -> str:
    """Return the likely reason of a value that no server has, in parentheses, or an empty string."""
    if name == "inlet_temp" and 60.0 <= value <= 140.0:
        return f" (degrees Fahrenheit? {value:g} is {(value - 32.0) / 1.8:.3g} degC)"
    if name == "inlet_temp" and 250.0 <= value <= 350.0:
        return f" (kelvin? {value:g} is {value - 273.15:.3g} degC)"
    if name == "cpu_usage" and value > 100.0:
        return " (give percent of all cores: a value for one core, or millicores, can exceed 100)"
    return ""


def checked_features(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a model's features as a tuple.

    Raises
    ------
    UsageError
        A name is empty or occurs twice, there are too many, or cpu_usage is missing.
    """
    features = tuple(names)
    if "cpu_usage" not in features:
        raise UsageError(f"features {', '.join(features)[:200]}: cpu_usage is needed, because power depends on load")
    if len(set(features)) < len(features) or not all(features) or len(features) > MAX_FEATURES:
        raise UsageError(f"features {', '.join(features)[:200]}: give at most {MAX_FEATURES} different names")
    return features


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
    X = X.collect() if _is_lazy(X) else X
    columns = named_columns(X)
    matrix = _stack(columns, features) if columns is not None else _positional(X, features)
    _refuse_missing(matrix, features)
    return matrix


def _is_lazy(X: Any) -> bool:
    """Return whether X is a polars LazyFrame, which has no values before it is collected."""
    return hasattr(X, "collect") and hasattr(X, "collect_schema")


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
    if hasattr(table, "column_names"):  # pyarrow, whose `columns` holds the data
        return {str(name): table[name] for name in table.column_names}
    if hasattr(table, "columns"):  # pandas, polars
        return {str(name): table[name] for name in table.columns}
    return None


def _stack(columns: Mapping[str, object], features: Sequence[str]) -> FloatArray:
    names = list(columns)
    places = feature_places(names, features)
    missing = [name for name in features if name not in places]
    if missing:
        raise FeatureError(
            f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the table has "
            f"{', '.join(columns) or 'no columns'}. Rename the columns to {', '.join(features)}"
        )
    stacked = [numeric_column(name, columns[names[places[name]]]) for name in features]
    lengths = {column.size for column in stacked if column.ndim}
    if len(lengths) <= 1:
        count = lengths.pop() if lengths else 1
        return np.column_stack([np.broadcast_to(column, count) for column in stacked])
    named = ", ".join(f"{name} {column.size}" for name, column in zip(features, stacked, strict=True))
    raise FeatureError(f"the columns have different lengths ({named}): give one value per row in each")


def numeric_column(name: str, values: object) -> FloatArray:
    """Return a column as float64, shape (n,), or () for a single number; missing values are NaN.

    Raises
    ------
    FeatureError
        A value is not a number, or the column has more than one dimension.
    """
    try:
        column = _numbers(values)
    except (TypeError, ValueError) as error:
        raise FeatureError(f"column {name} has values that are not numbers: {error}") from None
    if column.ndim > 1:
        raise FeatureError(f"column {name} has shape {column.shape}: give one value per row")
    return column


def _numbers(values: object) -> FloatArray:
    if isinstance(values, np.ma.MaskedArray):  # np.asarray would return the values under the mask
        return np.asarray(np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan))
    array = np.asarray(values)
    if array.dtype.kind in "bmM" or (array.dtype.kind == "O" and any(map(_is_no_number, array.flat))):
        raise TypeError("booleans or times")
    return np.asarray(array, dtype=np.float64)


def _is_no_number(value: object) -> bool:
    return isinstance(value, bool | np.bool_ | date | timedelta | np.datetime64 | np.timedelta64)


def _positional(X: object, features: Sequence[str]) -> FloatArray:
    try:
        matrix = _numbers(X)
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
