"""Which API paths the kinds live under."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.cluster.records import Kind

GROUP = "node.waok8s.github.io"
VERSION = "v1beta1"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API: its kind of record, group version, plural and scope."""

    kind: Kind
    api_version: str
    api_kind: str
    plural: str
    namespaced: bool = True

    @property
    def prefix(self) -> str:
        """The path of its group version."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the path of one object, or of a list (of all namespaces without `namespace`)."""
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{self.prefix}{scope}/{self.plural}{tail}"


NODES = Resource(Kind.NODE, "v1", "Node", "nodes", namespaced=False)
PODS = Resource(Kind.POD, "v1", "Pod", "pods")
SERVICES = Resource(Kind.SERVICE, "v1", "Service", "services")
ENDPOINT_SLICES = Resource(Kind.ENDPOINT_SLICE, "discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
DEPLOYMENTS = Resource(Kind.WORKLOAD, "apps/v1", "Deployment", "deployments")
REPLICA_SETS = Resource(Kind.WORKLOAD, "apps/v1", "ReplicaSet", "replicasets")
STATEFUL_SETS = Resource(Kind.WORKLOAD, "apps/v1", "StatefulSet", "statefulsets")
NODE_CONFIGS = Resource(Kind.NODE_CONFIG, f"{GROUP}/{VERSION}", "NodeConfig", "nodeconfigs")
NODE_CONFIG_TEMPLATES = Resource(
    Kind.NODE_CONFIG_TEMPLATE, f"{GROUP}/{VERSION}", "NodeConfigTemplate", "nodeconfigtemplates"
)
NODE_METRICS = Resource(Kind.NODE_METRICS, "metrics.k8s.io/v1beta1", "NodeMetrics", "nodes", namespaced=False)
POD_METRICS = Resource(Kind.POD_METRICS, "metrics.k8s.io/v1beta1", "PodMetrics", "pods")

WATCHED: dict[Kind, tuple[Resource, ...]] = {
    Kind.NODE: (NODES,),
    Kind.POD: (PODS,),
    Kind.SERVICE: (SERVICES,),
    Kind.ENDPOINT_SLICE: (ENDPOINT_SLICES,),
    Kind.WORKLOAD: (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS),
    Kind.NODE_CONFIG: (NODE_CONFIGS,),
    Kind.NODE_CONFIG_TEMPLATE: (NODE_CONFIG_TEMPLATES,),
}
"""Kinds that are followed by watch."""

POLLED: dict[Kind, Resource] = {Kind.NODE_METRICS: NODE_METRICS, Kind.POD_METRICS: POD_METRICS}
"""Kinds without watch: read whole once a period."""
