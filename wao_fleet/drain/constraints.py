"""What else limits evictions and places of Pods: PodDisruptionBudgets and the nodes of volumes.

Both are listed when they are needed, not watched: they are few, and the Eviction API has the last word on budgets.
"""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wao_core.cluster.decoder import Decoder
from wao_core.cluster.metadata import ApiObject, Part
from wao_core.cluster.records import Node
from wao_core.cluster.selector import matches
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.kube.collection import Collection, decode_list
from wao_core.kube.resources import api_path
from wao_fleet.drain.places import matches_terms
from wao_fleet.drain.pods import FleetPod, NodeTerm

HOST_NAME = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A PodDisruptionBudget: the Pods that it selects, and how many may be evicted now; None if that is not known."""

    name: str
    namespace: str
    selector: Mapping[str, Any] | None
    allowed: int | None

    def covers(self, pod: FleetPod) -> bool:
        """Return whether it selects a Pod; without a selector it selects none, with an empty one all."""
        return self.selector is not None and pod.namespace == self.namespace and matches(self.selector, pod.labels)


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolume.

    Attributes
    ----------
    name
        Its name.
    claim
        The claim as namespace/name, empty if it has none.
    local
        Whether its data is on one node.
    terms
        Terms of which a node must match one, None if any node will do.
    """

    claim: str
    local: bool
    terms: tuple[NodeTerm, ...] | None = None
    name: str = ""

    def places(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Return the nodes on which its data may be; none if the data is not on a node.

        A volume that only one node can reach is on that node, whatever its kind is. A local volume without terms may be
        on any node.
        """
        if self.terms is None:
            return nodes if self.local else ()
        found = [node for node in nodes if matches_terms(self.terms, node)]
        return found if self.local or len(found) == 1 else ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """Budgets by namespace, and the volume of each claim."""

    budgets: Mapping[str, Sequence[DisruptionBudget]] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)

    @property
    def local_claims(self) -> Keys[str]:
        """Claims whose data is on one node, as namespace/name."""
        return {claim for claim, volume in self.volumes.items() if volume.local}

    def exhausted(self, pod: FleetPod) -> str:
        """Return the budget that allows no eviction of a Pod now, or an empty string."""
        for budget in self.budgets.get(pod.namespace, ()):
            if budget.allowed is not None and budget.allowed < 1 and budget.covers(pod):
                return budget.name
        return ""


class _BudgetSpec(Part, frozen=True):
    selector: dict[str, Any] | None = None


class _BudgetStatus(Part, frozen=True):
    disruptions_allowed: int | None = None


class _Budget(ApiObject, frozen=True):
    spec: _BudgetSpec = _BudgetSpec()
    status: _BudgetStatus = _BudgetStatus()


def _budget(raw: _Budget) -> DisruptionBudget:
    metadata = raw.metadata
    namespace = metadata.namespace or "default"
    return DisruptionBudget(metadata.name, namespace, raw.spec.selector, raw.status.disruptions_allowed)


class _ClaimRef(Part, frozen=True):
    namespace: str = ""
    name: str = ""


class _Terms(Part, frozen=True):
    node_selector_terms: tuple[NodeTerm, ...] = ()


class _VolumeAffinity(Part, frozen=True):
    required: _Terms | None = None


class _VolumeSpec(Part, frozen=True):
    claim_ref: _ClaimRef | None = None
    local: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    node_affinity: _VolumeAffinity = _VolumeAffinity()


class _Volume(ApiObject, frozen=True):
    spec: _VolumeSpec = _VolumeSpec()


def _volume(raw: _Volume) -> Volume:
    spec = raw.spec
    required = spec.node_affinity.required
    terms = None if required is None else required.node_selector_terms
    by_host = any(item.key == HOST_NAME for term in terms or () for item in term.match_expressions)
    claim = f"{spec.claim_ref.namespace}/{spec.claim_ref.name}" if spec.claim_ref else ""
    local = spec.local is not None or spec.host_path is not None or by_host
    return Volume(claim, local, terms, raw.metadata.name)


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}"


_BUDGETS: Collection[DisruptionBudget] = Collection(
    api_path("policy/v1", "poddisruptionbudgets"),
    "poddisruptionbudgets.policy",
    Decoder("PodDisruptionBudget", _Budget, _budget).decode_json,
    _key,
)
_VOLUMES: Collection[Volume] = Collection(
    api_path("v1", "persistentvolumes"),
    "persistentvolumes",
    Decoder("PersistentVolume", _Volume, _volume).decode_json,
    _key,
)


async def read_volumes(client: KubeClient) -> list[Volume]:
    """Return all PersistentVolumes of the cluster.

    Raises
    ------
    SourceError
        The list, or one of them, cannot be read: its data could be on any node.
    """
    page = decode_list(await client.get(_VOLUMES.path, query=[("resourceVersion", "0")]), _VOLUMES)
    for name, reason in page.unreadable.items():
        raise SourceError(f"PersistentVolume {name.strip('/')} cannot be read: {reason}")
    return page.objects


def volumes_by_node(volumes: Sequence[Volume], nodes: Sequence[Node]) -> dict[str, str]:
    """Return the name of a volume whose data is, or may be, on a node, by the name of the node."""
    found: dict[str, str] = {}
    for volume in volumes:
        for node in volume.places(nodes):
            found.setdefault(node.name, volume.name)
    return found


async def read_constraints(client: KubeClient) -> Constraints:
    """Return the budgets and volumes of the cluster.

    Raises
    ------
    SourceError
        A list cannot be read.
    """
    budgets: dict[str, list[DisruptionBudget]] = {}
    for budget in decode_list(await client.get(_BUDGETS.path), _BUDGETS).objects:
        budgets.setdefault(budget.namespace, []).append(budget)
    volumes = decode_list(await client.get(_VOLUMES.path), _VOLUMES).objects
    return Constraints(budgets, {volume.claim: volume for volume in volumes if volume.claim})
