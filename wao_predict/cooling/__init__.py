"""Cooling plants: what they use, and the set points at which servers and plant together use least.

    >>> from wao_predict.cooling import CoolingFactor, PlantState
    >>> CoolingFactor(0.4).watts(10_000.0, PlantState()).tolist()
    4000.0

Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wao_predict.lazy import lazy_names

_HOMES = {
    "air": "SupplyAir",
    "groups": "Cooling GroupedCooling Plant cost_curves",
    "models": "ChillerAndFans CoolingFactor CopCurve air_cooled_cop",
    "plant": "CoolingCurve CoolingModel PlantState SetPoint",
    "plant_file": "read_plants",
    "plot": "SetPointDisplay",
    "published": "TrainedPlant",
    "servers": "server_table watts_of_servers watts_with_pods",
    "set_points": "Limits Recommendation optimize",
    "site": "Outcomes ServerTable Site",
    "what_if": "CooledWhatIf what_if_cooled",
}

if TYPE_CHECKING:
    from wao_predict.cooling.air import SupplyAir
    from wao_predict.cooling.groups import Cooling, GroupedCooling, Plant, cost_curves
    from wao_predict.cooling.models import ChillerAndFans, CoolingFactor, CopCurve, air_cooled_cop
    from wao_predict.cooling.plant import CoolingCurve, CoolingModel, PlantState, SetPoint
    from wao_predict.cooling.plant_file import read_plants
    from wao_predict.cooling.plot import SetPointDisplay
    from wao_predict.cooling.published import TrainedPlant
    from wao_predict.cooling.servers import server_table, watts_of_servers, watts_with_pods
    from wao_predict.cooling.set_points import Limits, Recommendation, optimize
    from wao_predict.cooling.site import Outcomes, ServerTable, Site
    from wao_predict.cooling.what_if import CooledWhatIf, what_if_cooled

__all__ = [
    "ChillerAndFans",
    "CooledWhatIf",
    "Cooling",
    "CoolingCurve",
    "CoolingFactor",
    "CoolingModel",
    "CopCurve",
    "GroupedCooling",
    "Limits",
    "Outcomes",
    "Plant",
    "PlantState",
    "Recommendation",
    "ServerTable",
    "SetPoint",
    "SetPointDisplay",
    "Site",
    "SupplyAir",
    "TrainedPlant",
    "air_cooled_cop",
    "cost_curves",
    "optimize",
    "read_plants",
    "server_table",
    "watts_of_servers",
    "watts_with_pods",
    "what_if_cooled",
]


_find = lazy_names(__name__, _HOMES, globals())


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
