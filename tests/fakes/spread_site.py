"""A cluster of two nodes, one of which carries the load, and the comparison with the spread baseline over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fakes.snapshots import snapshot
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Node, NodeConfig, Pod, Standby, Taint
from wao_core.cluster.sleeping import STANDBY
from wao_core.cluster.state import ClusterState
from wao_core.errors import WaoCoreError
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.spread_saving import SpreadSaving

KNOTS = np.array([0.0, 50.0, 100.0])
ASLEEP = (Taint(DRAINING, STANDBY, "PreferNoSchedule"), Taint("node.kubernetes.io/unreachable", "", "NoExecute"))


@dataclass
class Site:
    """Two nodes of 10 cores; the first uses 8 cores, and the last half of its rise costs little."""

    state: ClusterState = field(default_factory=ClusterState)
    meters: dict[str, float] = field(default_factory=dict)
    problem: str = ""
    now: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            self.state.put(Kind.NODE, Node(name=name, capacity_cores=10.0, allocatable_cores=10.0))
        for number in range(2):
            self.pod(number)
        self.engine = DecisionEngine(self.state, parse_settings(self.settings))
        self.saving = SpreadSaving(self.engine, self.state, self.measured, clock=lambda: self.now)
        self.look(8.0, 0.0)

    def pod(self, number: int, **more: Any) -> None:
        fields: dict[str, Any] = {"name": f"p{number}", "uid": str(number), "created": float(number)}
        fields |= {"namespace": "d", "node_name": "a", "cpu_request": 2.0, "phase": "Running"}
        self.state.put(Kind.POD, Pod(**(fields | more)))

    def look(self, *usage: float) -> None:
        watts = np.array([[100.0, 180.0, 200.0]] * 2)
        self.engine.update(snapshot(["a", "b"], watts=watts, knots=KNOTS, usage=usage))

    def sleep(self, name: str) -> None:
        self.state.put(Kind.NODE, Node(name=name, capacity_cores=10.0, ready=False, taints=ASLEEP))
        self.state.put(
            Kind.NODE_CONFIG,
            NodeConfig(name=name, namespace="w", node_name=name, standby=Standby(off_watts=5.0)),
        )

    async def measured(self) -> Mapping[str, float]:
        if self.problem:
            raise WaoCoreError(self.problem)
        return self.meters

    async def saved(self) -> float:
        await self.saving.update()
        assert self.saving.saving is not None
        return self.saving.saving.saved_watts
