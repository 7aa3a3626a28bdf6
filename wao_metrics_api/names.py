"""Names of the API: group, versions, resources and metrics. Pure."""

from __future__ import annotations

GROUP = "custom.metrics.k8s.io"
VERSIONS = ("v1beta2", "v1beta1")  # the preferred one first
RESOURCE = "nodes"

# in the discovery of every cluster, so that the list is never empty; others appear when a node has them
STANDARD_METRICS = ("inlet_temp", "delta_p")

# accepted names of the described resource, as in a RESTMapper
RESOURCE_NAMES = {"nodes": "nodes", "node": "nodes"}
