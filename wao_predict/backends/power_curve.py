"""Models of load only: a piecewise linear curve through points of load and power.

The points come from a measurement, a data sheet, the SPECpower curves of `wao_predict.models.specpower`, or the
coefficients of a fitted function. Such a model needs no temperature and no pressure.

Optionally, an assumption adds what fans use in warm air: a percentage of the power per degree of inlet temperature. A
study in two data centres of a colocation provider in Switzerland found 0.35 to 0.5 % per degC between 23 and 30 degC
("Temperature optimisation in data centres", arXiv 2025). Below and above, the power is taken as constant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray, as_floats
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
INLET_PERCENT = "inletPercent"
"""Name of the fan assumption in the options of a NodeConfig and in the fragment of a source."""
MAX_INLET_PERCENT = 5.0
WARM = (23.0, 30.0)
"""Inlet temperatures between which the power rises by the fan assumption [degC]."""
POSSIBLE_INLET = (5.0, 45.0)
"""Inlet temperatures that are taken without a warning [degC]: the allowable range of ASHRAE class A4."""


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
    inlet_percent
        Assumption about fans: increase of power per degC of inlet temperature above 23 degC, up to 30 degC [%]. The
        points are then the power at 23 degC. 0 for none.

    Attributes
    ----------
    features
        ("cpu_usage",), with the fan assumption ("cpu_usage", "inlet_temp").
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
    >>> warm = PowerCurveBackend({0: 100, 100: 200}, inlet_percent=0.5)
    >>> warm.predict(np.array([[0.0, 20.0], [0.0, 25.0], [0.0, 35.0]])).round(1).tolist()
    [100.0, 101.0, 103.5]
    """

    def __init__(
        self,
        points: Mapping[float, float] | Iterable[tuple[float, float]],
        *,
        name: str = "curve",
        source: str = "",
        inlet_percent: float = 0.0,
    ) -> None:
        if not 0.0 <= inlet_percent <= MAX_INLET_PERCENT:
            raise UsageError(
                f"{inlet_percent:g} % of power per degC for fans: give 0 to {MAX_INLET_PERCENT:g}, such as 0.4"
            )
        self.inlet_percent = float(inlet_percent)
        self.features: tuple[str, ...] = ("cpu_usage", "inlet_temp") if inlet_percent else ("cpu_usage",)
        self.knots, self.watts = _sorted(points.items() if isinstance(points, Mapping) else points)
        self.name = name
        self.source = source
        if inlet_percent:
            assumed = (
                f"assumption: {inlet_percent:g} % per degC of inlet temperature from {WARM[0]:g} to {WARM[1]:g} degC"
            )
            self.source = f"{source}; {assumed}" if source else assumed
        bounds = {"inlet_temp": POSSIBLE_INLET} if inlet_percent else {}
        self.ranges = FeatureRanges(cpu_usage=(self.knots[0], self.knots[-1]), **bounds)

    def __repr__(self) -> str:
        first, last = (
            f"{w:g} W at {k:g} %" for k, w in ((self.knots[0], self.watts[0]), (self.knots[-1], self.watts[-1]))
        )
        return f"{type(self).__name__}({self.name!r}: {len(self.knots)} points, {first} to {last})"

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> PowerCurveBackend:
        """Return the model of the endpoint's option `points`, else of its URL, see `from_source`."""
        points = endpoint.options.get("points")
        stated = endpoint.options.mapping("options").text(INLET_PERCENT)
        percent = _percent(stated) if stated else 0.0
        if points is not None and endpoint.url:
            raise UsageError("a PowerCurve has both an endpoint and points: give one of them")
        if isinstance(points, tuple):
            return cls([_pair(item) for item in points], name="points", inlet_percent=percent)
        return cls.from_source(endpoint.url, inlet_percent=percent)

    @classmethod
    def from_source(cls, source: str, *, inlet_percent: float = 0.0) -> PowerCurveBackend:
        """Return the model that a text names: "specpower:NAME", or points such as "curve:0=62 50=96 100=120".

        A fragment gives the fan assumption where only a text can be given: "specpower:NAME#inletPercent=0.4".

        Raises
        ------
        UsageError
            The text is neither, or the points are not usable.
        ModelLoadError
            There is no such server type.
        """
        source, sign, fragment = source.partition("#")
        if sign:
            name, equals, value = fragment.partition("=")
            if name != INLET_PERCENT or not equals:
                raise UsageError(f"{fragment!r:.60} after # in a power curve: write {INLET_PERCENT}=0.4")
            inlet_percent = _percent(value)
        if source.startswith(SPECPOWER):
            server = specpower.find(source.removeprefix(SPECPOWER))
            name = f"{SPECPOWER}{server.name}"
            return cls(server.points, name=name, source=specpower.SOURCE, inlet_percent=inlet_percent)
        if source.startswith(INLINE):
            points = [_parsed(part) for part in source.removeprefix(INLINE).replace(",", " ").split()]
            return cls(points, inlet_percent=inlet_percent)
        raise UsageError(
            f"power curve {source!r:.80}: give {SPECPOWER}NAME (`wao models search`), or points as in "
            f"{INLINE}0=62,50=96,100=120"
        )

    @classmethod
    def from_csv(cls, path: str | Path, *, inlet_percent: float = 0.0) -> PowerCurveBackend:
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
            return cls(pairs, name=Path(path).stem, source=table.name, inlet_percent=inlet_percent)
        except UsageError as error:
            raise FeatureError(f"{table.name}: {error}") from None

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return the power [W] of rows of `features`, shape (n_samples, n_features), in shape (n_samples,)."""
        watts = np.interp(X[:, 0], self.knots, self.watts)
        if self.inlet_percent:
            watts *= 1.0 + self.inlet_percent / 100.0 * (np.clip(X[:, 1], *WARM) - WARM[0])
        return watts


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
    listed = list(coefficients) if isinstance(coefficients, Iterable) else coefficients
    given: list[float] = as_floats("coefficients", listed).reshape(-1).tolist()
    shape = _FORMS.get(str(form))
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
    repeated = knots[:-1][np.diff(knots) <= 0]
    if repeated.size:
        raise UsageError(
            f"load {repeated[0]:g} % of the power curve occurs twice: give one power for each load, or train a model "
            "with a table of measurements (`wao train`)"
        )
    return knots, np.array([watts for _, watts in pairs])


def _parsed(part: str) -> tuple[float, float]:
    load, sign, watts = part.partition("=")
    try:
        if sign:
            return float(load), float(watts)
    except ValueError:
        pass
    raise UsageError(f"point {part!r:.40} of a power curve: write LOAD=WATTS, such as 50=96")


def _percent(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{INLET_PERCENT} {text!r:.40} is not a number: give a percentage such as 0.4") from None


def _pair(item: object) -> tuple[float, float]:
    """Return a point of a NodeConfig."""
    if isinstance(item, Mapping):
        load, watts = item.get("cpuUsage"), item.get("watts")
        if isinstance(load, int | float) and isinstance(watts, int | float):
            return float(load), float(watts)
    raise UsageError("points of a power curve have the fields cpuUsage [%] and watts [W]; both must be numbers")
