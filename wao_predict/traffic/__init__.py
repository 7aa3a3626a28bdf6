"""Split the traffic of Services among their endpoints by predicted power.

The arithmetic of `wao lb`, for notebooks and simulations: arrays in, weights out. It knows no Kubernetes.

`weigh` gives the weights of many Services by the rule `lookahead` or `proportional`, within `Limits`. `advance` makes
one damped step from the weights of a `TrafficState` towards them. `split_watts` is the power that a split costs.
"""

from __future__ import annotations

from wao_predict.traffic.limits import Limits
from wao_predict.traffic.pools import Nodes, Pools, ServiceTraffic, split_watts
from wao_predict.traffic.reasons import NOTE_TEXTS, REASON_TEXTS, RULES, Note, Reason, Rule
from wao_predict.traffic.state import PreviousPlan, TrafficState
from wao_predict.traffic.steps import Pace, Step, advance
from wao_predict.traffic.weights import Weights, weigh

__all__ = [
    "NOTE_TEXTS",
    "REASON_TEXTS",
    "RULES",
    "Limits",
    "Nodes",
    "Note",
    "Pace",
    "Pools",
    "PreviousPlan",
    "Reason",
    "Rule",
    "ServiceTraffic",
    "Step",
    "TrafficState",
    "Weights",
    "advance",
    "split_watts",
    "weigh",
]
