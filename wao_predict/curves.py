"""Power curves: watts over CPU load, monotone, for one node or for many at once.

The published models are tree ensembles: stepwise and not monotone in CPU load. A curve is therefore made monotone
non-decreasing (isotonic regression over its knots) before differences are taken from it, and read by linear
interpolation between the knots.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.errors import OutOfRangeWarning, UsageError

DEFAULT_KNOTS: FloatArray = np.linspace(0.0, 100.0, 41)
"""CPU loads [%] at which a curve is evaluated when the model does not state its own."""


class SupportsPredict(Protocol):
    """Anything with scikit-learn's predict over the three features."""

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        ...


def monotone(watts: ArrayLike) -> FloatArray:
    """Return the closest non-decreasing sequence to each row, by least squares (isotonic regression).

    Parameters
    ----------
    watts
        Shape (k,) or (n, k), finite or a row of NaN, which stays.

    Notes
    -----
    The max-min formula of the pool-adjacent-violators solution, vectorised over rows: the value at j is the maximum
    over i <= j of the minimum over l >= j of mean(watts[i..l]). Rows that are monotone already are left alone.
    """
    values = np.array(watts, dtype=np.float64, ndmin=2)
    falling = (np.diff(values, axis=1) < 0).any(axis=1)
    if falling.any():
        values[falling] = _pool(values[falling])
    return values if np.ndim(watts) == 2 else values[0]


def _pool(values: FloatArray) -> FloatArray:
    n, k = values.shape
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(values, axis=1)], axis=1)
    best = np.full((n, k), -np.inf)
    for start in range(k):
        means = (total[:, start + 1 :] - total[:, start : start + 1]) / np.arange(1, k - start + 1)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        np.maximum(best[:, start:], least, out=best[:, start:])
    return np.maximum.accumulate(best, axis=1)  # rounding of the means must not leave a last digit falling


@dataclass(frozen=True, eq=False)
class PowerCurves:
    """The power curves of many nodes over the same knots.

    Parameters
    ----------
    knots
        CPU loads [% of capacity], ascending from 0 to 100, shape (k,).
    watts
        Power [W] at the knots, shape (n, k), non-decreasing along each row. A row of NaN is an unknown curve.
    """

    knots: FloatArray
    watts: FloatArray

    def __post_init__(self) -> None:
        if self.knots.ndim != 1 or self.knots.size < 2 or (np.diff(self.knots) <= 0).any():
            raise UsageError(f"knots of shape {self.knots.shape}: give at least two ascending CPU loads")
        if self.watts.ndim != 2 or self.watts.shape[1] != self.knots.size:
            raise UsageError(f"watts of shape {self.watts.shape} instead of (n_nodes, {self.knots.size})")

    def __len__(self) -> int:
        return len(self.watts)

    @cached_property
    def known(self) -> BoolArray:
        """Which rows have a curve, shape (n,)."""
        return np.asarray(np.isfinite(self.watts).all(axis=1))

    def take(self, rows: IntArray) -> PowerCurves:
        """Return the curves of some rows."""
        return PowerCurves(self.knots, self.watts[rows])

    def at(self, cpu_usage: ArrayLike, *, rows: IntArray | None = None) -> FloatArray:
        """Return watts at one CPU load [%] per node; loads beyond the knots have the value at the end.

        Parameters
        ----------
        cpu_usage
            Shape (..., n), or (..., m) with `rows`; NaN gives NaN.
        rows
            Which curve belongs to each load, shape (m,); all of them in order without.
        """
        load = np.asarray(cpu_usage, dtype=np.float64)
        index = np.arange(len(self)) if rows is None else rows
        left, fraction = self._position(load)
        flat, start = self.watts.reshape(-1), index * self.knots.size + left
        low = flat[start]
        watts: FloatArray = low + fraction * (flat[start + 1] - low)
        return watts

    @cached_property
    def _spacing(self) -> float | None:
        """The distance of equally spaced knots, else None."""
        steps = np.diff(self.knots)
        return float(steps[0]) if np.allclose(steps, steps[0], rtol=1e-12) else None

    def _position(self, load: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the knot to the left of each load, and how far it is to the next as a fraction."""
        if self._spacing is not None:  # a division is several times quicker than a search
            position = (load - self.knots[0]) / self._spacing
            position = np.minimum(np.maximum(position, 0.0), self.knots.size - 1.0)  # NaN stays
            left = np.fmin(position, self.knots.size - 2.0).astype(np.int64)  # NaN gives way
            return left, position - left
        clipped = np.clip(load, self.knots[0], self.knots[-1])
        left = np.clip(np.searchsorted(self.knots, clipped, side="right"), 1, self.knots.size - 1) - 1
        return left, (clipped - self.knots[left]) / (self.knots[left + 1] - self.knots[left])


@dataclass(frozen=True, eq=False)
class PowerCurve:
    """The power curve of one node; see `PowerCurves`.

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

    @classmethod
    def from_watts(cls, knots: ArrayLike, watts: ArrayLike) -> PowerCurve:
        """Return the curve through measured or predicted watts, made monotone."""
        return cls(np.asarray(knots, dtype=np.float64), monotone(watts))

    @classmethod
    def from_predictor(
        cls, predictor: SupportsPredict, inlet_temp: float, delta_p: float, *, knots: ArrayLike | None = None
    ) -> PowerCurve:
        """Return the curve of a model at one inlet temperature [degC] and pressure difference [Pa].

        Warns
        -----
        OutOfRangeWarning
            They lie outside the trained range: the curve is that at the nearest trained values.
        """
        warn_outside(predictor, inlet_temp, delta_p)
        curves = power_curves(predictor, [inlet_temp], [delta_p], knots=knots)
        return cls(curves.knots, curves.watts[0])

    def at(self, cpu_usage: ArrayLike) -> FloatArray:
        """Return watts at CPU loads [%], in the shape given."""
        return np.interp(np.asarray(cpu_usage, dtype=np.float64), self.knots, self.watts)

    def increase(self, cpu_usage: ArrayLike, added: ArrayLike) -> FloatArray:
        """Return the watts that `added` [%] more load costs on top of `cpu_usage` [%]."""
        load = np.asarray(cpu_usage, dtype=np.float64)
        return self.at(load + np.asarray(added, dtype=np.float64)) - self.at(load)


def power_curves(
    predictor: SupportsPredict, inlet_temp: ArrayLike, delta_p: ArrayLike, *, knots: ArrayLike | None = None
) -> PowerCurves:
    """Return the curves of many nodes with the same model in one batch call, made monotone.

    Parameters
    ----------
    inlet_temp, delta_p
        Conditions of each node [degC], [Pa], shape (n,). Where either is NaN the curve is unknown.
    knots
        CPU loads [%]; without, the model's own where it states them, else `DEFAULT_KNOTS`.
    """
    temperature, pressure = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (inlet_temp, delta_p))
    if temperature.shape != pressure.shape:
        raise UsageError(
            f"{temperature.size} inlet temperatures for {pressure.size} pressure differences: give as many"
        )
    usable = np.isfinite(temperature) & np.isfinite(pressure)
    grid = _knots_of(predictor) if knots is None else np.asarray(knots, dtype=np.float64)
    watts = np.full((temperature.size, grid.size), np.nan)
    if usable.any():
        watts[usable] = monotone(_evaluate(predictor, temperature[usable], pressure[usable], grid, own=knots is None))
    return PowerCurves(grid, watts)


