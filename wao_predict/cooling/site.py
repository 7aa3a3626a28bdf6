"""A plant and its servers, as a function of the set points. Pure.

Warm water and slow fans save cooling, but warm inlets and another pressure change what servers use. Both are counted:
inlets move with the supply air, which depends on the heat of the servers, and delta_p with the pressure of the plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.cooling.groups import Plant
from wao_predict.cooling.plant import AirModel, SetPoint
from wao_predict.errors import UsageError

SETTLING = 8
"""Rounds in which servers and supply air settle; each one is at least ten times closer."""


@dataclass(frozen=True, eq=False)
class ServerTable:
    """Power of all servers that a plant cools, over what its set points change at their inlets.

    Parameters
    ----------
    shifts
        Changes of the inlet temperatures from their present values [K], ascending, shape (s,).
    ratios
        Pressure differences relative to their present values, ascending, shape (r,).
    watts
        Power [W], shape (s, r).
    hottest
        Highest present inlet temperature [degC], NaN unknown.

    Examples
    --------
    >>> watts = np.array([[90.0, 95.0], [110.0, 115.0]])
    >>> table = ServerTable(np.array([-10.0, 10.0]), np.array([0.5, 1.0]), watts, 27.0)
    >>> float(table.at(0.0, 1.0))
    105.0
    """

    shifts: FloatArray
    ratios: FloatArray
    watts: FloatArray
    hottest: float

    def at(self, shift: ArrayLike, ratio: ArrayLike) -> FloatArray:
        """Return the power [W], interpolated, and constant beyond the ends; arrays broadcast."""
        rows, down = _place(self.shifts, np.asarray(shift, dtype=np.float64))
        columns, right = _place(self.ratios, np.asarray(ratio, dtype=np.float64))
        next_row = np.minimum(rows + 1, len(self.shifts) - 1)
        next_column = np.minimum(columns + 1, len(self.ratios) - 1)
        above = self.watts[rows, columns] * (1 - right) + self.watts[rows, next_column] * right
        below = self.watts[next_row, columns] * (1 - right) + self.watts[next_row, next_column] * right
        result: FloatArray = above * (1 - down) + below * down
        return result


def _place(ticks: FloatArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the tick to the left of each value, and the position between it and the next one."""
    place = np.interp(values, ticks, np.arange(ticks.size, dtype=np.float64))
    left = np.minimum(place.astype(np.int64), max(ticks.size - 2, 0))
    return left, place - left


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What set points lead to: arrays of one shape.

    Attributes
    ----------
    servers, cooling
        Power [W].
    supply_air_temp
        Temperature of the supply air [degC].
    hottest_inlet
        Highest inlet temperature [degC], NaN unknown.
    """

    servers: FloatArray
    cooling: FloatArray
    supply_air_temp: FloatArray
    hottest_inlet: FloatArray

    @property
    def total(self) -> FloatArray:
        """Power of servers and plant [W]."""
        return self.servers + self.cooling


class Site:
    """A plant and its servers, as a function of the set points.

    Parameters
    ----------
    plant
        The plant in its present state.
    servers
        Its servers.

    Raises
    ------
    UsageError
        The plant has no set points.
    """

    def __init__(self, plant: Plant, servers: ServerTable) -> None:
        if not plant.model.set_points or not isinstance(plant.model, AirModel):
            raise UsageError(
                f"a plant of {type(plant.model).__name__} has no set points: use the type published or chiller"
            )
        self.points: tuple[SetPoint, ...] = plant.model.set_points
        self._model, self._state, self._servers = plant.model, plant.state, servers
        self.present = {point.name: float(plant.state.value(point)) for point in self.points}
        self._supply_now = plant.model.supply_air_temp(servers.at(0.0, 1.0), plant.state)
        self.error_watts = plant.model.error_watts

    def change_at(self, set_points: Mapping[str, float]) -> tuple[float, float]:
        """Return the change of the inlet temperatures [K] and the ratio of the pressures at set points."""
        assert isinstance(self._model, AirModel)
        state = self._state.with_set_points(set_points)
        shift = self.at(set_points).supply_air_temp - self._supply_now
        return float(shift), float(self._model.pressure_ratio(state, self._state))

    def at(self, set_points: Mapping[str, ArrayLike]) -> Outcomes:
        """Return what set points lead to; a set point that is not given stays. Arrays broadcast."""
        model, state = self._model, self._state.with_set_points(set_points)
        assert isinstance(model, AirModel)
        ratio = model.pressure_ratio(state, self._state)
        watts = self._servers.at(0.0, ratio)
        for _ in range(SETTLING):
            supply = model.supply_air_temp(watts, state)
            watts = self._servers.at(supply - self._supply_now, ratio)
        supply = model.supply_air_temp(watts, state)
        cooling = model.watts(watts, state)
        hottest = self._servers.hottest + (supply - self._supply_now)
        return Outcomes(*(np.array(part) for part in np.broadcast_arrays(watts, cooling, supply, hottest)))
