"""Cooling plants: what they use, and the set points at which servers and plant together use least.

    >>> from wao_predict.cooling import CoolingFactor, PlantState
    >>> CoolingFactor(0.4).watts(10_000.0, PlantState()).tolist()
    4000.0

Names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "air": "SupplyAir",
    "models": "ChillerAndFans CoolingFactor CopCurve air_cooled_cop",
    "plant": "CoolingCurve CoolingModel PlantState SetPoint",
    "published": "TrainedPlant",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

if TYPE_CHECKING:
    from wao_predict.cooling.air import SupplyAir
    from wao_predict.cooling.models import ChillerAndFans, CoolingFactor, CopCurve, air_cooled_cop
    from wao_predict.cooling.plant import CoolingCurve, CoolingModel, PlantState, SetPoint
    from wao_predict.cooling.published import TrainedPlant

__all__ = [
    "ChillerAndFans",
    "CoolingCurve",
    "CoolingFactor",
    "CoolingModel",
    "CopCurve",
    "PlantState",
    "SetPoint",
    "SupplyAir",
    "TrainedPlant",
    "air_cooled_cop",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'wao_predict.cooling' has no attribute {name!r}")
    return getattr(import_module(f"wao_predict.cooling.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
