"""What the placement saves against the spread baseline, from the state of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.fakes.snapshots import snapshot
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Node, NodeConfig, OwnerRef, Pod, Standby, Taint
from wao_core.cluster.sleeping import STANDBY
from wao_core.cluster.state import ClusterState
from wao_core.errors import WaoCoreError
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.spread_saving import LONGEST_GAP, Energy, SpreadSaving, is_open

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


async def test_pods_that_are_packed_save_what_they_would_cost_on_all_nodes() -> None:
    site = Site()
    assert await site.saved() == pytest.approx(2 * 164.0 - 192.0 - 100.0)
    assert site.saving.saving is not None
    assert site.saving.saving.baseline_watts == pytest.approx(328.0)
    assert site.saving.saving.nodes == 2


async def test_a_node_that_sleeps_saves_its_idle_power_too() -> None:
    site = Site()
    site.sleep("b")
    site.look(8.0, float("nan"))
    assert await site.saved() == pytest.approx(2 * 164.0 - 192.0 - 5.0)


async def test_a_node_whose_load_is_not_known_is_left_out() -> None:
    site = Site()
    site.look(8.0, float("nan"))
    assert await site.saved() == 0.0
    assert site.saving.saving is not None
    assert site.saving.saving.nodes == 1


@pytest.mark.parametrize("more", [{"owner": OwnerRef("DaemonSet", "d")}, {"owner": OwnerRef("Node", "a")}])
async def test_pods_that_live_with_their_node_stay(more: dict[str, object]) -> None:
    site = Site()
    for number in range(2):
        site.pod(number, **more)
    assert await site.saved() == 0.0


async def test_pods_of_other_schedulers_stay() -> None:
    site = Site(settings={"profiles": {"default": {"schedulerNames": ["wao"]}}})
    assert await site.saved() == 0.0
    for number in range(2):
        site.pod(number, scheduler_name="wao")
    assert await site.saved() > 0.0


async def test_pods_that_have_ended_do_not_count() -> None:
    site = Site()
    site.pod(1, phase="Succeeded")
    assert await site.saved() == 0.0  # the one that is left is as cheap on the other node


async def test_the_saving_is_measured_where_there_are_meters() -> None:
    site = Site(meters={"a": 192.0 * 1.1})
    await site.saving.update()
    assert site.saving.saving is not None
    assert site.saving.saving.measured_nodes == 1
    assert site.saving.saving.measured_watts == pytest.approx(1.1 * (164.0 - 192.0) + 164.0 - 100.0)


async def test_a_failure_of_the_meters_leaves_the_prediction(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    site = Site(problem="it is down")
    for _ in range(2):
        assert await site.saved() > 0.0
    assert site.saving.saving is not None
    assert site.saving.saving.measured_watts is None
    assert caplog.text.count("predicted, but not measured: it is down") == 1


async def test_energy_is_counted_by_its_sign_and_not_over_gaps() -> None:
    site = Site(meters={"a": 192.0, "b": 200.0})
    await site.saving.update()
    assert site.saving.predicted.saved == 0.0
    for seconds in (60.0, 100 * LONGEST_GAP):
        site.now += seconds
        await site.saving.update()
    assert site.saving.predicted.saved == pytest.approx(36.0 * (60.0 + LONGEST_GAP))
    assert (site.saving.predicted.lost, site.saving.metered.lost) == (0.0, 0.0)
    assert site.saving.metered.saved == pytest.approx(100.0 * (60.0 + LONGEST_GAP))


async def test_without_nodes_there_is_no_saving() -> None:
    site = Site()
    site.engine.update(snapshot([]))
    await site.saving.update()
    assert site.saving.saving is None


def test_nodes_that_wao_drains_are_open_in_the_baseline() -> None:
    assert is_open(Node(name="n", ready=False, unschedulable=True, taints=ASLEEP))
    assert not is_open(Node(name="n", taints=(Taint("gpu", "", "NoSchedule"),)))
    assert is_open(Node(name="n", taints=(Taint("old", "", "PreferNoSchedule"),)))
    assert not is_open(Node(name="n", ready=False))


def test_energy_of_a_placement_that_uses_more_is_lost() -> None:
    energy = Energy()
    for watts in (10.0, -4.0, None):
        energy.add(watts, 60.0)
    assert (energy.saved, energy.lost) == (600.0, 240.0)
