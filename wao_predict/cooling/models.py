"""Models of cooling plants from few numbers: a factor or PUE, COP over outdoor temperature, chiller and fans. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.cooling.air import SupplyAir, pressure_ratio
from wao_predict.cooling.plant import FAN, WATER, PlantState, SetPoint
from wao_predict.errors import UsageError

KELVIN = 273.15


@dataclass(frozen=True, slots=True)
class CoolingFactor:
    """Cooling in proportion to server power.

    Parameters
    ----------
    factor
        Cooling watts per server watt, 0 or more.

    Examples
    --------
    >>> CoolingFactor.from_pue(1.4).watts(1000.0, PlantState()).round(6).tolist()
    400.0
    """

    factor: float
    error_watts: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.factor < 10:
            raise UsageError(f"factor {self.factor:g}: give cooling watts per server watt, from 0 to 10")

    @classmethod
    def from_pue(cls, pue: float) -> CoolingFactor:
        """Return the factor of a PUE: power of the whole site over power of its servers (ISO/IEC 30134-2), from 1.

        All that is not the servers counts as cooling, so losses of power supplies are in it.
        """
        if not 1 <= pue < 11:
            raise UsageError(f"pue {pue:g}: give the power of the site over that of the servers, from 1 to 11")
        return cls(pue - 1.0)

    @property
    def set_points(self) -> tuple[SetPoint, ...]:
        """There are none."""
        return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """It needs nothing."""
        return ()

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the power of the plant [W]."""
        return self.factor * np.asarray(server_watts, dtype=np.float64)


AIR_COOLED_EIR = (0.297145, 0.0430933, -0.000748766, 0.00597727, 0.000482112, -0.000956448)
"""Coefficients a to f of the energy input ratio of an air-cooled direct-expansion coil, relative to its rating:
a + b Tw + c Tw^2 + d To + e To^2 + f Tw To, with the wet-bulb temperature Tw of the air at the coil and the outdoor
temperature To [degC].

Source: record `Curve_II_AirCooled` of the Modelica Buildings Library (lbl-srg/modelica-buildings, package
`HeatExchangers.DXCoils`), in the form of EnergyPlus, valid for outdoor temperatures of 18 to 46 degC."""
AIR_COOLED_RANGE = (18.0, 46.0)
RATED_WET_BULB = 19.4
"""Wet-bulb temperature of the air at the coil when a unit is rated (AHRI 210/240) [degC]."""


def air_cooled_cop(rated_cop: float, temps: ArrayLike) -> FloatArray:
    """Return the COP of an air-cooled unit over outdoor temperatures [degC], by `AIR_COOLED_EIR`.

    Parameters
    ----------
    rated_cop
        COP at 35 degC outdoors.

    Examples
    --------
    >>> air_cooled_cop(3.0, [20.0, 35.0]).round(2).tolist()
    [3.78, 2.99]
    """
    a, b, c, d, e, f = AIR_COOLED_EIR
    out = np.clip(np.asarray(temps, dtype=np.float64), *AIR_COOLED_RANGE)
    wet = RATED_WET_BULB
    ratio: FloatArray = a + b * wet + c * wet**2 + d * out + e * out**2 + f * wet * out
    return rated_cop / ratio


