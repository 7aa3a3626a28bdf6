"""Paths of the API groups (sigs.k8s.io/custom-metrics-apiserver, pkg/apiserver/installer). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.serving.status import StatusError
from wao_metrics_api.names import GROUPS, RESOURCE_NAMES, GroupVersion


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """A request for the APIGroup document."""

    group: str


@dataclass(frozen=True, slots=True)
class ResourcesRequest:
    """A request for the APIResourceList of one version."""

    api: GroupVersion


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A request for a metric of one object, or of all objects (name "*"); `namespace` is None on root-scoped paths."""

    api: GroupVersion
    resource: str
    name: str
    metric: str
    namespace: str | None = None


ApiRequest = GroupRequest | ResourcesRequest | MetricRequest


def unknown_path() -> StatusError:
    """Return the 404 of an unknown path."""
    return StatusError(404, "the server could not find the requested resource", details={})


def in_group(path: str) -> bool:
    """Return whether a path is the path of one of the groups, or below it."""
    return _group_of(path) != ""


def _group_of(path: str) -> str:
    group = path[len("/apis/") :].partition("/")[0] if path.startswith("/apis/") else ""
    return group if group in GROUPS else ""


def parse_path(path: str) -> ApiRequest:
    """Return the request of a decoded path.

    Raises
    ------
    StatusError
        404 for an unknown path, 400 for a path of a namespace without resource and metric.
    """
    group = _group_of(path)
    if not group:
        raise unknown_path()
    tail = path[len("/apis/") + len(group) :]
    if tail in ("", "/"):
        return GroupRequest(group)
    # exactly one slash at each end: authorization reads the same segments, so "//" must not lead to another resource
    version, *rest = tail.removeprefix("/").removesuffix("/").split("/")
    if version not in GROUPS[group] or not all(rest):
        raise unknown_path()
    api = GroupVersion(group, version)
    match rest:
        case []:
            return ResourcesRequest(api)
        case ["namespaces", _, _]:
            raise StatusError(400, "invalid request path")
        case [resource, name, metric]:
            return MetricRequest(api, RESOURCE_NAMES.get(resource, resource), name, metric)
        case ["namespaces", namespace, "metrics", metric]:
            return MetricRequest(api, "namespaces", namespace, metric, namespace)
        case ["namespaces", namespace, resource, name, metric]:
            return MetricRequest(api, RESOURCE_NAMES.get(resource, resource), name, metric, namespace)
        case _:
            raise unknown_path()
