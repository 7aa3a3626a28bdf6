"""Pods with the fields that decide whether they may be evicted and where they could run instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import field

from wao_core.cluster.decode import PodObject, PodSpec, pod_fields
from wao_core.cluster.decoder import Decoder
from wao_core.cluster.metadata import ApiObject, Part
from wao_core.cluster.pod_cpu import memory_request
from wao_core.cluster.records import Pod
from wao_core.kube.collection import Collection
from wao_core.kube.resources import PODS

MIRROR = "kubernetes.io/config.mirror"
"""Annotation of the Pods that represent a kubelet's static Pods."""
COUNTED = frozenset({"cpu", "memory", "ephemeral-storage"})
"""Resources that are no extended resources, because every node has them."""


class Toleration(Part, frozen=True):
    """A toleration of a Pod."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Requirement(Part, frozen=True):
    """One requirement of a node selector term."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeTerm(Part, frozen=True):
    """One term of a node selector: all its requirements must be satisfied."""

    match_expressions: tuple[Requirement, ...] = ()
    match_fields: tuple[Requirement, ...] = ()


class FleetPod(Pod, frozen=True, gc=False, kw_only=True):
    """A Pod that could be moved.

    Attributes
    ----------
    memory_request
        Memory request [bytes], None when nothing states one.
    mirror
        Whether it represents a static Pod of the kubelet.
    critical
        Whether its priority class is one of those of the system.
    local_volumes
        Types of its volumes whose data is lost or stays behind when it leaves, such as "emptyDir".
    claims
        Names of its PersistentVolumeClaims.
    extended
        Names of the resources that it requests and not every node has, such as "nvidia.com/gpu" or "hugepages-2Mi".
    tied_to_pods
        Whether required pod affinity, pod anti-affinity or topology spread limit where it may run.
    node_selector, node_terms, tolerations
        What limits the nodes on which it may run; one of `node_terms` must match unless it is None.
    """

    memory_request: float | None = None
    mirror: bool = False
    critical: bool = False
    local_volumes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()
    tied_to_pods: bool = False
    node_selector: Mapping[str, str] = {}
    node_terms: tuple[NodeTerm, ...] | None = None
    tolerations: tuple[Toleration, ...] = ()

    @property
    def key(self) -> str:
        """The Pod as namespace/name."""
        return f"{self.namespace}/{self.name}"


class _Claim(Part, frozen=True):
    claim_name: str = ""


class _Volume(Part, frozen=True):
    empty_dir: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    ephemeral: dict[str, Any] | None = None
    persistent_volume_claim: _Claim | None = None


class _Terms(Part, frozen=True):
    node_selector_terms: tuple[NodeTerm, ...] = ()


class _NodeAffinity(Part, frozen=True):
    required: _Terms | None = field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)


class _PodAffinity(Part, frozen=True):
    required: tuple[dict[str, Any], ...] = field(name="requiredDuringSchedulingIgnoredDuringExecution", default=())


class _Affinity(Part, frozen=True):
    node_affinity: _NodeAffinity = _NodeAffinity()
    pod_affinity: _PodAffinity = _PodAffinity()
    pod_anti_affinity: _PodAffinity = _PodAffinity()


class _Spread(Part, frozen=True):
    when_unsatisfiable: str = "DoNotSchedule"


class _FleetPodSpec(PodSpec, frozen=True):
    volumes: tuple[_Volume, ...] = ()
    priority_class_name: str = ""
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    affinity: _Affinity = _Affinity()
    topology_spread_constraints: tuple[_Spread, ...] = ()
    resource_claims: tuple[dict[str, Any], ...] = ()


class _FleetPod(PodObject, frozen=True):
    spec: _FleetPodSpec = _FleetPodSpec()


class _Amounts(Part, frozen=True):
    requests: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


class _Container(Part, frozen=True):
    resources: _Amounts = _Amounts()


class _Containers(Part, frozen=True):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _Resources(ApiObject, frozen=True):
    """The names of all requested resources: the schema of the record drops those that it does not count."""

    spec: _Containers = _Containers()


def _fleet_pod(raw: _FleetPod) -> FleetPod:
    spec = raw.spec
    required = spec.affinity.node_affinity.required
    volumes = spec.volumes
    return FleetPod(
        **pod_fields(raw),
        memory_request=memory_request(spec),
        mirror=MIRROR in raw.metadata.annotations,
        critical=spec.priority_class_name.startswith("system-"),
        local_volumes=_local_volumes(volumes),
        claims=tuple(each.persistent_volume_claim.claim_name for each in volumes if each.persistent_volume_claim),
        extended=("a ResourceClaim",) if spec.resource_claims else (),
        tied_to_pods=_is_tied(spec),
        node_selector=spec.node_selector,
        node_terms=None if required is None else required.node_selector_terms,
        tolerations=spec.tolerations,
    )


def _local_volumes(volumes: Sequence[_Volume]) -> tuple[str, ...]:
    kinds = {"emptyDir": "empty_dir", "hostPath": "host_path", "ephemeral": "ephemeral"}
    return tuple(kind for kind, name in kinds.items() if any(getattr(volume, name) is not None for volume in volumes))


def _is_tied(spec: _FleetPodSpec) -> bool:
    affinity = spec.affinity
    spread = any(each.when_unsatisfiable == "DoNotSchedule" for each in spec.topology_spread_constraints)
    return bool(affinity.pod_affinity.required or affinity.pod_anti_affinity.required or spread)


def _extended(raw: _Resources) -> tuple[str, ...]:
    containers = (*raw.spec.containers, *raw.spec.init_containers)
    names = {name for each in containers for name in (*each.resources.requests, *each.resources.limits)}
    return tuple(sorted(names - COUNTED))


_POD: Decoder[FleetPod] = Decoder("Pod", _FleetPod, _fleet_pod)
_EXTENDED: Decoder[tuple[str, ...]] = Decoder("Pod", _Resources, _extended)


def decode_fleet_pod(body: bytes | msgspec.Raw) -> FleetPod:
    """Return the Pod in `body`, an object of the API as JSON.

    Raises
    ------
    ManifestError
        It is not a Pod; names the field.
    """
    pod = _POD.decode_json(body)
    extended = _EXTENDED.decode_json(body)
    return msgspec.structs.replace(pod, extended=(*pod.extended, *extended)) if extended else pod


FLEET_PODS: Collection[FleetPod] = Collection(PODS.path(), PODS.name, decode_fleet_pod, PODS.key)
"""All Pods of the cluster, for a reflector."""
