"""What a cooling plant is to the rest: cooling watts over server watts, weather and set points. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.curves import monotone
from wao_predict.errors import UsageError

WATER, FAN = "chilled_water_temp", "fan_speed"
"""Set points of the models here: temperature of the chilled water [degC], and speed of the indoor fans [rpm]."""

KNOTS = 65
"""Points of a `CoolingCurve`."""
SMOOTHING = 0.15
"""Half the window over which a curve is smoothed, as a fraction of its highest server power: models of trees are
stepwise, and their slope at one point says nothing."""


@dataclass(frozen=True, slots=True)
class SetPoint:
    """A value that the operator of a plant chooses.

    Attributes
    ----------
    name, unit
        Its name, and its unit.
    low, high
        Lowest and highest value.
    step
        Step in which operators change it, the step of a first search.
    default
        Present value, if none is given.
    """

    name: str
    unit: str
    low: float
    high: float
    step: float
    default: float


@dataclass(frozen=True, eq=False)
class PlantState:
    """Weather and set points; values are numbers or arrays that broadcast with each other and with the server power.

    Attributes
    ----------
    outdoor_temp
        Outdoor temperature [degC]; NaN unknown.
    outdoor_humidity
        Relative humidity outdoors [%]; NaN unknown.
    set_points
        Values by name, in the units of the model's set points. One that is missing has its default.
    """

    outdoor_temp: ArrayLike = np.nan
    outdoor_humidity: ArrayLike = np.nan
    set_points: Mapping[str, ArrayLike] = field(default_factory=dict)

    def value(self, point: SetPoint) -> FloatArray:
        """Return the value of a set point."""
        return np.asarray(self.set_points.get(point.name, point.default), dtype=np.float64)

    def with_set_points(self, set_points: Mapping[str, ArrayLike]) -> PlantState:
        """Return the same weather with other set points; those that are not given stay."""
        return PlantState(self.outdoor_temp, self.outdoor_humidity, {**self.set_points, **set_points})


class CoolingModel(Protocol):
    """A model of a cooling plant."""

    @property
    def set_points(self) -> tuple[SetPoint, ...]:
        """Set points that the power depends on; empty if there are none."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Which of `outdoor_temp` and `outdoor_humidity` the model needs."""
        ...

    @property
    def error_watts(self) -> float | None:
        """Root mean square error [W], None if it is unknown."""
        ...

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the power of the plant [W]; NaN where an input that it needs is unknown.

        Parameters
        ----------
        server_watts
            Power of all servers that the plant cools together [W].
        state
            Weather and set points.
        """
        ...


@runtime_checkable
class AirModel(Protocol):
    """What a model also has if its set points change the air at the servers."""

    def supply_air_temp(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the temperature of the air that the plant supplies [degC]."""
        ...

    def pressure_ratio(self, state: PlantState, present: PlantState) -> FloatArray:
        """Return the static pressure of the supply air relative to that at the present set points."""
        ...


@runtime_checkable
class RangedModel(Protocol):
    """What a model also has if it was trained for a range of server power."""

    @property
    def server_range(self) -> tuple[float, float]:
        """Power of all servers for which it was trained [W], from and to."""
        ...


@dataclass(frozen=True, eq=False)
class CoolingCurve:
    """Cooling watts over server watts in one state of a plant, never falling.

    Parameters
    ----------
    knots
        Server power [W], ascending, shape (k,).
    watts
        Power of the plant at the knots [W], shape (k,).

    Examples
    --------
    >>> curve = CoolingCurve(np.array([0.0, 1000.0]), np.array([0.0, 400.0]))
    >>> float(curve.at(500.0)), round(float(curve.marginal(500.0)), 6)
    (200.0, 0.4)
    """

    knots: FloatArray
    watts: FloatArray

    @classmethod
    def of(cls, model: CoolingModel, state: PlantState, highest: float) -> CoolingCurve:
        """Return the curve of a model from 0 to the highest server power [W], made non-decreasing and smooth.

        The curve extends beyond the highest power, so that the window is whole there too.

        Raises
        ------
        UsageError
            The model needs an input that is unknown, or the state is not one of numbers.
        """
        knots = np.linspace(0.0, (1.0 + 2 * SMOOTHING) * max(highest, 1.0), KNOTS)
        watts = np.asarray(model.watts(knots, state), dtype=np.float64)
        if watts.shape != knots.shape or not np.isfinite(watts).all():
            raise UsageError(
                f"the power of the cooling plant is unknown here: it needs {' and '.join(model.inputs) or 'numbers'}"
            )
        return cls(knots, np.maximum.accumulate(_smooth(monotone(watts))))

    def at(self, server_watts: ArrayLike) -> FloatArray:
        """Return the power of the plant [W], in the shape of `server_watts`; beyond the knots along the last slope."""
        load = np.asarray(server_watts, dtype=np.float64)
        beyond = np.maximum(load - self.knots[-1], 0.0)
        inside: FloatArray = np.interp(load, self.knots, self.watts)
        return inside + beyond * self.marginal(self.knots[-1]) if (beyond > 0).any() else inside

    def marginal(self, server_watts: ArrayLike) -> FloatArray:
        """Return cooling watts per further server watt, in the shape of `server_watts`: the slope between knots."""
        load = np.asarray(server_watts, dtype=np.float64)
        left = np.clip(np.searchsorted(self.knots, load, side="right") - 1, 0, self.knots.size - 2)
        slopes: FloatArray = np.diff(self.watts) / np.diff(self.knots)
        return slopes[left]


def _smooth(watts: FloatArray) -> FloatArray:
    """Return means over symmetric windows that become smaller towards the ends, so that straight lines stay."""
    total = np.append(0.0, np.cumsum(watts))
    place = np.arange(watts.size)
    half = np.minimum(np.minimum(place, place[::-1]), round(SMOOTHING * (watts.size - 1)))
    means: FloatArray = (total[place + half + 1] - total[place - half]) / (2 * half + 1)
    return means
