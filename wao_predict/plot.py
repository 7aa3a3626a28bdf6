"""Figures in the style of scikit-learn's displays: created by a class method, with the artists as attributes."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray, as_number
from wao_predict.backends.base import features_of
from wao_predict.curves import PowerCurve, SupportsPredict
from wao_predict.errors import MissingExtra
from wao_predict.features import TYPICAL
from wao_predict.intervals import required
from wao_predict.simulate.placement import Outcome

INK, GRID, ACCENT, QUIET = "#1f2933", "#d9dee4", "#0b7285", "#adb5bd"
PALETTE = (ACCENT, "#f08c00", "#c92a2a", "#5f3dc4", "#2b8a3e")
"""Colours of successive curves on the same axes."""


def new_axes(ax: Any, size: tuple[float, float]) -> Any:
    """Return the given axes, or new ones of a size in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("drawing", "plot") from error
    if ax is not None:
        return ax
    return Figure(figsize=size, layout="constrained").subplots()


def plain(ax: Any) -> None:
    """Remove what an axes does not need."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(QUIET)
    ax.tick_params(colors=INK, labelsize=9)
    ax.set_axisbelow(True)


class Display:
    """A figure that notebooks show as the result of a cell."""

    ax_: Any = None
    figure_: Any = None

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the figure and return the display."""
        raise NotImplementedError

    def _repr_png_(self) -> bytes:
        if self.figure_ is None:
            self.plot()
        file = BytesIO()
        self.figure_.savefig(file, format="png", dpi=110)
        return file.getvalue()


class PowerCurveDisplay(Display):
    """The power curve of a model at one inlet temperature and pressure difference.

    Parameters
    ----------
    curve
        The curve.
    label
        Text of the legend.
    bounds
        Lower and upper bounds of the power at the knots of the curve [W], each of shape (k,), drawn as a band.

    Attributes
    ----------
    ax_, figure_, line_, band_
        The artists; the band is None without bounds.
    """

    def __init__(
        self, curve: PowerCurve, *, label: str = "", bounds: tuple[FloatArray, FloatArray] | None = None
    ) -> None:
        self.curve = curve
        self.label = label
        self.bounds = bounds
        self.line_: Any = None
        self.band_: Any = None

    @classmethod
    def from_predictor(
        cls,
        predictor: SupportsPredict,
        *,
        inlet_temp: float | None = None,
        delta_p: float | None = None,
        knots: ArrayLike | None = None,
        interval: float | None = None,
        ax: Any = None,
        **line: Any,
    ) -> PowerCurveDisplay:
        """Predict a curve, draw it, and return the display.

        Parameters
        ----------
        inlet_temp, delta_p
            Inlet temperature [degC] and static pressure difference [Pa]. Default: the middle of the trained range, or
            24 degC and 7.5 Pa for a model that states none; not needed for a model without this feature.
        knots
            CPU loads [%]; default: those that the model states.
        interval
            Share of measurements that a band around the curve is to cover, such as 0.9; default: no band.
        ax
            Axes to draw into; default: new axes.
        line
            Passed to matplotlib's `plot`.

        Raises
        ------
        UsageError
            The model has no intervals, or not for this share.
        """
        inlet_temp = _condition(predictor, "inlet_temp", inlet_temp)
        delta_p = _condition(predictor, "delta_p", delta_p)
        curve = PowerCurve.from_predictor(predictor, inlet_temp, delta_p, knots=knots)
        name = str(getattr(predictor, "name", ""))
        readings = (
            f"{value:g} {unit}" for value, unit in ((inlet_temp, "\u00b0C"), (delta_p, "Pa")) if value is not None
        )
        label = ", ".join(part for part in (name, *readings) if part)
        bounds = None if interval is None else _bounds(predictor, curve, interval)
        return cls(curve, label=label, bounds=bounds).plot(ax=ax, **line)

    def plot(self, *, ax: Any = None, **line: Any) -> PowerCurveDisplay:
        """Draw the curve and return the display."""
        self.ax_ = new_axes(ax, (7.0, 4.2))
        self.figure_ = self.ax_.figure
        style = {"label": self.label, "lw": 2.2, "color": PALETTE[len(self.ax_.lines) % len(PALETTE)], **line}
        (self.line_,) = self.ax_.plot(self.curve.knots, self.curve.watts, **style)
        if self.bounds is not None:
            band = {"color": self.line_.get_color(), "alpha": 0.2, "lw": 0}
            self.band_ = self.ax_.fill_between(self.curve.knots, *self.bounds, **band)
        if ax is None:
            plain(self.ax_)
            self.ax_.grid(axis="y", color=GRID, lw=0.8)
            self.ax_.set(xlabel="CPU load [%]", ylabel="power [W]", xlim=(0, 100))
        self.ax_.legend(frameon=False, fontsize=9, loc="lower right")
        return self


