"""Why a Pod stays where it is: the rules of the rebalancer on top of those of every drain. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wao_fleet.drain.constraints import Constraints
from wao_fleet.drain.evictable import why_not_evictable
from wao_fleet.drain.pods import FleetPod
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.settings import RebalanceSettings


@dataclass(frozen=True, slots=True)
class MoveRules:
    """What decides whether a Pod may be moved now.

    Parameters
    ----------
    replicas
        Number of Pods of each workload.
    now
        The time [s since the epoch].
    """

    settings: RebalanceSettings
    constraints: Constraints
    memory: Memory
    replicas: Mapping[str, int]
    now: float

    def why_stays(self, pod: FleetPod) -> str:
        """Return why a Pod must not be moved, or an empty string when it may."""
        settings = self.settings
        if pod.namespace in settings.excluded:
            return f"its namespace {pod.namespace} is excluded"
        claims = self.constraints.local_claims
        return (
            why_not_evictable(pod, jobs=settings.jobs, local_claims=claims)
            or self._why_its_place_is_unknown(pod)
            or self._why_not_now(pod)
        )

    def _why_its_place_is_unknown(self, pod: FleetPod) -> str:
        """Return why it cannot be predicted where a Pod would go: it could stay without a node."""
        if pod.tied_to_pods:
            return "required affinity or spread to other Pods limits where it may run"
        if pod.extended:
            return f"it needs {pod.extended[0]}, and how much of that is free is not known"
        unknown = [claim for claim in pod.claims if f"{pod.namespace}/{claim}" not in self.constraints.volumes]
        return f"the volume of its claim {unknown[0]} is not known" if unknown else ""

    def _why_not_now(self, pod: FleetPod) -> str:
        if pod.terminating:
            return "it is being deleted"
        if not pod.ready:
            return "it is not ready"
        if budget := self.constraints.exhausted(pod):
            return f"its PodDisruptionBudget {budget} allows no eviction now"
        if not self.memory.may_move(pod.owner_identity, self.replicas.get(pod.owner_identity, 1), self.now):
            return "its workload was moved recently"
        if self.age(pod) < self.settings.budgets.minimum_age:
            return f"it has been on its node for less than {self.settings.budgets.minimum_age:g} s"
        return ""

    def age(self, pod: FleetPod) -> float:
        """Return how long a Pod has been on its node [s]; 0 if that is not known."""
        since = pod.created if pod.scheduled_at is None else pod.scheduled_at
        return 0.0 if since is None else max(self.now - since, 0.0)
