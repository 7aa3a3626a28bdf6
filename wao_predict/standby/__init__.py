"""Decide which servers to switch off, and which to start before anybody waits.

The simulator and the controller of `wao standby` call the same `decide`. It knows no Kubernetes and no BMC: arrays in,
actions out. `watts_per_core` gives the order of the nodes.
"""

from __future__ import annotations

from wao_predict.standby.decision import Decision, decide
from wao_predict.standby.settings import StandbySettings
from wao_predict.standby.state import (
    Action,
    ActionKind,
    History,
    NodeState,
    PodGroup,
    StandbyNodes,
    curves_when_off,
    watts_per_core,
)

__all__ = [
    "Action",
    "ActionKind",
    "Decision",
    "History",
    "NodeState",
    "PodGroup",
    "StandbyNodes",
    "StandbySettings",
    "curves_when_off",
    "decide",
    "watts_per_core",
]
