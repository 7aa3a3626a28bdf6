"""Flat, immutable records of cluster objects with only the fields that are used.

5,000 Nodes and 20,000 Pods take about 26 MiB (`benchmarks/state.py`). Times are seconds since the epoch, CPU is in
cores, and a field that the object does not state is None or has the API's default. `wao_core.cluster.decode` makes
records from JSON or YAML. Parts that keep the shape of the API (ports, ingress points) are decoded directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from wao_core.cluster.addresses import canonical_address
from wao_predict.calibration.correction import Correction
from wao_predict.endpoint import Endpoint as ConfiguredEndpoint


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The fields of every record.

    The resource version is left out: it grows with every heartbeat and status update, and records that differ in
    nothing else must be equal.
    """

    name: str
    uid: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    created: float | None = None


class NamespacedRecord(Record, frozen=True, gc=False, kw_only=True):
    """A record of a namespaced object."""

    namespace: str


class OwnerRef(msgspec.Struct, frozen=True, gc=False):
    """The controlling owner of an object."""

    kind: str
    name: str
    uid: str = ""


class Taint(msgspec.Struct, frozen=True, gc=False):
    """A taint of a Node; `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str = ""
    effect: str = ""


class Node(Record, frozen=True, gc=False, kw_only=True):
    """A Node; addresses are (type, address) pairs in the order of its status."""

    capacity_cores: float | None = None
    allocatable_cores: float | None = None
    allocatable_memory: float | None = None  # bytes
    allocatable_pods: float | None = None
    addresses: tuple[tuple[str, str], ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    provider_id: str = ""
    ready: bool = True
    unschedulable: bool = False
    terminating: bool = False
    taints: tuple[Taint, ...] = ()

    def address(self, kind: str) -> str | None:
        """Return the first address of that type, such as "InternalIP", or None."""
        return next((address for type_, address in self.addresses if type_ == kind), None)


class Pod(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """A Pod; `wao_core.cluster.pod_cpu` defines `cpu_request` and `cpu_limit`."""

    node_name: str | None = None
    phase: str = "Pending"
    scheduler_name: str = "default-scheduler"
    owner: OwnerRef | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None
    scheduled_at: float | None = None
    started_at: float | None = None  # when the last of its containers started; None until each has
    ready: bool = False
    terminating: bool = False
    waiting_reason: str | None = None  # of the first waiting container, such as ImagePullBackOff

    @property
    def identity(self) -> str:
        """The identity of this Pod: its uid, or namespace and name for a Pod without one, as in manifests."""
        return self.uid or f"{self.namespace}/{self.name}"

    @property
    def owner_identity(self) -> str:
        """The same of its controller, or an empty string without one."""
        owner = self.owner
        return "" if owner is None else owner.uid or f"{owner.kind}/{self.namespace}/{owner.name}"

    @property
    def tied_to_node(self) -> bool:
        """Whether this Pod lives and ends with its node: one of a DaemonSet, or a static Pod."""
        return self.owner is not None and self.owner.kind in ("DaemonSet", "Node")

    @property
    def finished(self) -> bool:
        """Whether all containers have ended."""
        return self.phase in ("Succeeded", "Failed")


class Workload(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """A Deployment, ReplicaSet or StatefulSet; `replicas` is the desired number."""

    kind: str
    replicas: int | None = None
    owner: OwnerRef | None = None


class SensorTerm(msgspec.Struct, frozen=True, gc=False):
    """One sensor of a NodeConfig: its endpoint, and the time between two readings [s]."""

    endpoint: ConfiguredEndpoint
    interval: float = 15.0  # the default of the reference


class WakeOnLan(msgspec.Struct, frozen=True, gc=False):
    """Where a magic packet goes; `broadcast_address` is empty for the limited broadcast."""

    mac_address: str
    broadcast_address: str = ""
    port: int = 9


class Standby(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How the server of a node is switched off and on; times in seconds, power in watts.

    `bmc` is the BMC with the account that may switch power, None for a server without one. `system` is empty where the
    BMC has one System only.
    """

    method: str = "DryRun"
    bmc: ConfiguredEndpoint | None = None
    system: str = ""
    wake_on_lan: WakeOnLan | None = None
    group: str = ""
    force_off: bool = False
    drain_timeout: float = 600.0
    shutdown_timeout: float = 600.0
    start_timeout: float = 600.0
    off_watts: float = 8.0

    @property
    def dry_run(self) -> bool:
        """Whether nothing is switched, and only reported."""
        return self.method == "DryRun"


