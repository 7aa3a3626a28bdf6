"""The resources of the API that are read, and their paths.

`api_path` is the only place where a path is put together: it quotes every segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from wao_core.cluster.names import API_VERSION
from wao_core.cluster.records import Kind
from wao_core.errors import SourceError


def api_path(api_version: str, plural: str, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the path of a collection, of one object, or of a subresource, with every segment percent-encoded.

    Parameters
    ----------
    api_version
        "v1" for the core group, else "group/version".
    plural
        The resource's plural name, such as "secrets".
    namespace, name, subresource
        Empty for none. Without `namespace` a list covers all namespaces.

    Raises
    ------
    SourceError
        A segment is "." or "..", which proxies and servers fold.
    """
    root = ("apis", *api_version.split("/")) if "/" in api_version else ("api", api_version)
    scope = ("namespaces", namespace) if namespace else ()
    tail = [part for part in (name, subresource) if part]
    segments = [*root, *scope, plural, *tail]
    if folded := [segment for segment in segments if segment in (".", "..")]:
        raise SourceError(f"{folded[0]!r} is not a name: it must be lower-case letters, digits, '-' and '.'")
    return "".join(f"/{quote(segment, safe='*')}" for segment in segments)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API: its kind of record, group version, plural and scope."""

    kind: Kind
    api_version: str
    api_kind: str
    plural: str
    namespaced: bool = True

    @property
    def name(self) -> str:
        """The plural with its group, as kubectl takes it, such as "nodes.metrics.k8s.io"."""
        group, slash, _ = self.api_version.rpartition("/")
        return f"{self.plural}.{group}" if slash else self.plural

    def key(self, namespace: str, name: str) -> str:
        """Return the key of an object in its table, equal to `records.key_of` of its record."""
        key = f"{namespace or 'default'}/{name}" if self.namespaced else name
        return f"{self.api_kind}/{key}" if self.kind is Kind.WORKLOAD else key

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of one object, or of a list; see `api_path`."""
        scope = namespace if self.namespaced else ""
        return api_path(self.api_version, self.plural, namespace=scope, name=name, subresource=subresource)


NODES = Resource(Kind.NODE, "v1", "Node", "nodes", namespaced=False)
PODS = Resource(Kind.POD, "v1", "Pod", "pods")
SERVICES = Resource(Kind.SERVICE, "v1", "Service", "services")
ENDPOINT_SLICES = Resource(Kind.ENDPOINT_SLICE, "discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
DEPLOYMENTS = Resource(Kind.WORKLOAD, "apps/v1", "Deployment", "deployments")
REPLICA_SETS = Resource(Kind.WORKLOAD, "apps/v1", "ReplicaSet", "replicasets")
STATEFUL_SETS = Resource(Kind.WORKLOAD, "apps/v1", "StatefulSet", "statefulsets")
NODE_CONFIGS = Resource(Kind.NODE_CONFIG, API_VERSION, "NodeConfig", "nodeconfigs")
NODE_CONFIG_TEMPLATES = Resource(Kind.NODE_CONFIG_TEMPLATE, API_VERSION, "NodeConfigTemplate", "nodeconfigtemplates")
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
"""Kinds that are watched."""

POLLED: dict[Kind, Resource] = {Kind.NODE_METRICS: NODE_METRICS, Kind.POD_METRICS: POD_METRICS}
"""Kinds without watch, listed once a period."""

RESOURCES: dict[str, Resource] = {
    resource.api_kind: resource
    for resource in (*(each for group in WATCHED.values() for each in group), *POLLED.values())
}
"""All resources by the API's name of the kind."""
