"""The loop of the rebalancer: plan once per period, and while leading recommend the plan or carry it out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from wao_core.cluster.source import ObjectRef
from wao_core.collector.metrics_feed import Listed, list_values
from wao_core.errors import WaoCoreError
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.source import ClusterSource
from wao_core.prediction.cooling_costs import CoolingCosts
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.tracing import span
from wao_fleet.drain.constraints import read_constraints
from wao_fleet.drain.node_marks import marked_by
from wao_fleet.rebalance.drainer import Drainer, remove_mark
from wao_fleet.rebalance.fleet_plan import FleetPlan, PlannedDrain, plan_fleet
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.pod_table import PodTable
from wao_fleet.rebalance.power_check import SavingCheck, check_saving
from wao_fleet.rebalance.records import DrainResult, History, SavingRecord
from wao_fleet.rebalance.settings import PURPOSE, Mode, RebalanceSettings
from wao_fleet.rebalance.stored_memory import StoredMemory
from wao_fleet.rebalance.view import ClusterFacts, view_of
from wao_predict.backoff import Backoff

log = logging.getLogger("wao.rebalance")

RETRY = 10.0
"""Longest time to the next attempt when no plan could be made [s]."""
RECOMMENDED = "RebalanceRecommended"
"""Reason of the Events on nodes that a plan would empty."""


class Rebalancer:
    """Plans, recommends and drains.

    Parameters
    ----------
    source
        The cluster: nodes, CPU use, Events.
    client
        Writes, and reads what is not watched.
    table
        All Pods.
    snapshot
        Returns the current snapshot, None before the first.
    leading
        Returns whether this replica acts; the history of others is empty.
    costs
        Cooling plants and prices, which count too; default: none.
    doubt
        Returns why the cluster is not known well enough to plan or act, or an empty string.
    clock
        Returns the time [s since the epoch].

    Attributes
    ----------
    plan
        The last plan, None before the first.
    problem
        Why the last plan could not be made, or an empty string.
    history
        What was done.
    """

    def __init__(
        self,
        source: ClusterSource,
        client: KubeClient,
        table: PodTable,
        settings: RebalanceSettings,
        metrics: RebalanceMetrics,
        snapshot: Callable[[], ClusterSnapshot | None],
        *,
        leading: Callable[[], bool],
        costs: CoolingCosts | None = None,
        doubt: Callable[[], str] = str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self.metrics, self.history = settings, metrics, History()
        self.plan: FleetPlan | None = None
        self.problem, self.leading = "", leading
        self.memory = Memory()
        self._source, self._client, self._table = source, client, table
        self._snapshot, self._costs, self._doubt, self._clock = snapshot, costs, doubt, clock
        self._stored = StoredMemory(client, settings.namespace, self.memory)
        self._drainer = Drainer(client, source, table, settings, self.memory, self.history, metrics, clock)

    async def lead(self) -> None:
        """Plan and act until cancelled; runs while this replica leads.

        Nothing is done before the memory of earlier leaders is read: a workload could be evicted too often.
        """
        remembered = False
        while True:
            remembered = remembered or await self._stored.load()
            await self.remove_marks()
            with span("plan moves") as current:
                plan = await self.make_plan()
                if plan is not None:
                    current.set(wao_moves=plan.moves, wao_saved_watts=plan.saved)
            if plan is not None and remembered:
                await self.act(plan)
            await asyncio.sleep(self._until_next() if remembered else min(self.settings.period, RETRY))

    async def follow(self) -> None:
        """Keep a plan to show while another replica leads."""
        while True:
            if not self.leading():
                await self.make_plan()
            await asyncio.sleep(self.settings.period)

    def _until_next(self) -> float:
        """Return the time to the next plan [s]: a period, but not beyond the next opening of a window."""
        if self.problem:
            return min(self.settings.period, RETRY)
        now = self._clock()
        self.metrics.window_open.set(self.settings.windows.is_open(now))
        opening = self.settings.windows.next_opening(now)
        wait = self.settings.period * self.memory.pace
        return wait if opening is None else min(wait, max(opening - now, 0.0))

    async def remove_marks(self) -> None:
        """Remove our marks from Nodes: no drain is running, so an earlier process left them."""
        for node in marked_by(self._source.state.nodes.values(), PURPOSE):
            log.info("Node %s has the mark of a drain that did not end; removing it", node)
            await remove_mark(self._client, node)

    async def make_plan(self) -> FleetPlan | None:
        """Return a new plan, None, with `problem`, if the cluster is not known well enough."""
        snapshot = self._snapshot()
        try:
            if doubt := self._doubt():
                raise WaoCoreError(doubt)
            if snapshot is None or len(snapshot) == 0:
                raise WaoCoreError("the first snapshot of the cluster is not complete yet, or there are no nodes")
            constraints = await read_constraints(self._client)
        except WaoCoreError as error:
            if str(error) != self.problem:
                log.warning("no plan: %s", error)
            self.problem = str(error)
            return None
        now, state = self._clock(), self._source.state
        pods, usage, nodes = dict(self._table.pods), dict(state.pod_metrics), dict(state.nodes)
        factors = None if self._costs is None else self._costs.factors(snapshot, nodes)
        facts = ClusterFacts(snapshot, nodes, pods, usage, constraints, self.memory, now, factors)
        view = await asyncio.to_thread(view_of, facts, self.settings)
        self.plan = plan = await asyncio.to_thread(plan_fleet, view, self.settings, at=now)
        self.problem = ""
        self.metrics.plans.inc()
        self.metrics.planned_moves.set(plan.moves)
        self.metrics.planned_watts.set(plan.saved)
        self.metrics.pace.set(self.memory.pace)
        return plan

    async def act(self, plan: FleetPlan) -> None:
        """Recommend a plan, or carry it out in mode auto while a window is open."""
        if self.settings.mode is Mode.RECOMMEND:
            for drain in plan.drains:
                await self._recommend(drain)
        elif plan.drains and self._may_act():
            await self._carry_out(plan)

    def _may_act(self) -> bool:
        """Return whether a drain may begin: a window is open, and the state of the cluster is current."""
        if doubt := self._doubt():
            log.warning("no drain begins: %s", doubt)
            return False
        if self.settings.windows.is_open(self._clock()):
            return True
        log.info("no maintenance window is open")
        return False

    async def _recommend(self, drain: PlannedDrain) -> None:
        message = f"moving {len(drain.moves)} Pods to other nodes would save {drain.saved:.1f} W"
        await self._source.event(ObjectRef("Node", drain.node), reason=RECOMMENDED, message=message)

    async def _carry_out(self, plan: FleetPlan) -> None:
        """Carry out the drains of a plan, and judge what they saved if all of them were completed."""
        before = await self._measured()
        done = 0
        try:
            async with self._drainer.marked([drain.node for drain in plan.drains]) as marked:
                for drain in plan.drains:
                    if drain.node not in marked or not self._may_act():
                        continue
                    with span("drain node") as current:
                        record = await self._drainer.drain(drain)
                        current.set(wao_node=drain.node, wao_result=record.result.value, wao_evicted=record.evicted)
                    done += record.result is DrainResult.COMPLETED
                    if record.result is DrainResult.FAILED:
                        break  # where Pods are may differ from what the rest of the plan assumes
        except KubeError as error:
            log.warning("a Node was not marked as being drained, so nothing was moved: %s", error)
        finally:
            await self._stored.save()
        if done == len(plan.drains) and before:
            await self._judge(plan, before)

    async def _judge(self, plan: FleetPlan, before: Mapping[str, Listed]) -> None:
        """Compare measured power with the prediction, once new samples are there."""
        found = await self._check_saving(plan, before, ended_at=self._clock())
        if found is None:
            log.info("the saving was not measured within %g s", self.settings.measured_within)
            return
        self.history.savings.appendleft(SavingRecord(self._clock(), found.predicted, found.measured, found.nodes))
        self.metrics.predicted.inc(found.predicted)
        self.metrics.measured.inc(max(found.measured, 0.0))
        self.memory.saved(found.enough)
        self.metrics.pace.set(self.memory.pace)
        if not found.enough:
            self.metrics.missed.inc()
            message = f"moving Pods saved {found.measured:.1f} W of {found.predicted:.1f} W; plans become less frequent"
            log.warning("%s", message)
            about = ObjectRef("Node", plan.drains[0].node)
            await self._source.event(about, reason="SavingMissed", message=message, warning=True)
        await self._stored.save()

    async def _check_saving(
        self, plan: FleetPlan, before: Mapping[str, Listed], *, ended_at: float
    ) -> SavingCheck | None:
        """Return the result as soon as all nodes with power meters have a later sample, at the latest in time."""
        drained = [drain.node for drain in plan.drains]
        comparable = len(before.keys() & plan.change.keys())
        backoff, found = Backoff(initial=1.0, maximum=10.0), None
        try:
            async with asyncio.timeout(self.settings.measured_within):
                while found is None or found.nodes < comparable:
                    await asyncio.sleep(backoff.next())
                    after = await self._measured()
                    found = check_saving(drained, plan.change, before, after, ended_at=ended_at) or found
        except TimeoutError:
            pass
        return found

    async def _measured(self) -> Mapping[str, Listed]:
        """Return the measured power of the nodes that have power meters [W]; none if it cannot be read."""
        try:
            return await list_values(self._client, "power_watts")
        except WaoCoreError as error:
            log.debug("measured power cannot be read: %s", error)
            return {}
