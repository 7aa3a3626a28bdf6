"""Names of the API: groups, versions, resources and metrics. Pure."""

from __future__ import annotations

from typing import NamedTuple

from wao_core.cluster.names import METRICS_GROUP

CUSTOM_METRICS = "custom.metrics.k8s.io"

GROUPS = {CUSTOM_METRICS: ("v1beta2", "v1beta1"), METRICS_GROUP: ("v1beta2",)}
"""The versions of each group, the preferred one first. Both groups have the same metrics and the same documents."""


class GroupVersion(NamedTuple):
    """A version of a group; `str` returns it as in `apiVersion`."""

    group: str
    version: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}"


GROUP_VERSIONS = tuple(GroupVersion(group, version) for group, versions in GROUPS.items() for version in versions)

RESOURCE = "nodes"

# in the discovery of every cluster, so that the list is never empty; others appear when a node has them
STANDARD_METRICS = ("inlet_temp", "delta_p")

# accepted names of the described resource, as in a RESTMapper
RESOURCE_NAMES = {"nodes": "nodes", "node": "nodes"}
