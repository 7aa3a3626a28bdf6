"""Objects of the API with only the fields that checks use. What is not here is neither kept nor put into a bundle."""

from __future__ import annotations

from typing import Any

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base: names in camelCase on the wire, and null where Go servers have an empty list."""


class Meta(Wire, frozen=True, kw_only=True):
    """metadata."""

    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: str | None = None
    generation: int = 0


class WireObject(Wire, frozen=True, kw_only=True):
    """An object with metadata."""

    metadata: Meta

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.metadata.name

    @property
    def key(self) -> str:
        """Namespace and name, or the name of a cluster-scoped object."""
        return f"{self.metadata.namespace}/{self.name}" if self.metadata.namespace else self.name

    def label(self, key: str) -> str | None:
        """Return the value of a label, or None."""
        return (self.metadata.labels or {}).get(key)


class Condition(Wire, frozen=True, kw_only=True):
    """One condition of a status."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None


class Conditions(Wire, frozen=True, kw_only=True):
    """A status with conditions."""

    conditions: list[Condition] | None = None

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, or None."""
        return next((item for item in self.conditions or () if item.type == kind), None)


class ServiceReference(Wire, frozen=True, kw_only=True):
    """The Service of an APIService."""

    namespace: str = ""
    name: str = ""


class ApiServiceSpec(Wire, frozen=True, kw_only=True):
    """spec of an APIService; `service` is None for groups of the API server itself."""

    group: str = ""
    version: str = ""
    service: ServiceReference | None = None
    ca_bundle: str | None = None
    insecure_skip_verify: bool = msgspec.field(name="insecureSkipTLSVerify", default=False)


class ApiService(WireObject, frozen=True, kw_only=True):
    """An APIService."""

    spec: ApiServiceSpec = ApiServiceSpec()
    status: Conditions = Conditions()


class CrdSchema(Wire, frozen=True, kw_only=True):
    """The schema of a version."""

    open_api: dict[str, Any] | None = msgspec.field(name="openAPIV3Schema", default=None)


class CrdVersion(Wire, frozen=True, kw_only=True):
    """A version of a custom resource."""

    name: str
    served: bool = False
    storage: bool = False
    schema: CrdSchema = CrdSchema()


class CrdSpec(Wire, frozen=True, kw_only=True):
    """spec of a CustomResourceDefinition."""

    versions: list[CrdVersion] | None = None


class Crd(WireObject, frozen=True, kw_only=True):
    """A CustomResourceDefinition."""

    spec: CrdSpec = CrdSpec()
    status: Conditions = Conditions()


class Taint(Wire, frozen=True, kw_only=True):
    """A taint."""

    key: str
    value: str = ""
    effect: str = ""


class NodeSpec(Wire, frozen=True, kw_only=True):
    """spec of a Node."""

    pod_cidrs: list[str] | None = msgspec.field(name="podCIDRs", default=None)
    unschedulable: bool = False
    taints: list[Taint] | None = None


class NodeInfo(Wire, frozen=True, kw_only=True):
    """status.nodeInfo of a Node."""

    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class NodeStatus(Conditions, frozen=True, kw_only=True):
    """status of a Node."""

    node_info: NodeInfo = NodeInfo()


class Node(WireObject, frozen=True, kw_only=True):
    """A Node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> bool:
        """Whether the condition Ready is True."""
        found = self.status.condition("Ready")
        return found is not None and found.status == "True"


class LeaseSpec(Wire, frozen=True, kw_only=True):
    """spec of a Lease."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None


class Lease(WireObject, frozen=True, kw_only=True):
    """A Lease."""

    spec: LeaseSpec = LeaseSpec()


class SecretVolume(Wire, frozen=True, kw_only=True):
    """The Secret of a volume."""

    secret_name: str = ""


class Volume(Wire, frozen=True, kw_only=True):
    """A volume."""

    name: str = ""
    secret: SecretVolume | None = None


class Container(Wire, frozen=True, kw_only=True):
    """A container."""

    name: str
    image: str = ""
    args: list[str] | None = None


class PodSpec(Wire, frozen=True, kw_only=True):
    """spec of the Pods of a workload."""

    containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    service_account_name: str = ""


class PodTemplate(Wire, frozen=True, kw_only=True):
    """The Pods of a workload."""

    spec: PodSpec = PodSpec()


class WorkloadSpec(Wire, frozen=True, kw_only=True):
    """spec of a Deployment or DaemonSet."""

    replicas: int | None = None
    template: PodTemplate = PodTemplate()


class WorkloadStatus(Wire, frozen=True, kw_only=True):
    """status of a Deployment or DaemonSet."""

    ready_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0


class Workload(WireObject, frozen=True, kw_only=True):
    """A Deployment or DaemonSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()

    @property
    def containers(self) -> list[Container]:
        """The containers of its Pods."""
        return self.spec.template.spec.containers or []

    @property
    def arguments(self) -> list[str]:
        """The arguments of its first container."""
        return (self.containers[0].args or []) if self.containers else []

    def argument(self, flag: str) -> str | None:
        """Return the value of a flag, empty for one without a value; None if it is not there."""
        found = [item.partition("=")[2] for item in self.arguments if item.partition("=")[0] == flag]
        return found[-1] if found else None

    @property
    def secrets(self) -> list[str]:
        """The Secrets that its Pods mount."""
        return [item.secret.secret_name for item in self.spec.template.spec.volumes or () if item.secret is not None]


