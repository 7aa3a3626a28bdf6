"""The agent's metrics; those that kube-proxy also has are named as in kube-proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wao_lb.agent.model import Rules

PREFIX = "wao_lb_agent"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


class AgentMetrics:
    """Counters and gauges of one agent."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        at = registry or CollectorRegistry()
        sync = f"{PREFIX}_sync_proxy_rules"
        self.sync = Histogram(f"{sync}_duration_seconds", "Duration of a sync.", ["kind"], buckets=SECONDS, registry=at)
        self.last = Gauge(f"{sync}_last_timestamp_seconds", "Time of the last successful sync [s].", registry=at)
        self.queued = Gauge(
            f"{sync}_last_queued_timestamp_seconds", "Time of the last request for a sync [s].", registry=at
        )
        self.failures = Counter(f"{sync}_nftables_sync_failures", "Syncs that the kernel rejected.", registry=at)
        self.without_local = Gauge(
            f"{sync}_no_local_endpoints",
            "Service ports of policy Local without an endpoint on this node.",
            ["traffic_policy"],
            registry=at,
        )
        self.delay = Histogram(
            f"{PREFIX}_network_programming_duration_seconds",
            "Time from a change of endpoints to the rules in the kernel.",
            buckets=SECONDS,
            registry=at,
        )
        self.services = Gauge(f"{PREFIX}_services", "Services that are served.", registry=at)
        self.endpoints = Gauge(
            f"{PREFIX}_endpoints", "Endpoints that receive traffic, over all Service ports and families.", registry=at
        )
        self.reweigh = Histogram(
            f"{PREFIX}_reweigh_duration_seconds", "Duration of a write of weights.", buckets=SECONDS, registry=at
        )
        self.maps = Counter(f"{PREFIX}_weight_maps_written", "Weight maps that were written.", registry=at)
        self.weights_age = Gauge(
            f"{PREFIX}_weights_age_seconds", "Time since the weight service last answered.", registry=at
        )
        self.weighted = Gauge(
            f"{PREFIX}_weighted_services", "Services with known weights; all others have equal weights.", registry=at
        )
        self.equal = Gauge(
            f"{PREFIX}_equal_weights",
            "1 while weights are equal because the weight service provides none.",
            ["reason"],
            registry=at,
        )
        self.weight_failures = Counter(
            f"{PREFIX}_weights_failures", "Requests to the weight service that failed.", registry=at
        )
        self.flows = Counter(
            f"{PREFIX}_udp_flows_forgotten",
            "UDP flows to former endpoints that were deleted from conntrack.",
            registry=at,
        )

    def note_sync(
        self, seconds: float, delays: Iterable[float], tables: Iterable[Mapping[str, Rules]], *, full: bool
    ) -> None:
        """Note a sync that succeeded."""
        self.sync.labels("full" if full else "partial").observe(seconds)
        self.last.set_to_current_time()
        for delay in delays:
            self.delay.observe(delay)
        every = [rules for table in tables for rules in table.values()]
        self.services.set(max((len(table) for table in tables), default=0))
        self.endpoints.set(sum(rules.endpoints for rules in every))
        for policy in ("internal", "external"):
            self.without_local.labels(policy).set(sum(policy in rules.without_local for rules in every))

    def note_reweigh(self, seconds: float, maps: int) -> None:
        """Note a write of weights."""
        self.reweigh.observe(seconds)
        self.maps.inc(maps)
