"""Decode Services and EndpointSlices to records."""

from __future__ import annotations

import msgspec
from msgspec import field

from wao_core.cluster.decoder import Decoder
from wao_core.cluster.metadata import ApiObject, Part
from wao_core.cluster.names import SERVICE_NAME, ZONE
from wao_core.cluster.records import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    LoadBalancerIngress,
    Record,
    Service,
    ServicePort,
)


class _ClientIP(Part, frozen=True):
    timeout_seconds: int = 10800


class _AffinityConfig(Part, frozen=True):
    client_ip: _ClientIP = field(name="clientIP", default=_ClientIP())


class _ServiceSpec(Part, frozen=True):
    type: str = "ClusterIP"
    selector: dict[str, str] = field(default_factory=dict)
    cluster_ip: str = field(name="clusterIP", default="")
    cluster_ips: tuple[str, ...] = field(name="clusterIPs", default=())
    ports: tuple[ServicePort, ...] = ()
    external_ips: tuple[str, ...] = field(name="externalIPs", default=())
    source_ranges: tuple[str, ...] = field(name="loadBalancerSourceRanges", default=())
    external_traffic_policy: str = "Cluster"
    internal_traffic_policy: str = "Cluster"
    session_affinity: str = "None"
    session_affinity_config: _AffinityConfig = _AffinityConfig()
    health_check_node_port: int | None = None


class _LoadBalancer(Part, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class _ServiceStatus(Part, frozen=True):
    load_balancer: _LoadBalancer = _LoadBalancer()


class _Service(ApiObject, frozen=True):
    spec: _ServiceSpec = _ServiceSpec()
    status: _ServiceStatus = _ServiceStatus()


def _service(raw: _Service) -> Record:
    spec = msgspec.structs.asdict(raw.spec)
    cluster_ip, affinity = spec.pop("cluster_ip"), spec.pop("session_affinity_config")
    spec["has_selector"] = bool(spec.pop("selector"))
    spec["cluster_ips"] = spec["cluster_ips"] or ((cluster_ip,) if cluster_ip else ())
    return Service(
        **raw.metadata.namespaced(),
        **spec,
        affinity_timeout=affinity.client_ip.timeout_seconds,
        ingress=tuple(item for item in raw.status.load_balancer.ingress if item.ip),
    )


class _EndpointConditions(Part, frozen=True):
    ready: bool = True
    serving: bool | None = None
    terminating: bool = False


class _TargetRef(Part, frozen=True):
    kind: str = ""
    name: str = ""


class _Endpoint(Part, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: _EndpointConditions = _EndpointConditions()
    node_name: str | None = None
    zone: str | None = None
    deprecated_topology: dict[str, str] = field(default_factory=dict)  # of slices from before Kubernetes 1.21
    target_ref: _TargetRef = _TargetRef()


class _EndpointSlice(ApiObject, frozen=True):
    address_type: str = "IPv4"
    endpoints: tuple[_Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


def _endpoint_slice(raw: _EndpointSlice) -> Record:
    return EndpointSlice(
        **raw.metadata.namespaced(),
        service=raw.metadata.labels.get(SERVICE_NAME),
        address_type=raw.address_type,
        endpoints=tuple(map(_endpoint, raw.endpoints)),
        ports=raw.ports,
    )


def _endpoint(raw: _Endpoint) -> Endpoint:
    conditions, topology = raw.conditions, raw.deprecated_topology
    return Endpoint(
        addresses=raw.addresses,
        node_name=raw.node_name or topology.get("kubernetes.io/hostname") or None,
        zone=raw.zone or topology.get(ZONE) or None,
        ready=conditions.ready,
        serving=conditions.ready if conditions.serving is None else conditions.serving,
        terminating=conditions.terminating,
        target_kind=raw.target_ref.kind,
        target_name=raw.target_ref.name,
    )


SERVICE: Decoder[Record] = Decoder("Service", _Service, _service)
ENDPOINT_SLICE: Decoder[Record] = Decoder("EndpointSlice", _EndpointSlice, _endpoint_slice)
