"""Power curves: power over CPU load, non-decreasing, for one node or for many at once.

The published models are tree ensembles, whose output is stepwise and not monotone in CPU load. A curve is therefore
made non-decreasing by isotonic regression over its knots before differences are taken. Between knots it is interpolated
linearly.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray, as_floats
from wao_predict.backends.base import features_of
from wao_predict.errors import OutOfRangeWarning, UsageError
from wao_predict.features import outside_texts
from wao_predict.frames import data_frame, html_table

if TYPE_CHECKING:
    import pandas

DEFAULT_KNOTS: FloatArray = np.linspace(0.0, 100.0, 41)
"""CPU loads [%] of a curve's knots for models that do not state their own, shape (41,), read-only."""
DEFAULT_KNOTS.setflags(write=False)


class SupportsPredict(Protocol):
    """A model with the `predict` method of scikit-learn."""

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return the power of each row of X, shape (n_samples, n_features) [W], shape (n_samples,)."""
        ...


LARGEST = 1e100
"""Values up to this have finite sums and differences."""


def monotone(watts: ArrayLike) -> FloatArray:
    """Return the closest non-decreasing sequence to each row by least squares (isotonic regression).

    Parameters
    ----------
    watts
        Values [W], shape (k,) or (n, k). A row with NaN, or with values beyond `LARGEST`, stays as it is.

    Returns
    -------
    A new array of the same shape.

    Raises
    ------
    UsageError
        The values are not numbers, or the shape is another one.

    Notes
    -----
    This is the max-min formula for the solution of the pool-adjacent-violators algorithm (Barlow et al., Statistical
    Inference under Order Restrictions, 1972), vectorised over rows: the value at j is the maximum over i <= j of the
    minimum over l >= j of mean(watts[i..l]). Monotone rows are not changed.

    Examples
    --------
    >>> monotone([100.0, 120.0, 110.0, 150.0]).tolist()
    [100.0, 115.0, 115.0, 150.0]
    """
    given = as_floats("watts", watts)
    if given.ndim not in (1, 2):
        raise UsageError(f"watts have shape {given.shape}: give one curve or a list of curves")
    values = np.array(given, ndmin=2)
    rows = np.flatnonzero((np.abs(values) <= LARGEST).all(axis=1))  # no NaN
    falling = rows[(np.diff(values[rows], axis=1) < 0).any(axis=1)]
    if falling.size:
        values[falling] = _pool(values[falling])
    return values if given.ndim == 2 else values[0]


def checked_knots(knots: ArrayLike) -> FloatArray:
    """Return knots of a curve [%] as floats, shape (k,).

    Raises
    ------
    UsageError
        There are fewer than two, they do not ascend, or one is not finite.
    """
    loads = as_floats("knots", knots)
    if loads.ndim != 1 or loads.size < 2 or not np.isfinite(loads).all() or (loads[1:] <= loads[:-1]).any():
        raise UsageError(f"knots of shape {loads.shape}: give at least two ascending CPU loads")
    return loads


def _pool(values: FloatArray) -> FloatArray:
    n, k = values.shape
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(values, axis=1)], axis=1)
    best = np.full((n, k), -np.inf)
    for start in range(k):
        means = (total[:, start + 1 :] - total[:, start : start + 1]) / np.arange(1, k - start + 1)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        np.maximum(best[:, start:], least, out=best[:, start:])
    return np.maximum.accumulate(best, axis=1)  # the means may decrease in the last digit by rounding


@dataclass(frozen=True, eq=False)
class PowerCurves:
    """The power curves of many nodes over the same knots.

    Parameters
    ----------
    knots
        CPU loads [% of capacity], ascending, shape (k,).
    watts
        Power at the knots [W], shape (n, k), non-decreasing along each row. A row of NaN is an unknown curve.

    Raises
    ------
    UsageError
        The shapes do not fit, or the knots do not ascend.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [50.0, 250.0]]))
    >>> curves.at([50.0, 25.0]).tolist()
    [150.0, 100.0]
    """

    knots: FloatArray
    watts: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "knots", checked_knots(self.knots))
        object.__setattr__(self, "watts", as_floats("watts", self.watts))
        if self.watts.ndim != 2 or self.watts.shape[1] != self.knots.size:
            raise UsageError(f"watts of shape {self.watts.shape} instead of (n_nodes, {self.knots.size})")

    def __len__(self) -> int:
        return len(self.watts)

    def __repr__(self) -> str:
        unknown = len(self) - int(self.known.sum())
        return f"PowerCurves({len(self)} curves over {self.knots.size} knots" + (
            f", {unknown} unknown)" if unknown else ")"
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with the column cpu_usage [%], and a column of power [W] for each curve."""
        return data_frame({"cpu_usage": self.knots, **{f"watts_{row}": watts for row, watts in enumerate(self.watts)}})

    def _repr_html_(self) -> str:
        header = ("curve", "idle [W]", "full load [W]")
        rows = zip(range(len(self)), self.watts[:, 0], self.watts[:, -1], strict=True)
        return html_table(repr(self), header, rows)

    @cached_property
    def known(self) -> BoolArray:
        """Whether each curve is known, shape (n,)."""
        return np.asarray(np.isfinite(self.watts).all(axis=1))

    def take(self, rows: IntArray) -> PowerCurves:
        """Return the curves of some rows, shape (m,)."""
        return PowerCurves(self.knots, self.watts[rows])

    def at(self, cpu_usage: ArrayLike, *, rows: IntArray | None = None) -> FloatArray:
        """Return the power at one CPU load per curve [W], in the shape of `cpu_usage`.

        Loads beyond the knots have the power at the first or last knot.

        Parameters
        ----------
        cpu_usage
            CPU loads [% of capacity], shape (..., n), or (..., m) with `rows`. NaN gives NaN.
        rows
            Curve of each load, shape (m,); default: all curves in order.
        """
        load = as_floats("cpu_usage", cpu_usage)
        index = np.arange(len(self)) if rows is None else rows
        left, fraction = self._position(load)
        flat, start = self.watts.reshape(-1), index * self.knots.size + left
        low = flat[start]
        watts: FloatArray = low + fraction * (flat[start + 1] - low)
        return watts

    def cell(self, cpu_usage: FloatArray) -> IntArray:
        """Return the number of the knot to the left of each load [%], from 0 to k - 2, in their shape."""
        return self._position(cpu_usage)[0]

    @cached_property
    def _spacing(self) -> float | None:
        """Distance of the knots if they are equally spaced, else None."""
        steps = np.diff(self.knots)
        return float(steps[0]) if np.allclose(steps, steps[0], rtol=1e-12) else None

    def _position(self, load: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the knot to the left of each load, and the load's position between it and the next as a fraction."""
        if self._spacing is not None:  # a division is several times quicker than a search
            position = (load - self.knots[0]) / self._spacing
            position = np.minimum(np.maximum(position, 0.0), self.knots.size - 1.0)  # NaN stays
            left = np.fmin(position, self.knots.size - 2.0).astype(np.int64)  # NaN becomes an index
            return left, position - left
        clipped = np.clip(load, self.knots[0], self.knots[-1])
        left = np.clip(np.searchsorted(self.knots, clipped, side="right"), 1, self.knots.size - 1) - 1
        return left, (clipped - self.knots[left]) / (self.knots[left + 1] - self.knots[left])


@dataclass(frozen=True, eq=False)
class PowerCurve:
    """The power curve of one node.

    Parameters
    ----------
    knots
        CPU loads [% of capacity], ascending, shape (k,).
    watts
        Power at the knots [W], shape (k,), non-decreasing.

    Raises
    ------
    UsageError
        The shapes do not fit, or the knots do not ascend.

    Examples
    --------
    >>> curve = PowerCurve.from_watts([0, 50, 100], [100.0, 180.0, 200.0])
    >>> float(curve.at(25))
    140.0
    >>> float(curve.increase(0, 50))
    80.0
    """

    knots: FloatArray
    watts: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "knots", checked_knots(self.knots))
        object.__setattr__(self, "watts", as_floats("watts", self.watts))
        if self.watts.shape != self.knots.shape:
            raise UsageError(f"watts of shape {self.watts.shape} for {self.knots.size} knots: give one for each knot")

    def __repr__(self) -> str:
        first, last = (f"{self.watts[at]:.4g} W at {self.knots[at]:g} %" for at in (0, -1))
        return f"PowerCurve({self.knots.size} knots, {first} to {last})"

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with the columns cpu_usage [%] and watts [W]."""
        return data_frame({"cpu_usage": self.knots, "watts": self.watts})

    def _repr_html_(self) -> str:
        return html_table(repr(self), ("CPU load [%]", "power [W]"), zip(self.knots, self.watts, strict=True))

    @classmethod
    def from_watts(cls, knots: ArrayLike, watts: ArrayLike) -> PowerCurve:
        """Return the curve through measured or predicted power [W] at `knots` [%], made non-decreasing.

        Raises
        ------
        UsageError
            The shapes do not fit, or the knots do not ascend.
        """
        return cls(as_floats("knots", knots), monotone(watts))

    @classmethod
    def from_predictor(
        cls,
        predictor: SupportsPredict,
        inlet_temp: float | None = None,
        delta_p: float | None = None,
        *,
        knots: ArrayLike | None = None,
    ) -> PowerCurve:
        """Return the curve of a model under one set of conditions.

        Parameters
        ----------
        predictor
            The model.
        inlet_temp, delta_p
            Inlet temperature [degC] and static pressure difference [Pa]; not needed for a model without this feature.
        knots
            CPU loads [%]; default: those that the model states, else `DEFAULT_KNOTS`.

        Raises
        ------
        UsageError
            The model needs a condition that is not given.

        Warns
        -----
        OutOfRangeWarning
            The conditions are outside the trained range; the curve is that of the nearest trained conditions.
        """
        warn_outside(predictor, inlet_temp, delta_p)
        curves = power_curves(predictor, inlet_temp, delta_p, knots=knots)
        return cls(curves.knots, curves.watts[0])

    def at(self, cpu_usage: ArrayLike) -> FloatArray:
        """Return the power at CPU loads [%], in their shape [W]."""
        return np.interp(as_floats("cpu_usage", cpu_usage), self.knots, self.watts)

    def increase(self, cpu_usage: ArrayLike, added: ArrayLike) -> FloatArray:
        """Return the power that `added` more load [%] needs on top of `cpu_usage` [%], in their shape [W]."""
        load = as_floats("cpu_usage", cpu_usage)
        return self.at(load + as_floats("added", added)) - self.at(load)


def power_curves(
    predictor: SupportsPredict,
    inlet_temp: ArrayLike | None = None,
    delta_p: ArrayLike | None = None,
    *,
    knots: ArrayLike | None = None,
) -> PowerCurves:
    """Return the curves of nodes with the same model, predicted in one batch and made non-decreasing.

    Parameters
    ----------
    predictor
        The model.
    inlet_temp, delta_p
        Inlet temperature [degC] and static pressure difference [Pa] of each node, shape (n,). A curve is unknown if one
        of those that the model needs is NaN. Not needed for a model without this feature.
    knots
        CPU loads [%], shape (k,); default: those that the model states, else `DEFAULT_KNOTS`.

    Raises
    ------
    UsageError
        The conditions have different lengths, one that the model needs is not given, or the knots do not ascend.

    Examples
    --------
    >>> from wao_predict.backends.fake import FakeBackend
    >>> from wao_predict.predictor import Predictor
    >>> power_curves(Predictor(FakeBackend(100.0, 2.0)), [22.0], [5.0], knots=[0, 50, 100]).watts.tolist()
    [[100.0, 200.0, 300.0]]
    """
    needed = conditions_of(features_of(_backend_of(predictor)), inlet_temp, delta_p)
    usable = np.isfinite(needed).all(axis=1)
    grid = _knots_of(predictor) if knots is None else checked_knots(knots)
    watts = np.full((usable.size, grid.size), np.nan)
    if usable.any():
        watts[usable] = monotone(_evaluate(predictor, needed[usable], grid, own=knots is None))
    return PowerCurves(grid, watts)


def conditions_of(
    features: Sequence[str], inlet_temp: ArrayLike | None = None, delta_p: ArrayLike | None = None
) -> FloatArray:
    """Return the conditions that a model with these features needs, in their order without cpu_usage.

    Returns
    -------
    Array of shape (n, n_features - 1). A model of load only has n rows without columns.

    Raises
    ------
    UsageError
        The conditions have different lengths, or one that the model needs is not given.
    """
    given = _given(inlet_temp, delta_p)
    names = [name for name in features if name != "cpu_usage"]
    lacking = [name for name in names if name not in given]
    if lacking:
        raise UsageError(f"the model predicts from {', '.join(features)}: give {' and '.join(lacking)}")
    count = max((values.size for values in given.values()), default=1)
    return np.column_stack([given[name] for name in names]) if names else np.empty((count, 0))


def _given(inlet_temp: ArrayLike | None, delta_p: ArrayLike | None) -> dict[str, FloatArray]:
    """Return the conditions that are given, each of shape (n,)."""
    given = {
        name: as_floats(name, values).reshape(-1)
        for name, values in (("inlet_temp", inlet_temp), ("delta_p", delta_p))
        if values is not None
    }
    if len({values.size for values in given.values()}) > 1:
        raise UsageError(
            f"{given['inlet_temp'].size} inlet temperatures for {given['delta_p'].size} pressure differences: give "
            "the same number"
        )
    return given


def warn_outside(
    predictor: SupportsPredict,
    inlet_temp: ArrayLike | None = None,
    delta_p: ArrayLike | None = None,
    *,
    stacklevel: int = 3,
) -> None:
    """Warn of conditions outside a model's trained range, if it states one."""
    ranges = getattr(predictor, "ranges", None)
    if ranges is None:
        return
    outside = outside_texts(ranges, _given(inlet_temp, delta_p))
    if outside:
        model = getattr(predictor, "name", type(predictor).__name__)
        warnings.warn(
            f"{model}: {outside}, its trained range: the nearest trained value is used",
            OutOfRangeWarning,
            stacklevel=stacklevel,
        )