@dataclass(frozen=True, eq=False)
class CopCurve:
    """Cooling by the COP at the outdoor temperature: heat removed per watt of the plant.

    Parameters
    ----------
    temps
        Outdoor temperatures [degC], ascending, shape (k,).
    cops
        COP at these temperatures, above 0, shape (k,); constant beyond the ends.

    Examples
    --------
    >>> curve = CopCurve(np.array([20.0, 35.0]), np.array([5.0, 2.5]))
    >>> curve.watts(1000.0, PlantState(outdoor_temp=35.0)).tolist()
    400.0
    """

    temps: FloatArray
    cops: FloatArray
    error_watts: float | None = None

    def __post_init__(self) -> None:
        for name in ("temps", "cops"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        usable = self.temps.ndim == 1 and self.temps.shape == self.cops.shape and self.temps.size > 0
        if not usable or not (np.diff(self.temps) > 0).all() or not (self.cops > 0).all():
            raise UsageError("COP curve: give outdoor temperatures that ascend, and a COP above 0 for each")

    @classmethod
    def air_cooled(cls, rated_cop: float = 3.0) -> CopCurve:
        """Return the curve of an air-cooled unit with this COP at 35 degC, see `air_cooled_cop`."""
        if not 0 < rated_cop < 20:
            raise UsageError(f"rated_cop {rated_cop:g}: give the COP at 35 degC outdoors, above 0 and below 20")
        temps = np.linspace(*AIR_COOLED_RANGE, 29)
        return cls(temps, air_cooled_cop(rated_cop, temps))

    @property
    def set_points(self) -> tuple[SetPoint, ...]:
        """There are none."""
        return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """It needs the outdoor temperature."""
        return ("outdoor_temp",)

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the power of the plant [W]."""
        out = np.asarray(state.outdoor_temp, dtype=np.float64)
        cop = np.where(np.isnan(out), np.nan, np.interp(out, self.temps, self.cops))
        result: FloatArray = np.asarray(server_watts, dtype=np.float64) / cop
        return result


@dataclass(frozen=True, slots=True)
class ChillerAndFans:
    """A chiller that reaches a fraction of the Carnot COP, and fans by the cube of their speed.

    Chiller watts are heat / COP, COP = efficiency * Tw / (To + condenser - Tw) in kelvin, at most `highest_cop`. The
    heat is that of the servers and of the fans. Fan watts are fan_watts * (speed / rated speed)^3.

    Parameters
    ----------
    rated_watts
        Heat that the plant is made for [W].
    fan_watts
        Power of its fans at the rated speed [W].
    efficiency
        Fraction of the Carnot COP.
    condenser
        Condensing temperature above the outdoor temperature [K].
    highest_cop
        COP of free cooling, when only pumps run.
    approach
        Supply air above chilled water at the rated heat and fan speed [K].
    rated_speed
        Rated fan speed [rpm].

    Notes
    -----
    Sources: Chillers.Carnot_TEva of the Modelica Buildings Library for the Carnot effectiveness and its default of 0.5
    of typical water-cooled chillers; the affinity laws of fans for speed, pressure and power.

    Examples
    --------
    >>> plant = ChillerAndFans(20_000.0)
    >>> warm, cold = ({WATER: temp, FAN: 1200.0} for temp in (18.0, 8.0))
    >>> bool(plant.watts(2e4, PlantState(30.0, set_points=warm)) < plant.watts(2e4, PlantState(30.0, set_points=cold)))
    True
    """

    rated_watts: float
    fan_watts: float | None = None
    efficiency: float = 0.45
    condenser: float = 12.0
    highest_cop: float = 25.0
    approach: float = 8.0
    rated_speed: float = 1400.0
    error_watts: float | None = None

    def __post_init__(self) -> None:
        fans = 0.08 * self.rated_watts if self.fan_watts is None else self.fan_watts
        object.__setattr__(self, "fan_watts", fans)
        for name, low, high in (
            ("rated_watts", 1.0, 1e9),
            ("fan_watts", 0.0, 1e9),
            ("efficiency", 0.05, 1.0),
            ("condenser", 0.0, 40.0),
            ("highest_cop", 1.0, 100.0),
            ("approach", 0.0, 40.0),
            ("rated_speed", 1.0, 1e5),
        ):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name):g}: give a number from {low:g} to {high:g}")

    @property
    def set_points(self) -> tuple[SetPoint, ...]:
        """Temperature of the chilled water, and speed of the fans."""
        low, high = round(950 / 1400 * self.rated_speed), self.rated_speed
        return (
            SetPoint(WATER, "degC", 3.0, 32.0, 1.0, 12.0),
            SetPoint(FAN, "rpm", low, high, 10.0, high),
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """It needs the outdoor temperature."""
        return ("outdoor_temp",)

    @property
    def _air(self) -> SupplyAir:
        return SupplyAir(self.approach, 1.0, self.approach / self.rated_watts, self.rated_watts, self.rated_speed)

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the power of chiller and fans [W]."""
        water, fan = (state.value(point) for point in self.set_points)
        assert self.fan_watts is not None
        fans = self.fan_watts * (fan / self.rated_speed) ** 3
        lift = np.asarray(state.outdoor_temp, dtype=np.float64) + self.condenser - water
        with np.errstate(divide="ignore"):
            cop = np.where(lift > 0, self.efficiency * (water + KELVIN) / lift, self.highest_cop)
        cop = np.where(np.isnan(lift), np.nan, np.minimum(cop, self.highest_cop))
        result: FloatArray = (np.asarray(server_watts, dtype=np.float64) + fans) / cop + fans
        return result

    def supply_air_temp(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the temperature of the air that the plant supplies [degC]."""
        water, fan = (state.value(point) for point in self.set_points)
        return self._air.temp(water, fan, server_watts)

    def pressure_ratio(self, state: PlantState, present: PlantState) -> FloatArray:
        """Return the static pressure relative to that at the present fan speed."""
        return pressure_ratio(*(given.value(self.set_points[1]) for given in (state, present)))