def warn_outside(predictor: SupportsPredict, inlet_temp: ArrayLike, delta_p: ArrayLike, *, stacklevel: int = 3) -> None:
    """Warn of conditions outside a model's trained range; apps, which ask again and again, report them their way."""
    ranges = getattr(predictor, "ranges", None)
    if ranges is None:
        return
    told = []
    for name, given in (("inlet_temp", inlet_temp), ("delta_p", delta_p)):
        values, (low, high) = np.unique(np.asarray(given, dtype=np.float64)), getattr(ranges, name)
        outside = values[(values < low) | (values > high)]
        if outside.size:
            shown = ", ".join(f"{value:g}" for value in outside[:5]) + (", ..." if outside.size > 5 else "")
            told.append(f"{name} {shown} outside {low:g}..{high:g}")
    if told:
        model = getattr(predictor, "name", type(predictor).__name__)
        warnings.warn(
            f"{model}: {'; '.join(told)}, its trained range: the nearest trained value is used",
            OutOfRangeWarning,
            stacklevel=stacklevel,
        )


def curve_rows(inlet_temp: FloatArray, delta_p: FloatArray, knots: FloatArray) -> FloatArray:
    """Return the features of n curves over k knots, shape (n * k, 3), all knots of the first node first."""
    count = inlet_temp.size
    return np.column_stack([np.tile(knots, count), np.repeat(inlet_temp, knots.size), np.repeat(delta_p, knots.size)])


def _backend_of(predictor: SupportsPredict) -> Any:
    return getattr(predictor, "backend", predictor)


def _knots_of(predictor: SupportsPredict) -> FloatArray:
    own = getattr(_backend_of(predictor), "knots", None)
    return DEFAULT_KNOTS if own is None else np.asarray(own, dtype=np.float64)


def _evaluate(
    predictor: SupportsPredict, temperature: FloatArray, pressure: FloatArray, knots: FloatArray, *, own: bool
) -> FloatArray:
    """Return watts of shape (n, k): from the model's whole-curve output where it has one, else from n * k rows."""
    whole = getattr(_backend_of(predictor), "curves", None)
    if own and whole is not None:
        curves = whole(temperature, pressure)
        if curves is not None:
            return np.asarray(curves, dtype=np.float64)
    X = curve_rows(temperature, pressure, knots)
    detailed = getattr(predictor, "predict_detailed", None)  # conditions out of range are the caller's to report
    watts = detailed(X).watts if detailed is not None else predictor.predict(X)
    return np.asarray(watts, dtype=np.float64).reshape(temperature.size, knots.size)
