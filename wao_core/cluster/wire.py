"""The parts of API objects that are read, as msgspec structs in the API's own field names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

log = logging.getLogger("wao_core.cluster.decode")

Quantity = str | int | float


class _Wire(msgspec.Struct, gc=False, kw_only=True):
    """Every field may be missing or null."""


class OwnerReference(_Wire):
    kind: str
    name: str
    uid: str | None = None
    controller: bool | None = None


class Meta(_Wire):
    name: str
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None
    generation: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    ownerReferences: list[OwnerReference] | None = None


def meta_of(raw: Mapping[str, Any]) -> Meta:
    """Return the metadata of a decoded object."""
    return msgspec.convert(raw.get("metadata") or {}, Meta, strict=False)


class ListMeta(_Wire):
    resourceVersion: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")


class RawList(_Wire):
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[msgspec.Raw] | None = None


class RawEvent(_Wire):
    type: str
    object: msgspec.Raw


class Versioned(_Wire):
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class StatusOrBookmark(Versioned):
    code: int | None = None
    message: str | None = None


class Condition(_Wire):
    type: str
    status: str
    lastTransitionTime: str | None = None


class Address(_Wire):
    type: str
    address: str


class Taint(_Wire):
    key: str


class NodeSpec(_Wire):
    podCIDR: str | None = None
    podCIDRs: list[str] | None = None
    providerID: str | None = None
    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class NodeStatus(_Wire):
    capacity: dict[str, Quantity] | None = None
    allocatable: dict[str, Quantity] | None = None
    addresses: list[Address] | None = None
    conditions: list[Condition] | None = None


class Node(_Wire):
    metadata: Meta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class Resources(_Wire):
    requests: dict[str, Quantity] | None = None
    limits: dict[str, Quantity] | None = None


class Container(_Wire):
    resources: Resources | None = None
    restartPolicy: str | None = None


class PodSpec(_Wire):
    nodeName: str | None = None
    schedulerName: str | None = None
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None
    overhead: dict[str, Quantity] | None = None
    resources: Resources | None = None


class Running(_Wire):
    startedAt: str | None = None


class Waiting(_Wire):
    reason: str | None = None


class ContainerState(_Wire):
    running: Running | None = None
    waiting: Waiting | None = None


class ContainerStatus(_Wire):
    state: ContainerState | None = None


class PodIP(_Wire):
    ip: str | None = None


class PodStatus(_Wire):
    phase: str | None = None
    conditions: list[Condition] | None = None
    containerStatuses: list[ContainerStatus] | None = None
    podIPs: list[PodIP] | None = None


class Pod(_Wire):
    metadata: Meta
    spec: PodSpec | None = None
    status: PodStatus | None = None


class WorkloadSpec(_Wire):
    replicas: int | None = None


class Workload(_Wire):
    metadata: Meta
    spec: WorkloadSpec | None = None


class Port(_Wire):
    port: int
    name: str | None = None
    protocol: str | None = None
    targetPort: int | str | None = None
    nodePort: int | None = None


class ClientIP(_Wire):
    timeoutSeconds: int | None = None


class AffinityConfig(_Wire):
    clientIP: ClientIP | None = None


class ServiceSpec(_Wire):
    type: str | None = None
    clusterIP: str | None = None
    clusterIPs: list[str] | None = None
    ports: list[Port] | None = None
    externalIPs: list[str] | None = None
    loadBalancerSourceRanges: list[str] | None = None
    externalTrafficPolicy: str | None = None
    internalTrafficPolicy: str | None = None
    sessionAffinity: str | None = None
    sessionAffinityConfig: AffinityConfig | None = None
    healthCheckNodePort: int | None = None
    publishNotReadyAddresses: bool | None = None


class Ingress(_Wire):
    ip: str | None = None
    ipMode: str | None = None


class LoadBalancer(_Wire):
    ingress: list[Ingress] | None = None


class ServiceStatus(_Wire):
    loadBalancer: LoadBalancer | None = None


class Service(_Wire):
    metadata: Meta
    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class EndpointConditions(_Wire):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(_Wire):
    kind: str | None = None
    name: str | None = None


class Endpoint(_Wire):
    addresses: list[str] | None = None
    conditions: EndpointConditions | None = None
    nodeName: str | None = None
    zone: str | None = None
    targetRef: TargetRef | None = None


class SlicePort(_Wire):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(_Wire):
    metadata: Meta
    addressType: str | None = None
    endpoints: list[Endpoint] | None = None
    ports: list[SlicePort] | None = None


class ContainerUsage(_Wire):
    usage: dict[str, Quantity] | None = None


class Metrics(_Wire):
    metadata: Meta
    timestamp: str | None = None
    window: str | None = None
    usage: dict[str, Quantity] | None = None
    containers: list[ContainerUsage] | None = None
