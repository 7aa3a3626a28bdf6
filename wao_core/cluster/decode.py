"""Decoders of Kubernetes' own kinds, from JSON or YAML to records.

Records are flat and objects of the API are nested, so most kinds have two structs: the record in
`wao_core.cluster.records`, and here the parts of the object from which it is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import field

from wao_core.cluster.decode_services import ENDPOINT_SLICE, SERVICE
from wao_core.cluster.decoder import Decoder
from wao_core.cluster.durations import parse_duration
from wao_core.cluster.metadata import ApiObject, Part
from wao_core.cluster.pod_cpu import Amounts, PodResources, amount, cpu_limit, cpu_request
from wao_core.cluster.records import Node, NodeMetrics, Pod, PodMetrics, Record, Taint, Workload
from wao_core.errors import ManifestError
from wao_predict.timestamps import parse_rfc3339


class _Condition(Part, frozen=True):
    type: str
    status: str
    last_transition_time: str | None = None


class _Address(Part, frozen=True):
    type: str
    address: str


class _NodeSpec(Part, frozen=True):
    pod_cidr: str = field(name="podCIDR", default="")
    pod_cidrs: tuple[str, ...] = field(name="podCIDRs", default=())
    provider_id: str = field(name="providerID", default="")
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class _NodeStatus(Part, frozen=True):
    capacity: Amounts = Amounts()
    allocatable: Amounts = Amounts()
    addresses: tuple[_Address, ...] = ()
    conditions: tuple[_Condition, ...] = ()


class _Node(ApiObject, frozen=True):
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()


def _node(raw: _Node) -> Record:
    status, spec = raw.status, raw.spec
    allocatable = status.capacity.cpu if status.allocatable.cpu is None else status.allocatable.cpu
    ready = next((item.status for item in status.conditions if item.type == "Ready"), "True")
    return Node(
        **raw.metadata.fields(),
        capacity_cores=status.capacity.cpu,
        allocatable_cores=allocatable,
        allocatable_memory=_number(status.allocatable.memory),
        allocatable_pods=_number(status.allocatable.pods),
        addresses=tuple((item.type, item.address) for item in status.addresses),
        pod_cidrs=spec.pod_cidrs or ((spec.pod_cidr,) if spec.pod_cidr else ()),
        provider_id=spec.provider_id,
        ready=ready == "True",
        unschedulable=spec.unschedulable,
        terminating=bool(raw.metadata.deletion_timestamp),
        taints=spec.taints,
    )


def _number(quantity: str | int | float | None) -> float | None:
    return None if quantity is None else amount(quantity)


class PodSpec(PodResources, frozen=True):
    """The parts of a Pod's spec that its record needs."""

    node_name: str = ""
    scheduler_name: str = "default-scheduler"


class _Run(Part, frozen=True):
    started_at: str | None = None


class _Waiting(Part, frozen=True):
    reason: str = ""


class _ContainerState(Part, frozen=True):
    running: _Run | None = None
    terminated: _Run | None = None
    waiting: _Waiting | None = None


class _ContainerStatus(Part, frozen=True):
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()

    @property
    def started_at(self) -> float | None:
        """The start of its previous run, else of its present one; None for a container that never ran.

        A restarted container counts from its previous run, whose CPU is in the samples.
        """
        run = self.last_state.terminated or self.state.running or self.state.terminated
        return None if run is None else parse_rfc3339(run.started_at)


class _PodStatus(Part, frozen=True):
    phase: str = "Pending"
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_ContainerStatus, ...] = ()


class PodObject(ApiObject, frozen=True):
    """The parts of a Pod that its record needs."""

    spec: PodSpec = PodSpec()
    status: _PodStatus = _PodStatus()


def pod_fields(raw: PodObject) -> dict[str, Any]:
    """Return the fields of a `Pod`."""
    spec, status, metadata = raw.spec, raw.status, raw.metadata
    conditions = {item.type: item for item in status.conditions if item.status == "True"}
    scheduled = conditions.get("PodScheduled")
    states = [item.state for item in status.container_statuses]
    return metadata.namespaced(annotations=False) | {
        "node_name": spec.node_name or None,
        "phase": status.phase or "Pending",
        "scheduler_name": spec.scheduler_name,
        "owner": metadata.owner,
        "cpu_request": cpu_request(spec),
        "cpu_limit": cpu_limit(spec),
        "scheduled_at": parse_rfc3339(scheduled.last_transition_time) if scheduled else None,
        "started_at": _started(status.container_statuses),
        "ready": "Ready" in conditions,
        "terminating": bool(metadata.deletion_timestamp),
        "waiting_reason": next((state.waiting.reason for state in states if state.waiting), None) or None,
    }


def _pod(raw: PodObject) -> Record:
    return Pod(**pod_fields(raw))


def _started(statuses: Sequence[_ContainerStatus]) -> float | None:
    """Return when the last container started, or None before each has; one that has finished uses no more CPU."""
    unfinished = [status for status in statuses if status.state.terminated is None] or statuses
    started = [status.started_at for status in unfinished]
    known = [time for time in started if time is not None]
    return max(known) if known and len(known) == len(started) else None


class _WorkloadSpec(Part, frozen=True):
    replicas: int = 1


class _Workload(ApiObject, frozen=True):
    spec: _WorkloadSpec = _WorkloadSpec()


def _workload(kind: str, raw: _Workload) -> Record:
    metadata = raw.metadata
    return Workload(**metadata.namespaced(), kind=kind, replicas=raw.spec.replicas, owner=metadata.owner)


class _ContainerUsage(Part, frozen=True):
    usage: Amounts = Amounts()


class _Metrics(ApiObject, frozen=True):
    timestamp: str = ""
    window: str = ""
    usage: Amounts = Amounts()
    containers: tuple[_ContainerUsage, ...] = ()


def _node_metrics(raw: _Metrics) -> Record:
    if raw.usage.cpu is None:
        raise ManifestError("the CPU use is missing", field="usage.cpu")
    return NodeMetrics(**raw.metadata.fields(), **_sample(raw), cpu_cores=raw.usage.cpu)


def _pod_metrics(raw: _Metrics) -> Record:
    parts = [container.usage.cpu for container in raw.containers]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        raise ManifestError("the CPU use of a container is missing", field="containers[].usage.cpu")
    return PodMetrics(**raw.metadata.namespaced(), **_sample(raw), cpu_cores=sum(known))


def _sample(raw: _Metrics) -> dict[str, Any]:
    measured = parse_rfc3339(raw.timestamp)
    if measured is None:
        raise ManifestError("the time of the sample is missing or not RFC 3339", field="timestamp")
    return {"timestamp": measured, "window": parse_duration(raw.window) if raw.window else 0.0}


POD: Decoder[Record] = Decoder("Pod", PodObject, _pod)
DECODERS: Mapping[str, Decoder[Record]] = {
    "Node": Decoder("Node", _Node, _node),
    "Pod": POD,
    "Service": SERVICE,
    "EndpointSlice": ENDPOINT_SLICE,
    "NodeMetrics": Decoder("NodeMetrics", _Metrics, _node_metrics),
    "PodMetrics": Decoder("PodMetrics", _Metrics, _pod_metrics),
    **{
        kind: Decoder(kind, _Workload, partial(_workload, kind)) for kind in ("Deployment", "ReplicaSet", "StatefulSet")
    },
}
"""Decoders by the API's name of the kind."""
