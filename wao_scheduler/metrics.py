"""Prometheus metrics of the extender; labels are bounded by verbs, profiles, inputs and reasons.

kube-scheduler does not report an extender that fails or is late in `prioritize`, so operators depend on these metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wao_core.prediction.snapshot import ClusterSnapshot

_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)


class ExtenderMetrics:
    """Counters and gauges of the endpoints."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "wao_extender_requests",
            "Requests by verb, profile and status code.",
            ["verb", "profile", "code"],
            registry=registry,
        )
        self.duration = Histogram(
            "wao_extender_request_duration_seconds",
            "Time from the complete request body to the response.",
            ["verb"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.fallback = Counter(
            "wao_extender_fallback",
            "Pods for which no node had measurements or enough free CPU.",
            ["reason"],
            registry=registry,
        )
        self.unknown_nodes = Gauge(
            "wao_extender_unknown_nodes", "Candidates without measurements in the last decision.", registry=registry
        )
        self.inflight = Gauge(
            "wao_extender_inflight_pods",
            "Pods whose CPU is added to a node but not yet in its sample.",
            registry=registry,
        )


class InputCollector(Collector):
    """Ages of the inputs of decisions, computed at each scrape.

    Parameters
    ----------
    snapshot
        Returns the snapshot that decisions use.
    """

    def __init__(
        self, snapshot: Callable[[], ClusterSnapshot | None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._snapshot, self._clock = snapshot, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families; they have no series without a snapshot."""
        ages = GaugeMetricFamily(
            "wao_extender_input_age_seconds", "Age of the oldest value in use, by input.", labels=["input"]
        )
        nodes = GaugeMetricFamily(
            "wao_extender_nodes",
            "Nodes by state: measured, fallback (an input is old or replaced), unknown (not scored).",
            labels=["state"],
        )
        snapshot = self._snapshot()
        if snapshot is not None:
            for name, times in (
                ("cpu_usage", snapshot.usage_at),
                ("inlet_temp", snapshot.inlet_temp_at),
                ("delta_p", snapshot.delta_p_at),
            ):
                if not np.isnan(times).all():
                    ages.add_metric([name], self._clock() - float(np.nanmin(times)))
            for state, count in states(snapshot).items():
                nodes.add_metric([state], count)
        yield ages
        yield nodes


def states(snapshot: ClusterSnapshot) -> dict[str, int]:
    """Return the number of nodes per state: measured, fallback and unknown."""
    known = snapshot.curves.known & ~np.isnan(snapshot.usage_cores)
    noted = np.array([bool(reason) for reason in snapshot.reasons], dtype=np.bool_)
    return {
        "measured": int((known & ~noted).sum()),
        "fallback": int((known & noted).sum()),
        "unknown": int((~known).sum()),
    }