def _bounds(predictor: SupportsPredict, curve: PowerCurve, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of measured power at the knots of a curve [W]."""
    known = required(getattr(predictor, "intervals", None), str(getattr(predictor, "name", "the model")))
    low, high = known.at(curve.knots, level)
    return np.maximum(curve.watts + low, 0.0), curve.watts + high


def _condition(predictor: SupportsPredict, feature: str, given: float | None) -> float | None:
    """Return a given condition, else the middle of its trained range; None for a model without this feature."""
    if given is not None:
        return as_number(feature, given)
    if feature not in features_of(getattr(predictor, "backend", predictor)):
        return None
    low, high = (getattr(predictor, "ranges", None) or {}).get(feature, TYPICAL[feature])
    return (float(low) + float(high)) / 2


class PlacementDisplay(Display):
    """The power of a fleet after several policies placed the same pods.

    Parameters
    ----------
    outcomes
        The results, see `wao_predict.simulate.placement.simulate`; savings are relative to the first one.
    title
        Title of the axes.

    Attributes
    ----------
    ax_, figure_, bars_
        The artists.
    """

    def __init__(self, outcomes: Sequence[Outcome], *, title: str = "") -> None:
        self.outcomes = list(outcomes)
        self.title = title
        self.bars_: Any = None

    @classmethod
    def from_outcomes(
        cls, outcomes: Sequence[Outcome], *, title: str = "", ax: Any = None, highlight: str = "lookahead"
    ) -> PlacementDisplay:
        """Draw results and return the display; see the class and `plot`."""
        return cls(outcomes, title=title).plot(ax=ax, highlight=highlight)

    def plot(self, *, ax: Any = None, highlight: str = "lookahead") -> PlacementDisplay:
        """Draw a bar per policy with its power and its difference from the first one, and return the display."""
        self.ax_ = new_axes(ax, (7.0, 0.55 * len(self.outcomes) + 1.3))
        self.figure_ = self.ax_.figure
        names = [outcome.policy for outcome in self.outcomes]
        watts = [outcome.watts for outcome in self.outcomes]
        colours = [ACCENT if name == highlight else QUIET for name in names]
        self.bars_ = self.ax_.barh(names, watts, color=colours, height=0.62)
        first = watts[0]
        for bar, value in zip(self.bars_, watts, strict=True):
            saved = "" if value == first else f"   {100 * (value / first - 1):+.1f} %".replace("-", "\u2212")
            middle = bar.get_y() + bar.get_height() / 2
            self.ax_.text(value, middle, f" {value:,.0f} W{saved}", va="center", fontsize=9, color=INK)
        plain(self.ax_)
        self.ax_.invert_yaxis()
        self.ax_.set_xlim(0, max(watts) * 1.25)
        self.ax_.xaxis.set_major_formatter("{x:,.0f}")
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.set_xlabel("power of the whole fleet [W]")
        if self.title:
            self.ax_.set_title(self.title, loc="left", fontsize=11, color=INK)
        return self
