"""Paths of the API groups (sigs.k8s.io/custom-metrics-apiserver, pkg/apiserver/installer). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.serving.status import StatusError
from wao_metrics_api.names import GROUP_VERSIONS, GROUPS, RESOURCE_NAMES, GroupVersion

_ROOTS = tuple(f"/apis/{group}" for group in GROUPS)
_BELOW = tuple(f"{root}/" for root in _ROOTS)
_APIS: dict[tuple[str, str], GroupVersion] = {api: api for api in GROUP_VERSIONS}


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
    return path.startswith(_BELOW) or path in _ROOTS


def parse_path(path: str) -> ApiRequest:
    """Return the request of a decoded path.

    Raises
    ------
    StatusError
        404 for an unknown path, 400 for a path of a namespace without resource and metric.
    """
    if not in_group(path):
        raise unknown_path()
    _, _, group, *rest = path.split("/")
    # one slash at the end at most: authorization reads the same segments, so "//" must not lead to another resource
    if rest and not rest[-1]:
        rest.pop()
    if not rest:
        return GroupRequest(group)
    api = _APIS.get((group, rest.pop(0)))
    if api is None or not all(rest):
        raise unknown_path()
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
