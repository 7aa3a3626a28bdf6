"""JSON and YAML of the API to records, in one pass and without client models.

Go servers send null for empty lists and maps; unknown fields are ignored; a wrong type names the object and field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from wao_core.cluster import wire
from wao_core.cluster.pod_cpu import cpu_limit, cpu_request
from wao_core.cluster.records import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Kind,
    LoadBalancerIngress,
    Node,
    NodeMetrics,
    OwnerRef,
    Pod,
    PodMetrics,
    Record,
    Service,
    ServicePort,
    Workload,
)
from wao_core.crds.node_configs import node_config, node_config_template
from wao_core.errors import ManifestError
from wao_predict.errors import QuantityError, WaoError
from wao_predict.quantity import cores

T = TypeVar("T")
KEPT_ANNOTATIONS = ("waok8s.github.io/", "node.waok8s.github.io/")
"""Prefixes of the annotations that records of pods keep; others can be large and are never read."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    records: list[Record]
    resource_version: str
    continue_token: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch. `record` is None for bookmarks and errors, which have `code` and `message`."""

    type: str
    record: Record | None
    resource_version: str
    code: int = 0
    message: str = ""


def decode_object(kind: Kind, raw: Mapping[str, Any], *, api_kind: str = "") -> Record:
    """Return the record of one object.

    Parameters
    ----------
    raw
        The object as decoded JSON or YAML.
    api_kind
        For workloads: Deployment, ReplicaSet or StatefulSet; taken from the object when it says so.

    Raises
    ------
    ManifestError
        A field has the wrong type or a value that cannot be used; names the field.
    """
    schema, convert = _DECODERS[kind]
    try:
        return convert(msgspec.convert(raw, schema, strict=False), str(raw.get("kind") or api_kind))
    except msgspec.ValidationError as error:
        raise _refused(kind, raw, error) from None
    except WaoError as error:
        raise _refused(kind, raw, error) from None


def decode_json(kind: Kind, body: bytes) -> Record:
    """Return the record of one object in JSON: `decode_object` without the mapping between, several times as quick.

    Raises
    ------
    msgspec.DecodeError
        It is not JSON.
    ManifestError
        As of `decode_object`.
    """
    schema, convert = _DECODERS[kind]
    try:
        return convert(msgspec.json.decode(body, type=schema, strict=False), "")
    except (msgspec.ValidationError, WaoError):
        return decode_object(kind, msgspec.json.decode(body, type=dict[str, Any]))  # which names the field


def decode_list(kind: Kind, body: bytes, *, api_kind: str = "") -> Page:
    """Return the records of a list response; an object that cannot be decoded is left out and logged."""
    page = msgspec.json.decode(body, type=wire.RawList)
    records = [record for raw in page.items or () if (record := _lenient(kind, raw, api_kind)) is not None]
    return Page(records, page.metadata.resourceVersion or "", page.metadata.continue_ or "")


def decode_watch_line(kind: Kind, line: bytes, *, api_kind: str = "") -> WatchEvent:
    """Return the event in one line of a watch."""
    event = msgspec.json.decode(line, type=wire.RawEvent)
    if event.type in ("ERROR", "BOOKMARK"):
        said = msgspec.json.decode(event.object, type=wire.StatusOrBookmark)
        return WatchEvent(event.type, None, said.metadata.resourceVersion or "", said.code or 0, said.message or "")
    version = msgspec.json.decode(event.object, type=wire.Versioned).metadata.resourceVersion or ""
    return WatchEvent(event.type, _lenient(kind, event.object, api_kind), version)


def _lenient(kind: Kind, raw: msgspec.Raw, api_kind: str) -> Record | None:
    schema, convert = _DECODERS[kind]
    try:
        return convert(msgspec.json.decode(raw, type=schema, strict=False), api_kind)
    except Exception as error:  # one bad object must not stop the table
        wire.log.warning("one %s is left out: %s", kind, error)
        return None


def _refused(kind: Kind, raw: Mapping[str, Any], error: Exception) -> ManifestError:
    if isinstance(error, ManifestError):
        return error
    message, _, path = str(error).partition(" - at `$.")
    metadata = raw.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    where = path.rstrip("`") or (_unreadable_cpu(raw) if isinstance(error, QuantityError) else "")
    return ManifestError(f"{kind} {name}: {message}", field=where)


def _unreadable_cpu(raw: object, path: str = "") -> str:
    """Return where an object has a CPU that is not a quantity; "" where there is none."""
    if isinstance(raw, list):
        return next((found for i, item in enumerate(raw) if (found := _unreadable_cpu(item, f"{path}[{i}]"))), "")
    if not isinstance(raw, Mapping):
        return ""
    for key, value in raw.items():
        below = f"{path}.{key}" if path else str(key)
        if key == "cpu":
            try:
                cores(value)
            except QuantityError:
                return below
        elif found := _unreadable_cpu(value, below):
            return found
    return ""


def timestamp(text: str | None) -> float | None:
    """Return an RFC 3339 time in seconds since the epoch, None for none or an unreadable one."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _meta(metadata: wire.Meta, *, annotations: bool = True) -> dict[str, Any]:
    kept = metadata.annotations or {}
    if not annotations:
        kept = {key: value for key, value in kept.items() if key.startswith(KEPT_ANNOTATIONS)}
    return {
        "name": metadata.name,
        "uid": metadata.uid or "",
        "labels": metadata.labels or {},
        "annotations": kept,
        "created": timestamp(metadata.creationTimestamp),
    }


