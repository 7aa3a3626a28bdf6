"""The names of the API: its group, its versions, its resources and its metrics. Pure."""

from __future__ import annotations

GROUP = "custom.metrics.k8s.io"
VERSIONS = ("v1beta2", "v1beta1")  # the preferred one first
RESOURCE = "nodes"

# what every cluster has in discovery, so that the list is never empty; the others appear when a node has them
STANDARD_METRICS = ("inlet_temp", "delta_p")

# names by which the described resource may be called, as a RESTMapper would accept them
RESOURCE_NAMES = {"nodes": "nodes", "node": "nodes"}