class Calibration(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The calibration of a node's model: the mode of the spec, and from the status the model and its corrections.

    `used` has passed its shadow period, `shadow` is tried, and `previous` is compared with `used`.
    """

    mode: str = "Off"
    model: str = ""
    used: Correction | None = None
    shadow: Correction | None = None
    previous: Correction | None = None

    def applied_to(self, model: str) -> Correction | None:
        """Return the correction that is in use for a model, or None."""
        return self.used if self.mode == "Apply" and self.model == model else None


class NodeConfig(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """A NodeConfig: where a node's sensors and its power model are, and how its server is switched off and on.

    The secret of an endpoint is "namespace/name", always in the NodeConfig's own namespace.
    """

    generation: int = 0
    node_name: str
    owner: OwnerRef | None = None
    metrics: Mapping[str, SensorTerm] = {}  # "inlet_temp", "delta_p", "power_watts"
    power_consumption: ConfiguredEndpoint | None = None
    endpoint_provider: ConfiguredEndpoint | None = None
    calibration: Calibration | None = None
    standby: Standby | None = None


class NodeConfigTemplate(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """A NodeConfigTemplate: the spec as in the manifest, its strings still unrendered."""

    generation: int = 0
    node_selector: Mapping[str, object] = {}
    template: Mapping[str, object] = {}


class ServicePort(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """One port of a Service."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    node_port: int | None = None


class LoadBalancerIngress(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """One ingress point of a Service's load balancer; `ip` is empty for one with a host name."""

    ip: str = ""
    ip_mode: str = "VIP"


class Service(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """The parts of a Service that a service proxy needs.

    With a selector, the EndpointSlice controller of Kubernetes writes the slices of the Service.
    """

    type: str = "ClusterIP"
    has_selector: bool = False
    cluster_ips: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    external_ips: tuple[str, ...] = ()
    ingress: tuple[LoadBalancerIngress, ...] = ()
    source_ranges: tuple[str, ...] = ()
    external_traffic_policy: str = "Cluster"
    internal_traffic_policy: str = "Cluster"
    session_affinity: str = "None"
    affinity_timeout: int = 10800  # seconds
    health_check_node_port: int | None = None

    @property
    def families(self) -> tuple[str, ...]:
        """The address families of the cluster IPs, "IPv4" or "IPv6", the primary one first."""
        return tuple("IPv6" if ":" in canonical_address(address) else "IPv4" for address in self.cluster_ips)


class Endpoint(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One endpoint of an EndpointSlice."""

    addresses: tuple[str, ...]
    node_name: str | None = None
    zone: str | None = None
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    target_kind: str = ""
    target_name: str = ""


class EndpointPort(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One port of an EndpointSlice; None means all ports, which a proxy cannot use."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"


class EndpointSlice(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """An EndpointSlice; `service` is the value of its label kubernetes.io/service-name."""

    service: str | None = None
    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class NodeMetrics(Record, frozen=True, gc=False, kw_only=True):
    """CPU use of a node from metrics.k8s.io: cores on average over `window` seconds that end at `timestamp`."""

    cpu_cores: float
    timestamp: float
    window: float = 0.0


class PodMetrics(NamespacedRecord, frozen=True, gc=False, kw_only=True):
    """CPU use of a pod (all containers) from metrics.k8s.io."""

    cpu_cores: float
    timestamp: float
    window: float = 0.0


class Kind(StrEnum):
    """The kinds a source delivers."""

    NODE = "Node"
    POD = "Pod"
    WORKLOAD = "Workload"
    NODE_CONFIG = "NodeConfig"
    NODE_CONFIG_TEMPLATE = "NodeConfigTemplate"
    SERVICE = "Service"
    ENDPOINT_SLICE = "EndpointSlice"
    NODE_METRICS = "NodeMetrics"
    POD_METRICS = "PodMetrics"


def key_of(record: Record) -> str:
    """Return the key of a record in its table: "name", "namespace/name", or for workloads "Kind/namespace/name"."""
    if isinstance(record, Workload):
        return f"{record.kind}/{record.namespace}/{record.name}"
    if isinstance(record, NamespacedRecord):
        return f"{record.namespace}/{record.name}"
    return record.name
