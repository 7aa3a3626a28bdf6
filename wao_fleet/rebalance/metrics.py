"""Prometheus metrics of the rebalancer; labels are bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class RebalanceMetrics:
    """Counters and gauges of plans, drains and evictions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leading = Gauge("wao_rebalance_leading", "Whether this replica holds the Lease.", registry=registry)
        self.window_open = Gauge(
            "wao_rebalance_window_open", "Whether a maintenance window is open, or there are none.", registry=registry
        )
        self.planned_moves = Gauge("wao_rebalance_planned_moves", "Pods that the last plan moves.", registry=registry)
        self.planned_watts = Gauge(
            "wao_rebalance_planned_saving_watts", "Power that the last plan saves.", registry=registry
        )
        self.plans = Counter("wao_rebalance_plans", "Plans that were made.", registry=registry)
        self.drains = Counter("wao_rebalance_drains", "Drains of nodes by result.", ["result"], registry=registry)
        self.evictions = Counter(
            "wao_rebalance_evictions", "Evictions of Pods by result.", ["result"], registry=registry
        )
        self.predicted = Counter(
            "wao_rebalance_predicted_saving_watts",
            "Predicted savings of the drains whose savings were measured.",
            registry=registry,
        )
        self.measured = Counter(
            "wao_rebalance_measured_saving_watts",
            "Measured savings of drains, without losses.",
            registry=registry,
        )
        self.missed = Counter(
            "wao_rebalance_missed_savings",
            "Drains that saved less than half of what was predicted.",
            registry=registry,
        )
        self.pace = Gauge(
            "wao_rebalance_pace",
            "Factor of the period between plans; it grows while savings are missed.",
            registry=registry,
        )