def curve_rows(features: Sequence[str], needed: FloatArray, knots: FloatArray) -> FloatArray:
    """Return the rows of n curves over k knots for a model, shape (n * k, n_features), grouped by node.

    Parameters
    ----------
    features
        The model's features, with cpu_usage among them.
    needed
        The other features of each curve, in the same order, shape (n, n_features - 1).
    knots
        CPU loads [%], shape (k,).
    """
    rows = np.repeat(needed, knots.size, axis=0)
    return np.insert(rows, list(features).index("cpu_usage"), np.tile(knots, len(needed)), axis=1)


def _backend_of(predictor: SupportsPredict) -> Any:
    return getattr(predictor, "backend", predictor)


def _knots_of(predictor: SupportsPredict) -> FloatArray:
    own = getattr(_backend_of(predictor), "knots", None)
    return DEFAULT_KNOTS if own is None else np.asarray(own, dtype=np.float64)


def _evaluate(predictor: SupportsPredict, needed: FloatArray, knots: FloatArray, *, own: bool) -> FloatArray:
    """Return power of shape (n, k) [W] from the model's output of whole curves if it has one, else from n * k rows."""
    backend = _backend_of(predictor)
    whole = getattr(backend, "curves", None)
    if own and whole is not None:
        curves = whole(*needed.T)
        if curves is not None:
            return np.asarray(curves, dtype=np.float64)
    X = curve_rows(features_of(backend), needed, knots)
    detailed = getattr(predictor, "predict_detailed", None)  # without a warning: callers report the range
    watts = detailed(X).watts if detailed is not None else predictor.predict(X)
    return np.asarray(watts, dtype=np.float64).reshape(len(needed), knots.size)
