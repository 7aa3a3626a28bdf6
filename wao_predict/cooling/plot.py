"""The power of servers and plant over all set points, as a figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.cooling.plant import SetPoint
from wao_predict.cooling.set_points import Limits, Recommendation
from wao_predict.cooling.site import Site
from wao_predict.features import unit_sign
from wao_predict.plot import INK, Display, new_axes, plain

_SIZE = (7.6, 4.6)


class SetPointDisplay(Display):
    """Power of servers and plant over two set points, with the present and the recommended ones.

    Parameters
    ----------
    site
        Plant and servers.
    found
        The recommendation.
    limits
        Its limits; set points that do not meet the ceiling are hatched.

    Attributes
    ----------
    ax_, figure_
        The artists.
    """

    def __init__(self, site: Site, found: Recommendation, limits: Limits | None = None) -> None:
        self.site, self.found, self.limits = site, found, limits or Limits()

    def plot(self, *, ax: Any = None) -> SetPointDisplay:
        """Draw the figure, and return the display."""
        self.ax_ = new_axes(ax, _SIZE)
        self.figure_ = self.ax_.figure
        first, second = self.site.points[:2]
        x, y = np.linspace(first.low, first.high, 60), np.linspace(second.low, second.high, 60)
        X, Y = np.meshgrid(x, y)
        outcomes = self.site.at({first.name: X, second.name: Y})
        shown = self.ax_.contourf(X, Y, outcomes.total / 1000.0, levels=14, cmap="viridis_r")
        self.figure_.colorbar(shown, ax=self.ax_, label="servers and cooling [kW]")
        self._hatch(X, Y, outcomes.hottest_inlet)
        for label, points, marker in (
            ("present", self.found.present, "o"),
            ("recommended", self.found.recommended, "*"),
        ):
            self.ax_.plot(
                points[first.name],
                points[second.name],
                marker,
                ms=15 if marker == "*" else 9,
                color="#c92a2a" if marker == "*" else INK,
                mec="white",
                label=label,
                lw=0,
                clip_on=False,
                zorder=5,
            )
        plain(self.ax_)
        self.ax_.set_xlabel(_label(first))
        self.ax_.set_ylabel(_label(second))
        error = self.found.saving_error
        spread = f" \u00b1 {error / 1000:.1f}" if error else ""
        self.ax_.set_title(
            f"The recommendation saves {self.found.saving / 1000:.1f}{spread} kW", loc="left", fontsize=11, color=INK
        )
        self.ax_.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False, fontsize=9)
        return self

    def _hatch(self, X: FloatArray, Y: FloatArray, hottest: FloatArray) -> None:
        """Cover the set points at which an inlet is above the ceiling."""
        ceiling = self.limits.inlet_ceiling
        if ceiling is None or not (hottest > ceiling).any():
            return
        import matplotlib as mpl

        with mpl.rc_context({"hatch.color": "#868e96", "hatch.linewidth": 0.5}):
            levels = [ceiling, float(hottest.max()) + 1.0]
            self.ax_.contourf(X, Y, hottest, levels=levels, colors=["#ffffffb0"], hatches=["///"])
            label = f"inlets above {ceiling:g} \u00b0C"
            self.ax_.fill([], [], fc="white", ec="#868e96", hatch="////", label=label)


def _label(point: SetPoint) -> str:
    return f"{point.name.replace('_', ' ')} [{unit_sign(point.unit)}]"
