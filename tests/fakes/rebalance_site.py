"""A small cluster for the rebalancer: nodes that are cheap when they are full, and a scheduler that packs Pods."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.fakes.curves import Clock
from tests.fakes.fleet_api import FleetApi, serving_fleet
from tests.fakes.snapshots import snapshot
from tests.fakes.sources import FakeSource
from wao_core.cluster.names import EVICTABLE
from wao_core.cluster.records import Kind, Node, OwnerRef
from wao_core.cluster.state import ClusterState
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_fleet.drain.pods import FleetPod
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.pod_table import PodTable
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.settings import Mode, RebalanceSettings
from wao_predict.rebalance import Budgets
from wao_predict.timestamps import format_rfc3339

CORES = 10.0
KNOTS = np.array([0.0, 10.0, 100.0])
WATTS = [100.0, 150.0, 160.0]
"""Power of a node: the first core costs most, so an emptied node saves some 50 W."""
LISTS = ("/apis/policy/v1/poddisruptionbudgets", "/api/v1/persistentvolumes")
POWER = "/apis/metrics.waok8s.github.io/v1beta2/nodes/*/power_watts"
PATIENT = Budgets(moves=100, minimum_age=0.0)


def auto(**settings: Any) -> RebalanceSettings:
    """Settings with which plans are carried out at once."""
    given: dict[str, Any] = {"mode": Mode.AUTO, "budgets": PATIENT, "settle": 0.0, "deadline": 5.0, "replaced": 5.0}
    return RebalanceSettings(**given | {"measured_within": 5.0} | settings)


class RebalanceSite:
    """Nodes and Pods in the API, in the table of Pods and in snapshots, which agree as after a watch event.

    Attributes
    ----------
    returns
        Node to which the replacement of an evicted Pod goes; None: the fullest one without a mark, "": none.
    doubt
        Why the cluster is not known well enough.
    leads
        Whether the rebalancer leads.
    """

    def __init__(self, placed: dict[str, int]) -> None:
        self.api, self.table, self.clock = FleetApi(), PodTable(), Clock()
        self.source = FakeSource(ClusterState())
        self.returns: str | None = None
        self._numbers = itertools.count()
        for path in LISTS:
            self.api.lists[path] = []
        for name, count in placed.items():
            self.add_node(name)
            for _ in range(count):
                self.add_pod(name)
        self.api.on_eviction = self._evicted
        self.doubt, self.leads = "", False

    def add_node(self, name: str, **fields: Any) -> None:
        """Add a node without Pods."""
        self.api.add_node(name)
        given = {
            "allocatable_cores": CORES,
            "capacity_cores": CORES,
            "allocatable_memory": 1e12,
            "allocatable_pods": 110,
        }
        self.source.state.put(Kind.NODE, Node(**{"name": name, **given, **fields}))

    def add_pod(self, node: str | None, *, workload: str = "", **fields: Any) -> FleetPod:
        """Add a ready Pod of one core, of a workload of its own unless one is given."""
        name = f"pod-{next(self._numbers)}"
        owner = OwnerRef("ReplicaSet", workload or name, f"uid-{workload or name}")
        pod = FleetPod(
            **{
                "name": name,
                "namespace": "shop",
                "uid": f"shop/{name}",
                "node_name": node,
                "phase": "Running",
                "ready": True,
                "owner": owner,
                "cpu_request": 1.0,
                "created": 0.0,
                "scheduled_at": 0.0,
                **fields,
            }
        )
        self.api.add_pod(pod.key)
        self.table.put(pod.key, pod)
        return pod

    def on(self, node: str) -> list[FleetPod]:
        """Return the Pods of a node."""
        return [pod for pod in self.table.pods.values() if pod.node_name == node]

    def keep(self, node: str) -> None:
        """Annotate the Pods of a node, so that they stay."""
        for pod in self.on(node):
            self.table.put(pod.key, replace(pod, annotations={EVICTABLE: "false"}))

    def counts(self) -> dict[str, int]:
        """Return the number of Pods of each node."""
        return {name: len(self.on(name)) for name in self.api.nodes}

    def marks(self) -> list[str]:
        """Return the nodes that have a taint."""
        return [name for name in self.api.nodes if self.api.taints(name)]

    def snapshot(self) -> ClusterSnapshot:
        """Return the nodes with the CPU use of their Pods, of which none stays for good."""
        names = list(self.api.nodes)
        used = [float(len(self.on(name))) for name in names]
        return snapshot(
            names,
            watts=np.tile(WATTS, (len(names), 1)),
            knots=KNOTS,
            capacity=CORES,
            usage=used,
            usage_at=self.clock.now,
            floor=[0.0] * len(names),
        )

    @asynccontextmanager
    async def rebalancer(self, settings: RebalanceSettings) -> AsyncIterator[Rebalancer]:
        """Yield a rebalancer of this cluster."""
        async with serving_fleet(self.api) as client:
            self.source.client = client
            self.registry = CollectorRegistry()
            metrics = RebalanceMetrics(self.registry)
            yield Rebalancer(
                self.source,
                client,
                self.table,
                settings,
                metrics,
                self.snapshot,
                leading=lambda: self.leads,
                doubt=lambda: self.doubt,
                clock=self.clock,
            )

    def metric(self, name: str, **labels: str) -> float | None:
        """Return a figure of the metrics."""
        return self.registry.get_sample_value(name, labels)

    def events(self) -> list[tuple[str, str]]:
        """Return object and reason of the Events."""
        return [(about.name, reason) for about, reason, _, _ in self.source.events]

    def measure(self, **watts: float) -> None:
        """Let power meters show these values now."""
        at = format_rfc3339(self.clock.now)
        self.api.lists[POWER] = [
            {"describedObject": {"name": name}, "value": f"{value:g}", "timestamp": at} for name, value in watts.items()
        ]

    def _evicted(self, key: str) -> None:
        gone = self.table.pods[key]
        if key in self.api.lingering:
            return
        self.table.remove(key)
        free = [name for name in self.api.nodes if not self.api.taints(name)]
        target = max(free, key=lambda name: len(self.on(name))) if self.returns is None else self.returns or None
        fresh = self.add_pod(target, workload=gone.owner.name if gone.owner else "", scheduled_at=self.clock.now)
        self.table.put(fresh.key, replace(fresh, created=self.clock.now))
