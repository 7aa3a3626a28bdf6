"""Models of load only: a piecewise linear curve through points of load and power.

The points come from a measurement, a data sheet, the SPECpower curves of `wao_predict.models.specpower`, or the
coefficients of a fitted function. Such a model needs no temperature and no pressure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.csvtable import read_csv
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import FeatureError, UsageError
from wao_predict.features import FeatureRanges
from wao_predict.models import specpower

MAX_POINTS = 1000
MAX_WATTS = 100_000.0
SPECPOWER = "specpower:"
"""Prefix of the name of a server type from SPECpower results."""
INLINE = "curve:"
"""Prefix of points in a text, such as "curve:0=62 50=96 100=120"."""


class PowerCurveBackend:
    """Power of a server over its CPU load, linear between points, and constant beyond the first and the last one.

    Parameters
    ----------
    points
        CPU loads [%] and power [W]: pairs, or a mapping of load to power. At least two, in any order.
    name
        Name of the model.
    source
        Origin of the points.

    Attributes
    ----------
    features
        ("cpu_usage",).
    knots, watts
        Loads [%] and power [W] of the points, ascending in load, shape (k,).
    ranges
        Lowest and highest load.

    Raises
    ------
    UsageError
        There are fewer than two points, a load is not within 0 to 100 or occurs twice, or a power is not above 0 and at
        most 100,000 W.

    Examples
    --------
    >>> model = PowerCurveBackend({0: 60, 50: 100, 100: 120})
    >>> model.predict(np.array([[25.0], [100.0]])).tolist()
    [80.0, 120.0]
    """

    features = ("cpu_usage",)

    def __init__(
        self,
        points: Mapping[float, float] | Iterable[tuple[float, float]],
        *,
        name: str = "curve",
        source: str = "",
    ) -> None:
        self.knots, self.watts = _sorted(points.items() if isinstance(points, Mapping) else points)
        self.name = name
        self.source = source
        self.ranges = FeatureRanges(cpu_usage=(self.knots[0], self.knots[-1]))

    def __repr__(self) -> str:
        first, last = (
            f"{w:g} W at {k:g} %" for k, w in ((self.knots[0], self.watts[0]), (self.knots[-1], self.watts[-1]))
        )
        return f"{type(self).__name__}({self.name!r}: {len(self.knots)} points, {first} to {last})"

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> PowerCurveBackend:
        """Return the model of the endpoint's option `points`, else of its URL, see `from_source`."""
        points = endpoint.options.get("points")
        if points is not None and endpoint.url:
            raise UsageError("a PowerCurve has both an endpoint and points: give one of them")
        if isinstance(points, tuple):
            return cls([_pair(item) for item in points], name="points")
        return cls.from_source(endpoint.url)

    @classmethod
    def from_source(cls, source: str) -> PowerCurveBackend:
        """Return the model that a text names: "specpower:NAME", or points such as "curve:0=62 50=96 100=120".

        Raises
        ------
        UsageError
            The text is neither, or the points are not usable.
        ModelLoadError
            There is no such server type.
        """
        if source.startswith(SPECPOWER):
            server = specpower.find(source.removeprefix(SPECPOWER))
            return cls(server.points, name=f"{SPECPOWER}{server.name}", source=specpower.SOURCE)
        if source.startswith(INLINE):
            return cls([_parsed(part) for part in source.removeprefix(INLINE).replace(",", " ").split()])
        raise UsageError(
            f"power curve {source!r:.80}: give {SPECPOWER}NAME (`wao models search`), or points as in "
            f"{INLINE}0=62,50=96,100=120"
        )

    @classmethod
    def from_csv(cls, path: str | Path) -> PowerCurveBackend:
        """Return the curve in a CSV file with the columns cpu_usage [%] (or load) and watts.

        Raises
        ------
        UsageError, FeatureError
            The file cannot be read, or its points are not usable.
        """
        table = read_csv(path)
        load = "load" if table.has("load") else "cpu_usage"
        columns = table.numbers([load, "watts"])
        pairs = zip(columns[load].tolist(), columns["watts"].tolist(), strict=True)
        try:
            return cls(pairs, name=Path(path).stem, source=table.name)
        except UsageError as error:
            raise FeatureError(f"{table.name}: {error}") from None

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return the power [W] of CPU loads [%], shape (n_samples, 1), in shape (n_samples,)."""
        return np.interp(X[:, 0], self.knots, self.watts)


def coefficient_curve(form: str, coefficients: Iterable[float], *, name: str = "") -> PowerCurveBackend:
    """Return the curve of a fitted function of load, with a point at every 2.5 % of load.

    Parameters
    ----------
    form
        The function of the load x, from 0 for idle to 1 for full load:

        - "linear": a + b x
        - "polynomial": a + b x + c x^2 + ...
        - "exponential": a exp(b x) + c
        - "logistic": a / (1 + exp(-b (x - c))) + d
    coefficients
        a, b, ... of the function [W, or without unit].
    name
        Name of the model.

    Raises
    ------
    UsageError
        The form is unknown, the number of coefficients does not fit, or a power is not usable.

    References
    ----------
    The forms are those of Kepler's power models: sustainable-computing-io/kepler-model-server, train/trainer.

    Examples
    --------
    >>> coefficient_curve("linear", [100.0, 150.0]).predict(np.array([[0.0], [50.0]])).tolist()
    [100.0, 175.0]
    """
    given = [float(value) for value in coefficients]
    shape = _FORMS.get(form)
    if shape is None:
        raise UsageError(f"form {form!r:.40} is unknown: use {', '.join(_FORMS)}")
    least, most = shape
    if not least <= len(given) <= most or not all(map(math.isfinite, given)):
        wanted = str(least) if least == most else f"{least} to {most}"
        raise UsageError(f"{len(given)} coefficients for the form {form}: give {wanted} finite numbers")
    load = np.linspace(0.0, 1.0, 41)
    with np.errstate(over="ignore", invalid="ignore"):
        watts = _evaluate(form, given, load)
    return PowerCurveBackend(zip((100.0 * load).tolist(), watts.tolist(), strict=True), name=name or form)


_FORMS = {"linear": (2, 2), "polynomial": (2, 8), "exponential": (3, 3), "logistic": (4, 4)}
"""Least and most coefficients of each form."""


def _evaluate(form: str, given: list[float], load: FloatArray) -> FloatArray:
    if form in ("linear", "polynomial"):
        return np.asarray(np.polynomial.polynomial.polyval(load, given))
    if form == "exponential":
        a, b, c = given
        return np.asarray(a * np.exp(b * load) + c)
    a, b, c, d = given
    return np.asarray(a / (1.0 + np.exp(-b * (load - c))) + d)


def _sorted(points: Iterable[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    try:
        pairs = sorted((float(load), float(watts)) for load, watts in points)
    except (TypeError, ValueError, OverflowError):
        raise UsageError("points of a power curve are pairs of load [%] and power [W], both numbers") from None
    if not 2 <= len(pairs) <= MAX_POINTS:
        raise UsageError(f"a power curve of {len(pairs)} points: give 2 to {MAX_POINTS}, with idle and full load")
    for load, watts in pairs:
        if not 0.0 <= load <= 100.0:
            raise UsageError(f"load {load:g} of a power curve: give loads from 0 to 100 %")
        if not 0.0 < watts <= MAX_WATTS:
            raise UsageError(f"{watts:g} W at load {load:g} %: give a power above 0 and at most {MAX_WATTS:,.0f} W")
    knots = np.array([load for load, _ in pairs])
    if (np.diff(knots) <= 0).any():
        raise UsageError("a load of the power curve occurs twice: give one power for each load")
    return knots, np.array([watts for _, watts in pairs])


def _parsed(part: str) -> tuple[float, float]:
    load, sign, watts = part.partition("=")
    try:
        if sign:
            return float(load), float(watts)
    except ValueError:
        pass
    raise UsageError(f"point {part!r:.40} of a power curve: write LOAD=WATTS, such as 50=96")


def _pair(item: object) -> tuple[float, float]:
    """Return a point of a NodeConfig."""
    if isinstance(item, Mapping):
        load, watts = item.get("cpuUsage"), item.get("watts")
        if isinstance(load, int | float) and isinstance(watts, int | float):
            return float(load), float(watts)
    raise UsageError("points of a power curve have the fields cpuUsage [%] and watts [W]; both must be numbers")
