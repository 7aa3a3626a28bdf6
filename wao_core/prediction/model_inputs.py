"""What a model needs to know of a node, and what is known. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wao_predict.endpoint import Endpoint
from wao_predict.features import FEATURES

TEMPERATURE_STEP = 0.25
"""Change of the inlet temperature after which a curve is predicted again [degC]; below the sensors' resolution."""
PRESSURE_STEP = 0.5
"""Change of the pressure difference after which a curve is predicted again [Pa]."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The inputs of one node's curve: its model, inlet temperature [degC] and pressure difference [Pa].

    An input that the model does not need, or that is not known, is NaN. `capacity_cores` is the node's CPU if the unit
    of models' CPU usage is cores, else 0.
    """

    model: Endpoint
    inlet_temp: float
    delta_p: float
    capacity_cores: float = 0.0

    def close_to(self, other: Conditions) -> bool:
        """Return whether a curve for `other` is still valid."""
        return (
            (self.model is other.model or self.model == other.model)
            and self.capacity_cores == other.capacity_cores
            and not abs(self.inlet_temp - other.inlet_temp) >= TEMPERATURE_STEP  # also if NaN, because not needed
            and not abs(self.delta_p - other.delta_p) >= PRESSURE_STEP
        )

    def distance(self, other: Conditions) -> float:
        """Return how different two sets of conditions are, in steps; inputs that are not known do not count."""
        steps = (
            abs(self.inlet_temp - other.inlet_temp) / TEMPERATURE_STEP,
            abs(self.delta_p - other.delta_p) / PRESSURE_STEP,
        )
        return sum(step for step in steps if not math.isnan(step))


@dataclass(frozen=True, slots=True)
class Needs:
    """The inputs that a model needs in addition to the CPU load.

    Attributes
    ----------
    inlet_temp, delta_p
        Whether it needs this input.
    others
        Names of features that nothing collects, empty without any.
    """

    inlet_temp: bool
    delta_p: bool
    others: str = ""

    @classmethod
    def of(cls, features: Sequence[str]) -> Needs:
        """Return the needs of a model with these features."""
        others = ", ".join(name for name in features if name not in FEATURES)
        return cls("inlet_temp" in features, "delta_p" in features, others)

    def met_by(self, conditions: Conditions) -> bool:
        """Return whether every input that is needed is known."""
        return not (
            self.others
            or (self.inlet_temp and math.isnan(conditions.inlet_temp))
            or (self.delta_p and math.isnan(conditions.delta_p))
        )


STANDARD = Needs.of(FEATURES)
"""The needs of a model that is not open yet, as far as is known."""
