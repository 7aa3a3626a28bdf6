"""What the placement of Pods saves against the spread baseline, computed in the background.

`wao_predict.spread` defines the baseline. Pods of schedulers that the extender does not serve stay where they are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node
from wao_core.cluster.sleeping import sleeping_watts
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.errors import WaoCoreError
from wao_core.prediction.snapshot_builder import POWER
from wao_predict.arrays import FloatArray
from wao_predict.spread import BATCH, SpreadNodes, SpreadPods, spread_in_steps
from wao_scheduler.decision_engine import DecisionEngine

log = logging.getLogger(__name__)

PERIOD = 60.0
"""Time between two computations [s]."""
FIRST = 5.0
"""Time between two attempts while there is nothing to compare yet [s]."""
LONGEST_GAP = 3 * PERIOD
"""Longest time for which a saving counts as energy [s]: nobody knows what was saved in a longer gap."""
DEFAULT_REQUEST = 0.1
"""CPU that the stock scheduler assumes for a Pod without a request [cores]."""
PODS_PER_NODE = 110
"""Pods of a node that states no limit, the default of the kubelet."""
_HARD = ("NoSchedule", "NoExecute")

Measured = Callable[[], Awaitable[Mapping[str, float]]]
"""Returns the measured power of each node with a fresh value [W]."""


@dataclass(frozen=True, slots=True)
class Saving:
    """One comparison: power of the baseline and saving [W], compared nodes, and Pods that could be elsewhere."""

    baseline_watts: float
    saved_watts: float
    nodes: int
    pods: int
    measured_watts: float | None
    measured_nodes: int


@dataclass(slots=True)
class Energy:
    """Energy [J] that was saved, and that was lost while the placement used more than the baseline."""

    saved: float = 0.0
    lost: float = 0.0

    def add(self, watts: float | None, seconds: float) -> None:
        """Count a saving over some time."""
        joules = 0.0 if watts is None else watts * seconds
        self.saved += max(joules, 0.0)
        self.lost += max(-joules, 0.0)


class SpreadSaving:
    """Compares the cluster with the spread baseline once a minute, and counts the energy.

    Parameters
    ----------
    engine
        The current snapshot, and the CPU use with assumed Pods.
    state
        Nodes, Pods and NodeConfigs.
    measured
        Reads the power meters.
    clock
        Returns the time [s], without jumps.

    Attributes
    ----------
    saving
        The last comparison, None without one.
    predicted, metered
        Energy since the start, by the curves and by power meters.
    """

    def __init__(
        self,
        engine: DecisionEngine,
        state: ClusterState,
        measured: Measured,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._state, self._measured, self._clock = engine, state, measured, clock
        self._problem = ""
        self._computed_at: float | None = None
        self.predicted, self.metered = Energy(), Energy()
        self.saving: Saving | None = None

    async def run(self) -> None:
        """Compare until the task is cancelled."""
        while True:
            await self.update()
            await asyncio.sleep(FIRST if self.saving is None else PERIOD)

    async def update(self) -> None:
        """Compare once, and count the energy since the last time; the event loop runs between steps."""
        found = await self._compare()
        now = self._clock()
        if found is not None and self.saving is not None and self._computed_at is not None:
            seconds = min(max(now - self._computed_at, 0.0), LONGEST_GAP)
            self.predicted.add(found.saved_watts, seconds)
            self.metered.add(found.measured_watts, seconds)
        self.saving, self._computed_at = found, now

    async def _compare(self) -> Saving | None:
        if self._engine.snapshot is None:
            return None
        names, nodes = self._nodes()
        if not names:
            return None
        pods = await self._pods(names)
        baseline = None
        steps = spread_in_steps(nodes, pods)
        while baseline is None:
            try:
                next(steps)
                await asyncio.sleep(0)
            except StopIteration as end:
                baseline = end.value
        measured = await self._meters(names)
        metered = int(np.isfinite(measured).sum())
        return Saving(
            baseline_watts=float(baseline.spread.sum()),
            saved_watts=baseline.saved_watts,
            nodes=len(names),
            pods=int(pods.movable.sum()),
            measured_watts=baseline.measured_saved_watts(measured) if metered else None,
            measured_nodes=metered,
        )

    def _nodes(self) -> tuple[dict[str, int], SpreadNodes]:
        """Return the nodes with a known curve that are on with a known load, or sleep, and their rows by name."""
        snapshot, state = self._engine.require_snapshot(), self._state
        off = sleeping_watts(state.nodes.values(), state.node_configs.values())
        off_watts = np.array([off.get(name, np.nan) for name in snapshot.names])
        usage = np.where(np.isfinite(off_watts), 0.0, self._engine.load_cores())
        known = snapshot.curves.known & np.isfinite(usage) & (snapshot.capacity_cores > 0.0)
        known &= np.array([name in state.nodes for name in snapshot.names], dtype=np.bool_)
        rows = np.flatnonzero(known)
        names = [snapshot.names[row] for row in rows]
        records = [state.nodes[name] for name in names]
        room = [PODS_PER_NODE if node.allocatable_pods is None else int(node.allocatable_pods) for node in records]
        nodes = SpreadNodes(
            curves=snapshot.curves.take(rows),
            capacity_cores=snapshot.capacity_cores[rows],
            allocatable_cores=snapshot.allocatable_cores[rows],
            usage_cores=usage[rows],
            off_watts=off_watts[rows],
            open=np.array([is_open(node) for node in records], dtype=np.bool_),
            room=np.array(room, dtype=np.int64),
        )
        return {name: row for row, name in enumerate(names)}, nodes

    async def _pods(self, names: Mapping[str, int]) -> SpreadPods:
        """Return the Pods on these nodes in the order of their creation."""
        created: list[float] = []
        rows: list[int] = []
        cores: list[float] = []
        movable: list[bool] = []
        served: dict[str, bool] = {}
        for number, pod in enumerate(list(self._state.pods.values())):
            if number % BATCH == 0:
                await asyncio.sleep(0)
            row = names.get(pod.node_name or "")
            if row is None or pod.finished:
                continue
            if pod.scheduler_name not in served:
                served[pod.scheduler_name] = self._engine.serves(pod)
            created.append(pod.created or 0.0)
            rows.append(row)
            cores.append(pod.cpu_request or DEFAULT_REQUEST)
            movable.append(served[pod.scheduler_name] and not pod.tied_to_node)
        order = np.argsort(np.array(created), kind="stable")
        return SpreadPods(
            nodes=np.array(rows, dtype=np.int64)[order],
            cores=np.array(cores, dtype=np.float64)[order],
            movable=np.array(movable, dtype=np.bool_)[order],
        )

    async def _meters(self, names: Mapping[str, int]) -> FloatArray:
        """Return the measured power of these nodes [W], NaN where it is not known."""
        values: Mapping[str, float] = {}
        problem = ""
        try:
            values = await self._measured()
        except WaoCoreError as error:
            problem = str(error)
        if problem and problem != self._problem:
            log.info("the saving against the spread baseline is predicted, but not measured: %s", problem)
        self._problem = problem
        return np.array([values.get(name, np.nan) for name in names])


def meters(samples: SampleStore) -> Measured:
    """Return what reads the power meters: the fresh samples that are listed or read for snapshots."""

    async def measured() -> dict[str, float]:
        now = time.time()
        return {name: sample.value for name, sample in samples.by_node(POWER).items() if sample.fresh(now)}

    return measured


def is_open(node: Node) -> bool:
    """Return whether the stock scheduler would place Pods of other nodes here.

    A node that WAO drains or has switched off would be open without WAO.

    Examples
    --------
    >>> is_open(Node(name="n1")), is_open(Node(name="n1", unschedulable=True))
    (True, False)
    """
    if any(taint.key == DRAINING for taint in node.taints):
        return True
    return node.ready and not node.unschedulable and all(taint.effect not in _HARD for taint in node.taints)
