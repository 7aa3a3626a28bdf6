"""The features of the models: their names, units, aliases and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, as_floats
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

TYPICAL: Mapping[str, tuple[float, float]] = {"inlet_temp": (18.0, 30.0), "delta_p": (0.0, 15.0)}
"""Range of each condition where a model states none [degC, Pa]."""

MAX_FEATURES = 32


def unit_sign(unit: str) -> str:
    """Return a unit as it is written in figures and pages: "degC" with the degree sign.

    Examples
    --------
    >>> unit_sign("Pa")
    'Pa'
    """
    return unit.replace("degC", "\N{DEGREE SIGN}C")


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
        self._ranges = {name: _pair(name, pair) for name, pair in ranges.items()}
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


def _pair(name: str, pair: object) -> tuple[float, float]:
    values = as_floats(name, pair)
    if values.shape != (2,):
        raise UsageError(f"range of {name}: give its lowest and its highest value, not {pair!r:.60}")
    return float(values[0]), float(values[1])


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


def outside_texts(ranges: FeatureRanges, columns: Mapping[str, FloatArray]) -> str:
    """Return the descriptions of all features with values outside their range, or an empty string.

    Parameters
    ----------
    ranges
        The trained ranges.
    columns
        Values by feature, each of shape (n,); those of features without a range are left out.
    """
    texts = (outside_text(name, values, *ranges[name]) for name, values in columns.items() if name in ranges)
    return "; ".join(filter(None, texts))


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
