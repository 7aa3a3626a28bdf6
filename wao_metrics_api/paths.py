"""Paths under /apis/custom.metrics.k8s.io (sigs.k8s.io/custom-metrics-apiserver, pkg/apiserver/installer). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.serving.status import StatusError
from wao_metrics_api.names import GROUP, RESOURCE_NAMES, VERSIONS

GROUP_PATH = f"/apis/{GROUP}"


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """A request for the APIGroup document."""


@dataclass(frozen=True, slots=True)
class ResourcesRequest:
    """A request for the APIResourceList of one version."""

    version: str


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A request for a metric of one object, or of all objects (name "*"); `namespace` is None on root-scoped paths."""

    version: str
    resource: str
    name: str
    metric: str
    namespace: str | None = None


ApiRequest = GroupRequest | ResourcesRequest | MetricRequest


def unknown_path() -> StatusError:
    """Return the 404 of an unknown path."""
    return StatusError(404, "the server could not find the requested resource", details={})


def in_group(path: str) -> bool:
    """Return whether a path is the group's own path or below it."""
    return path.startswith(GROUP_PATH) and path[len(GROUP_PATH) :][:1] in ("", "/")


def parse_path(path: str) -> ApiRequest:
    """Return the request of a decoded path below `GROUP_PATH`.

    Raises
    ------
    StatusError
        404 for an unknown path, 400 for a path of a namespace without resource and metric.
    """
    tail = path.removeprefix(GROUP_PATH)
    if tail in ("", "/"):
        return GroupRequest()
    # exactly one slash at each end: authorization reads the same segments, so "//" must not lead to another resource
    version, *rest = tail.removeprefix("/").removesuffix("/").split("/")
    if version not in VERSIONS or not all(rest):
        raise unknown_path()
    match rest:
        case []:
            return ResourcesRequest(version)
        case ["namespaces", _, _]:
            raise StatusError(400, "invalid request path")
        case [resource, name, metric]:
            return MetricRequest(version, RESOURCE_NAMES.get(resource, resource), name, metric)
        case ["namespaces", namespace, "metrics", metric]:
            return MetricRequest(version, "namespaces", namespace, metric, namespace)
        case ["namespaces", namespace, resource, name, metric]:
            return MetricRequest(version, RESOURCE_NAMES.get(resource, resource), name, metric, namespace)
        case _:
            raise unknown_path()
