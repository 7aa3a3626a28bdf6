"""Settings of the rebalancer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from wao_fleet.windows import Windows
from wao_predict.increase import Rule
from wao_predict.rebalance import Budgets

PURPOSE = "rebalance"
"""Name of this application in the marks on a Node."""
COMPONENT = "wao-rebalance"
"""Name of the Lease and of the ConfigMap."""


class Mode(StrEnum):
    """What becomes of a plan."""

    RECOMMEND = "recommend"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceSettings:
    """Settings of the rebalancer. Times are in seconds.

    Parameters
    ----------
    mode
        Whether plans are only shown or also carried out.
    period
        Time between two plans.
    budgets
        Limits of one plan.
    windows
        Times at which Pods may be moved.
    rule
        Increase rule of the scheduler, which predicts where Pods go.
    jobs
        Whether Pods of Jobs may be evicted.
    excluded
        Namespaces whose Pods are never evicted.
    namespace
        Namespace of the Lease and of the ConfigMap.
    settle
        Time between the mark on a Node and the first eviction, in which schedulers learn of the mark.
    deadline
        Time within which the eviction of one Pod must be allowed.
    created
        Time for which replacements that are not created yet are waited for.
    replaced
        Time within which evicted Pods must have ended and their replacements must have a node.
    measured_within
        Time after a drain within which power meters must have a new sample, to compare it with the prediction.
    """

    mode: Mode = Mode.RECOMMEND
    period: float = 600.0
    budgets: Budgets = field(default_factory=Budgets)
    windows: Windows = field(default_factory=Windows)
    rule: Rule = "lookahead"
    jobs: bool = False
    excluded: frozenset[str] = frozenset({"kube-system"})
    namespace: str = "wao-system"
    settle: float = 2.0
    deadline: float = 120.0
    created: float = 20.0
    replaced: float = 180.0
    measured_within: float = 90.0
