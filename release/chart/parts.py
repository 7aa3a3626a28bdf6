"""The parts of WAO: folders of the manifests, and the values that switch them on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """A folder of manifests."""

    workloads: dict[str, str] = field(default_factory=dict)
    """Key in the values of each Deployment and DaemonSet."""
    conditions: tuple[str, ...] = ()
    """Values that must be true."""


PARTS = {
    "namespace": Part(),
    "roles": Part(),
    "controller": Part({"wao-controller": "controller"}, ("controller.enabled",)),
    "metrics-api": Part({"wao-metrics-api": "metricsApi"}, ("metricsApi.enabled",)),
    "scheduler": Part({"wao-scheduler": "scheduler", "wao-kube-scheduler": "kubeScheduler"}, ("scheduler.enabled",)),
    "lb": Part({"wao-lb": "lb", "wao-lb-agent": "lbAgent"}, ("lb.enabled",)),
    "rebalance": Part({"wao-rebalance": "rebalance"}, ("rebalance.enabled",)),
    "standby": Part({"wao-standby": "standby"}, ("standby.enabled",)),
    "ui": Part({"wao-ui": "ui"}, ("ui.enabled",)),
    "monitoring": Part(conditions=("monitoring.enabled",)),
    "components/cilium": Part(conditions=("lb.enabled", "cilium.enabled")),
    "components/cert-manager": Part(conditions=("certManager.enabled",)),
    "components/delegate": Part(conditions=("delegate.enabled",)),
    "components/network-policies": Part(conditions=("networkPolicies.strict",)),
}
"""In the order in which the chart has them; crds are not templates."""

OPTIONAL = {"rebalance", "standby", "ui"}
"""Parts that are not installed by default."""


def conditions_of(name: str, part: Part) -> list[str]:
    """Return the values that must be true for an object of this name: those of its part and of its workload."""
    conditions = list(part.conditions)
    for workload, key in part.workloads.items():
        longer = [other for other in part.workloads if other != workload and other.startswith(workload)]
        if name.startswith(workload) and not any(name.startswith(other) for other in longer):
            conditions.append(f"{key}.enabled")
    return list(dict.fromkeys(conditions))
