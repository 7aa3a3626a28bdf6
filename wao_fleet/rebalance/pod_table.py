"""All Pods of the cluster, as a watch delivers them."""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Iterable, Mapping

from wao_core.kube.client import KubeClient
from wao_core.kube.reflector import Reflector
from wao_fleet.drain.pods import FLEET_PODS, FleetPod


class PodTable:
    """The last known Pods by namespace/name; a sink of a reflector."""

    def __init__(self) -> None:
        self._pods: dict[str, FleetPod] = {}

    @property
    def pods(self) -> Mapping[str, FleetPod]:
        """The Pods (live; do not change it)."""
        return self._pods

    def put(self, key: str, item: FleetPod) -> None:
        """Add or replace one Pod."""
        self._pods[key] = item

    def remove(self, key: str) -> None:
        """Remove one Pod."""
        self._pods.pop(key, None)

    def replace(self, items: Iterable[FleetPod], unreadable: Keys[str]) -> None:
        """Replace all Pods; those that could not be read stay as they are."""
        kept = {key: pod for key in unreadable if (pod := self._pods.get(key)) is not None}
        self._pods = kept | {pod.key: pod for pod in items}

    def current(self, pod: FleetPod) -> FleetPod | None:
        """Return the present state of a Pod, None if it is gone or another one has its name."""
        found = self._pods.get(pod.key)
        return found if found is not None and found.uid == pod.uid else None

    def count(self, workloads: Keys[str]) -> dict[str, int]:
        """Return the number of Pods of some workloads, by owner identity; those that end do not count."""
        found = dict.fromkeys(workloads, 0)
        for pod in self._pods.values():
            if pod.owner_identity in found and not pod.finished and not pod.terminating:
                found[pod.owner_identity] += 1
        return found

    def without_node(self, workloads: Keys[str]) -> list[str]:
        """Return the Pods of some workloads that have no node yet, by owner identity."""
        return sorted(
            pod.key
            for pod in self._pods.values()
            if pod.owner_identity in workloads and pod.node_name is None and not pod.finished
        )


def follow_pods(client: KubeClient, table: PodTable) -> Reflector[FleetPod]:
    """Return the reflector that keeps the table; run it as a supervised task."""
    return Reflector(client, FLEET_PODS, table)
