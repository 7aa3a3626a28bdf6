"""What PodSpread asks of a pod now: the rule of `podspread` on the live cluster and our own last choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler import podspread
from wao_scheduler.inflight import InFlight
from wao_scheduler.owners import OwnerIndex
from wao_scheduler.podspread import BadRate, SpreadDecision


@dataclass(frozen=True, slots=True)
class Verdict:
    """What passes and why the rest does not; None restricts nothing. A refused annotation is told apart."""

    decision: SpreadDecision | None = None
    bad_rate: BadRate | None = None


class Spreading:
    """Applies the annotation to pods.

    Parameters
    ----------
    state
        Nodes, pods and workloads as last seen.
    inflight
        The choices made for pods that are not known to be bound.
    """

    def __init__(self, state: ClusterState, inflight: InFlight) -> None:
        self._state, self._inflight = state, inflight
        self._owners = OwnerIndex(state)

    def among(self, pod: Pod, names: Sequence[str]) -> Verdict:
        """Return which of the candidates a pod may go to."""
        placed = self._heeded(pod)
        if isinstance(placed, BadRate):
            return Verdict(bad_rate=placed)
        if placed is None:
            return Verdict()
        nodes = {name: self._state.nodes[name] for name in {*names, *placed} if name in self._state.nodes}
        return Verdict(podspread.spread(names, placed, nodes))

    def concerns(self, pod: Pod) -> bool:
        """Return whether it matters to the replicas to come where this pod goes."""
        return isinstance(self._heeded(pod), Counter)

    def _heeded(self, pod: Pod) -> Counter[str] | BadRate | None:
        """Return how many replicas each node has; None when there is no rate, or enough of them are placed."""
        above = podspread.controllers(pod, self._state)
        rate = podspread.spread_rate(pod, above)
        if isinstance(rate, BadRate):
            return rate
        if rate is None or pod.owner is None:
            return None
        wanted = podspread.redundancy(podspread.wanted_replicas(above), rate.rate)
        placed = self._owners.placed(pod.owner.uid, self._inflight.choices(pod.owner.uid), except_uid=pod.uid)
        return placed if placed.total() < wanted else None
