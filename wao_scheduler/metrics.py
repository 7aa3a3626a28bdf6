"""Prometheus metrics of the extender; labels are bounded by verbs, profiles, inputs and reasons.

kube-scheduler keeps silent about an extender that fails or is late in `prioritize`, so what is told here is all that
an operator sees.
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
    """What the endpoints count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "wao_extender_requests", "Requests answered.", ["verb", "profile", "code"], registry=registry
        )
        self.duration = Histogram(
            "wao_extender_request_duration_seconds",
            "Time from the whole body to the answer.",
            ["verb"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.fallback = Counter(
            "wao_extender_fallback", "Pods for which no node was scored.", ["reason"], registry=registry
        )
        self.unknown_nodes = Gauge(
            "wao_extender_unknown_nodes", "Candidates without a score in the last request.", registry=registry
        )
        self.inflight = Gauge("wao_extender_inflight_pods", "Pods whose CPU is assumed.", registry=registry)


class InputCollector(Collector):
    """How old the inputs of decisions are, worked out when it is asked.

    Parameters
    ----------
    snapshot
        Gives the snapshot that decisions are made on.
    """

    def __init__(
        self, snapshot: Callable[[], ClusterSnapshot | None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._snapshot, self._clock = snapshot, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families; without a snapshot they have no series."""
        ages = GaugeMetricFamily(
            "wao_extender_input_age_seconds", "Age of the oldest value in use, by input.", labels=["input"]
        )
        nodes = GaugeMetricFamily(
            "wao_extender_nodes",
            "Nodes by what is known: measured, fallback (an input is old or its class's), unknown (not scored).",
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
    """Return the number of nodes that are measured, on a fallback, and unknown."""
    known = snapshot.curves.known & ~np.isnan(snapshot.usage_cores)
    told = np.array([bool(reason) for reason in snapshot.reasons], dtype=np.bool_)
    return {
        "measured": int((known & ~told).sum()),
        "fallback": int((known & told).sum()),
        "unknown": int((~known).sum()),
    }
