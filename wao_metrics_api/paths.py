"""What a path under /apis/custom.metrics.k8s.io asks for (contract: custom metrics API, section 1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.serving.status import StatusError
from wao_metrics_api.names import GROUP, RESOURCE_NAMES, VERSIONS

GROUP_PATH = f"/apis/{GROUP}"


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """The group's own document."""


@dataclass(frozen=True, slots=True)
class ResourcesRequest:
    """The list of resources of one version."""

    version: str


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A metric of one object, or of all by the name "*"; `namespace` is None on root-scoped paths."""

    version: str
    resource: str
    name: str
    metric: str
    namespace: str | None = None
    # the metric is on the namespace object itself: authorised as resource "metrics"
    of_namespace: bool = False


ApiRequest = GroupRequest | ResourcesRequest | MetricRequest


def unknown_path() -> StatusError:
    """Return the 404 of a path that nothing is served at."""
    return StatusError(404, "the server could not find the requested resource", details={})


def in_group(path: str) -> bool:
    """Return whether a path is the group's own, or below it."""
    return path.startswith(GROUP_PATH) and path[len(GROUP_PATH) :][:1] in ("", "/")


def parse_path(path: str) -> ApiRequest:
    """Return what a decoded path below `GROUP_PATH` asks for.

    Raises
    ------
    StatusError
        404 for a path that is not served, 400 for one of three segments about namespaces.
    """
    parts = path.removeprefix(GROUP_PATH).strip("/").split("/")
    if parts == [""]:
        return GroupRequest()
    version, *rest = parts
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
            return MetricRequest(version, "namespaces", namespace, metric, namespace, of_namespace=True)
        case ["namespaces", namespace, resource, name, metric]:
            return MetricRequest(version, RESOURCE_NAMES.get(resource, resource), name, metric, namespace)
        case _:
            raise unknown_path()
