"""CPU use of nodes as a metric: from metrics.k8s.io, in percent of the node's capacity."""

from __future__ import annotations

from collections.abc import Callable

from wao_core.cluster.records import Kind, Node, NodeMetrics
from wao_core.cluster.state import Change, ClusterState
from wao_core.collector.store import Sample, SampleState, SampleStore

METRIC = "cpu_usage"
STANDING = 3650 * 86400.0  # seconds, ten years: never expires
TTL = 90.0  # seconds: metrics-server takes a sample every 15 s over a window that ends up to a minute ago


class UsageMetric:
    """Keeps `cpu_usage` in the store equal to the NodeMetrics in the state, until `close` is called.

    Parameters
    ----------
    ttl
        Seconds for which a value is valid; values in a manifest are valid as long as they are there (`STANDING`).
    """

    def __init__(self, state: ClusterState, store: SampleStore, *, ttl: float = TTL) -> None:
        self._state, self._store, self._ttl = state, store, ttl
        self.close: Callable[[], None] = state.subscribe([Kind.NODE, Kind.NODE_METRICS], self._changed)
        for name in state.node_metrics:
            self._update(name)

    def _changed(self, change: Change) -> None:
        self._update(change.key)

    def _update(self, name: str) -> None:
        sample = usage_sample(self._state.nodes.get(name), self._state.node_metrics.get(name), ttl=self._ttl)
        if sample is None:
            self._store.remove(name, METRIC)
        else:
            self._store.put(name, METRIC, sample)


def usage_sample(node: Node | None, metrics: NodeMetrics | None, *, ttl: float = TTL) -> Sample | None:
    """Return the CPU use [% of capacity], or None when the use or the capacity is unknown."""
    if node is None or metrics is None or not node.capacity_cores:
        return None
    percent = 100.0 * metrics.cpu_cores / node.capacity_cores
    return Sample(
        percent, metrics.timestamp, metrics.window, max(ttl, 3.0 * metrics.window), SampleState.OK, "", "metrics.k8s.io"
    )
