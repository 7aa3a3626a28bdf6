"""What set points do to the air at the servers: supply temperature and pressure, and so inlets and delta_p. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class SupplyAir:
    """Supply air temperature, linear in the water temperature and in the heat per volume of air.

    It is base + per_water * water + per_watt * (heat * rated_speed / speed - rated_watts): the form of a coil of
    constant effectiveness, with an air flow in proportion to the fan speed.

    Parameters
    ----------
    base
        [degC].
    per_water
        Change with the water temperature [K/K].
    per_watt
        Change with the heat at the rated speed [K/W].
    rated_watts, rated_speed
        Heat [W] and fan speed [rpm] at which the last term is 0.

    Examples
    --------
    >>> float(SupplyAir(8.0, 1.0, 0.0004, 20_000.0, 1400.0).temp(12.0, 1400.0, 20_000.0))
    20.0
    """

    base: float
    per_water: float
    per_watt: float
    rated_watts: float
    rated_speed: float

    def temp(self, water: ArrayLike, speed: ArrayLike, heat: ArrayLike) -> FloatArray:
        """Return the temperature [degC] for water [degC], fan speed [rpm] and heat [W]; arrays broadcast."""
        per_air = np.asarray(heat, dtype=np.float64) * self.rated_speed / np.asarray(speed, dtype=np.float64)
        water = np.asarray(water, dtype=np.float64)
        result: FloatArray = self.base + self.per_water * water + self.per_watt * (per_air - self.rated_watts)
        return result


def pressure_ratio(speed: ArrayLike, present: ArrayLike) -> FloatArray:
    """Return the static pressure at a fan speed relative to that at the present speed: its square (affinity law).

    Examples
    --------
    >>> float(pressure_ratio(700.0, 1400.0))
    0.25
    """
    ratio: FloatArray = (np.asarray(speed, dtype=np.float64) / np.asarray(present, dtype=np.float64)) ** 2
    return ratio