def _namespaced(metadata: wire.Meta, *, annotations: bool = True) -> dict[str, Any]:
    return _meta(metadata, annotations=annotations) | {"namespace": metadata.namespace or "default"}


def _owner(metadata: wire.Meta) -> OwnerRef | None:
    for owner in metadata.ownerReferences or ():
        if owner.controller:
            return OwnerRef(owner.kind, owner.name, owner.uid or "")
    return None


def _cpu(resources: Mapping[str, Any] | None) -> float | None:
    quantity = (resources or {}).get("cpu")
    return None if quantity is None else cores(quantity)


def _node(raw: wire.Node, _: str) -> Record:
    status, spec = raw.status or wire.NodeStatus(), raw.spec or wire.NodeSpec()
    ready = next((item.status for item in status.conditions or () if item.type == "Ready"), "True")
    cidrs = spec.podCIDRs or ([spec.podCIDR] if spec.podCIDR else [])
    return Node(
        **_meta(raw.metadata),
        capacity_cores=_cpu(status.capacity),
        allocatable_cores=_cpu(status.allocatable) if status.allocatable else _cpu(status.capacity),
        addresses=tuple((item.type, item.address) for item in status.addresses or ()),
        pod_cidrs=tuple(cidrs),
        provider_id=spec.providerID or "",
        ready=ready == "True",
        unschedulable=bool(spec.unschedulable),
        taint_keys=tuple(taint.key for taint in spec.taints or ()),
    )


def _pod(raw: wire.Pod, _: str) -> Record:
    spec, status = raw.spec or wire.PodSpec(), raw.status or wire.PodStatus()
    conditions = {item.type: item for item in status.conditions or ()}
    scheduled, ready = conditions.get("PodScheduled"), conditions.get("Ready")
    states = [item.state or wire.ContainerState() for item in status.containerStatuses or ()]
    started = [timestamp(state.running.startedAt) for state in states if state.running is not None]
    running = bool(states) and len(started) == len(states) and None not in started
    waiting = next((state.waiting.reason for state in states if state.waiting is not None), None)
    return Pod(
        **_namespaced(raw.metadata, annotations=False),
        node_name=spec.nodeName or None,
        phase=status.phase or "Pending",
        scheduler_name=spec.schedulerName or "default-scheduler",
        owner=_owner(raw.metadata),
        cpu_request=cpu_request(spec),
        cpu_limit=cpu_limit(spec),
        scheduled_at=timestamp(scheduled.lastTransitionTime) if scheduled and scheduled.status == "True" else None,
        started_at=max(time for time in started if time is not None) if running else None,
        ready=ready is not None and ready.status == "True",
        terminating=raw.metadata.deletionTimestamp is not None,
        waiting_reason=waiting,
        ips=tuple(item.ip for item in status.podIPs or () if item.ip),
    )


def _workload(raw: wire.Workload, api_kind: str) -> Record:
    return Workload(
        **_namespaced(raw.metadata),
        kind=api_kind,
        replicas=1 if raw.spec is None or raw.spec.replicas is None else raw.spec.replicas,
        owner=_owner(raw.metadata),
    )


