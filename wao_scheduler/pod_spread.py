"""PodSpread on the live cluster: the rule of `spread_rule`, with bound pods and choices of our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler import spread_rule
from wao_scheduler.assumed_pods import AssumedPods
from wao_scheduler.replicas import ReplicaIndex
from wao_scheduler.spread_rule import AllowedNodes, BadRate


@dataclass(frozen=True, slots=True)
class SpreadResult:
    """The allowed nodes, None if all are allowed; or the invalid annotation."""

    allowed: AllowedNodes | None = None
    bad_rate: BadRate | None = None


class PodSpread:
    """Applies the annotation `waok8s.github.io/podspread-rate` to pods.

    Parameters
    ----------
    state
        Nodes, pods and workloads.
    assumed_pods
        Choices for pods that are not known to be bound.
    """

    def __init__(self, state: ClusterState, assumed_pods: AssumedPods) -> None:
        self._state, self._assumed_pods = state, assumed_pods
        self._replicas = ReplicaIndex(state)

    def among(self, pod: Pod, names: Sequence[str]) -> SpreadResult:
        """Return which candidates a pod may go to."""
        placed = self._placed_replicas(pod)
        if isinstance(placed, BadRate):
            return SpreadResult(bad_rate=placed)
        if placed is None:
            return SpreadResult()
        nodes = {name: self._state.nodes[name] for name in {*names, *placed} if name in self._state.nodes}
        return SpreadResult(spread_rule.spread(names, placed, nodes))

    def concerns(self, pod: Pod) -> bool:
        """Return whether this pod's placement affects how later replicas spread."""
        return isinstance(self._placed_replicas(pod), Counter)

    def _placed_replicas(self, pod: Pod) -> Counter[str] | BadRate | None:
        """Return the replicas by node name; None if there is no rate or enough replicas are placed."""
        above = spread_rule.controllers(pod, self._state)
        rate = spread_rule.spread_rate(pod, above)
        if isinstance(rate, BadRate):
            return rate
        if rate is None or pod.owner is None:
            return None
        wanted = spread_rule.redundancy(spread_rule.wanted_replicas(above), rate.rate)
        owner = pod.owner_identity
        placed = self._replicas.placed(owner, self._assumed_pods.choices(owner), except_pod=pod.identity)
        return placed if placed.total() < wanted else None