class ContainerWaiting(Wire, frozen=True, kw_only=True):
    """Why a container waits."""

    reason: str = ""
    message: str = ""


class ContainerState(Wire, frozen=True, kw_only=True):
    """The state of a container."""

    waiting: ContainerWaiting | None = None


class ContainerStatus(Wire, frozen=True, kw_only=True):
    """The status of a container."""

    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodStatus(Conditions, frozen=True, kw_only=True):
    """status of a Pod."""

    phase: str = ""
    container_statuses: list[ContainerStatus] | None = None


class PodPlace(Wire, frozen=True, kw_only=True):
    """spec of a Pod."""

    node_name: str | None = None


class Pod(WireObject, frozen=True, kw_only=True):
    """A Pod."""

    spec: PodPlace = PodPlace()
    status: PodStatus = PodStatus()

    @property
    def trouble(self) -> str:
        """Why it is not ready, or an empty string."""
        for held in self.status.container_statuses or ():
            if held.state.waiting is not None and held.state.waiting.reason != "ContainerCreating":
                return held.state.waiting.reason
        scheduled = self.status.condition("PodScheduled")
        if scheduled is not None and scheduled.status == "False":
            return scheduled.message or scheduled.reason or "not scheduled"
        ready = self.status.condition("Ready")
        return "" if ready is None or ready.status == "True" else ready.reason or "not ready"


class Term(Wire, frozen=True, kw_only=True):
    """A sensor or a model of a NodeConfig."""

    type: str = ""
    endpoint: str = ""


class Predictor(Wire, frozen=True, kw_only=True):
    """The model of a NodeConfig."""

    power_consumption: Term | None = None
    power_consumption_endpoint_provider: Term | None = None


class StandbySpec(Wire, frozen=True, kw_only=True):
    """How a server is switched; times are Go durations."""

    method: str | None = None
    drain_timeout: str | None = None
    shutdown_timeout: str | None = None
    start_timeout: str | None = None


class NodeConfigSpec(Wire, frozen=True, kw_only=True):
    """spec of a NodeConfig."""

    node_name: str = ""
    metrics_collector: dict[str, Term | None] | None = None
    predictor: Predictor = Predictor()
    standby: StandbySpec | None = None


class MetricStatus(Wire, frozen=True, kw_only=True):
    """The last value of a metric."""

    name: str
    state: str | None = None
    value: str | None = None
    time: str | None = None
    reason: str | None = None


class StandbyStatus(Wire, frozen=True, kw_only=True):
    """What standby does with the node."""

    power_state: str | None = None
    phase: str | None = None
    since: str | None = None
    reason: str | None = None
    attempts: int | None = None


class NodeConfigStatus(Conditions, frozen=True, kw_only=True):
    """status of a NodeConfig."""

    metrics: list[MetricStatus] | None = None
    standby: StandbyStatus | None = None


class NodeConfig(WireObject, frozen=True, kw_only=True):
    """A NodeConfig."""

    spec: NodeConfigSpec = NodeConfigSpec()
    status: NodeConfigStatus = NodeConfigStatus()


class Template(WireObject, frozen=True, kw_only=True):
    """A NodeConfigTemplate."""

    status: Conditions = Conditions()


class ProxiedService(WireObject, frozen=True, kw_only=True):
    """A Service."""


class NodeMetrics(WireObject, frozen=True, kw_only=True):
    """CPU use of a node."""

    timestamp: str = ""


class ConfigMap(WireObject, frozen=True, kw_only=True):
    """A ConfigMap."""

    data: dict[str, str] | None = None


class CertificateData(Wire, frozen=True, kw_only=True):
    """The part of a TLS Secret that is no secret."""

    certificate: str = msgspec.field(name="tls.crt", default="")


class CertificateSecret(WireObject, frozen=True, kw_only=True):
    """A Secret of which only the certificate is kept."""

    data: CertificateData = CertificateData()