def _service(raw: wire.Service, _: str) -> Record:
    spec = raw.spec or wire.ServiceSpec()
    ingress = raw.status.loadBalancer.ingress if raw.status and raw.status.loadBalancer else None
    client_ip = spec.sessionAffinityConfig.clientIP if spec.sessionAffinityConfig else None
    return Service(
        **_namespaced(raw.metadata),
        type=spec.type or "ClusterIP",
        cluster_ips=tuple(spec.clusterIPs or ([spec.clusterIP] if spec.clusterIP else [])),
        ports=tuple(
            ServicePort(
                port=port.port,
                name=port.name or "",
                protocol=port.protocol or "TCP",
                target_port=port.targetPort,
                node_port=port.nodePort or None,
            )
            for port in spec.ports or ()
        ),
        external_ips=tuple(spec.externalIPs or ()),
        ingress=tuple(
            LoadBalancerIngress(ip=item.ip, ip_mode=item.ipMode or "VIP") for item in ingress or () if item.ip
        ),
        source_ranges=tuple(spec.loadBalancerSourceRanges or ()),
        external_traffic_policy=spec.externalTrafficPolicy or "Cluster",
        internal_traffic_policy=spec.internalTrafficPolicy or "Cluster",
        session_affinity=spec.sessionAffinity or "None",
        affinity_timeout=(client_ip.timeoutSeconds if client_ip else None) or 10800,
        health_check_node_port=spec.healthCheckNodePort or None,
        publish_not_ready=bool(spec.publishNotReadyAddresses),
    )


def _endpoint(raw: wire.Endpoint) -> Endpoint:
    conditions = raw.conditions or wire.EndpointConditions()
    target = raw.targetRef or wire.TargetRef()
    ready = conditions.ready is not False
    return Endpoint(
        addresses=tuple(raw.addresses or ()),
        node_name=raw.nodeName or None,
        zone=raw.zone or None,
        ready=ready,
        serving=ready if conditions.serving is None else conditions.serving,
        terminating=bool(conditions.terminating),
        target_kind=target.kind or "",
        target_name=target.name or "",
    )


def _endpoint_slice(raw: wire.EndpointSlice, _: str) -> Record:
    fields = _namespaced(raw.metadata)
    return EndpointSlice(
        **fields,
        service=fields["labels"].get("kubernetes.io/service-name"),
        address_type=raw.addressType or "IPv4",
        endpoints=tuple(_endpoint(item) for item in raw.endpoints or ()),
        ports=tuple(
            EndpointPort(name=port.name or "", port=port.port, protocol=port.protocol or "TCP")
            for port in raw.ports or ()
        ),
    )


def _sample(raw: wire.Metrics) -> tuple[float, float]:
    from wao_core.cluster.durations import parse_duration

    measured = timestamp(raw.timestamp)
    if measured is None:
        raise ManifestError("the time of the sample is missing or not RFC 3339", field="timestamp")
    return measured, parse_duration(raw.window) if raw.window else 0.0


def _node_metrics(raw: wire.Metrics, _: str) -> Record:
    measured, window = _sample(raw)
    used = _cpu(raw.usage)
    if used is None:
        raise ManifestError("the CPU use is missing", field="usage.cpu")
    return NodeMetrics(**_meta(raw.metadata), cpu_cores=used, timestamp=measured, window=window)


def _pod_metrics(raw: wire.Metrics, _: str) -> Record:
    measured, window = _sample(raw)
    parts = [_cpu(container.usage) for container in raw.containers or ()]
    if not parts or None in parts:
        raise ManifestError("the CPU use of a container is missing", field="containers[].usage.cpu")
    total = sum(part for part in parts if part is not None)
    return PodMetrics(**_namespaced(raw.metadata), cpu_cores=total, timestamp=measured, window=window)


def _node_config(raw: dict[str, Any], _: str) -> Record:
    metadata = wire.meta_of(raw)
    return node_config(raw, _namespaced(metadata) | {"owner": _owner(metadata)})


Converter = Callable[[Any, str], Record]
_DECODERS: dict[Kind, tuple[Any, Converter]] = {
    Kind.NODE: (wire.Node, _node),
    Kind.POD: (wire.Pod, _pod),
    Kind.WORKLOAD: (wire.Workload, _workload),
    Kind.SERVICE: (wire.Service, _service),
    Kind.ENDPOINT_SLICE: (wire.EndpointSlice, _endpoint_slice),
    Kind.NODE_METRICS: (wire.Metrics, _node_metrics),
    Kind.POD_METRICS: (wire.Metrics, _pod_metrics),
    Kind.NODE_CONFIG: (dict[str, Any], _node_config),
    Kind.NODE_CONFIG_TEMPLATE: (
        dict[str, Any],
        lambda raw, _: node_config_template(raw, _namespaced(wire.meta_of(raw))),
    ),
}
