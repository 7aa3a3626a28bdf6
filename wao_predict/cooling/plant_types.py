"""The models of plants by type, made of the parameters in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.cooling.models import ChillerAndFans, CoolingFactor, CopCurve
from wao_predict.cooling.plant import CoolingModel
from wao_predict.errors import UsageError


def _factor(given: Mapping[str, Any], pue: float | None) -> CoolingModel:
    return CoolingFactor(**given)


def _pue(given: Mapping[str, Any], pue: float | None) -> CoolingModel:
    if pue is None:
        raise UsageError("the PUE is unknown: it could not be measured")
    return CoolingFactor.from_pue(pue)


def _cop(given: Mapping[str, Any], pue: float | None) -> CoolingModel:
    if "curve" not in given:
        return CopCurve.air_cooled(**given)
    if len(given) > 1:
        raise UsageError("curve: give either curve or rated_cop")
    try:
        pairs = np.array(given["curve"], dtype=np.float64).reshape(len(given["curve"]), 2)
    except (ValueError, TypeError):
        raise UsageError("curve: write pairs of outdoor temperature and COP, such as [[20, 5.1], [35, 3.0]]") from None
    return CopCurve(pairs[:, 0], pairs[:, 1])


def _chiller(given: Mapping[str, Any], pue: float | None) -> CoolingModel:
    return ChillerAndFans(**given)


def _published(given: Mapping[str, Any], pue: float | None) -> CoolingModel:
    from wao_predict.cooling.air import SupplyAir
    from wao_predict.cooling.published import INCLUDED, PUBLISHED_AIR, TrainedPlant

    air = given.get("supply_air")
    path = Path(given["file"]) if "file" in given else INCLUDED
    made = PUBLISHED_AIR if air is None else SupplyAir(**air)
    return TrainedPlant(path, float(given.get("units", 1.0)), made)


TYPES: Mapping[str, Callable[[Mapping[str, Any], float | None], CoolingModel]] = {
    "factor": _factor,
    "pue": _pue,
    "cop": _cop,
    "chiller": _chiller,
    "published": _published,
}
"""What makes the model of each type, from its parameters and the PUE."""
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "factor": ("factor",),
    "pue": (),
    "cop": ("curve", "rated_cop"),
    "chiller": (
        "rated_watts",
        "fan_watts",
        "efficiency",
        "condenser",
        "highest_cop",
        "approach",
        "rated_speed",
    ),
    "published": ("file", "units", "supply_air"),
}
"""Parameters of each type."""
