"""Carries out planned drains: mark the nodes, evict their Pods one by one, wait for replacements, remove the marks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from collections.abc import Collection as Names
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wao_core.aio import to_the_end
from wao_core.cluster.source import ObjectRef, Source
from wao_core.errors import WaoCoreError
from wao_core.kube.client import KubeClient, KubeError
from wao_fleet.drain.evictable import belongs_to_node, why_not_evictable
from wao_fleet.drain.eviction import EvictionResult, evict
from wao_fleet.drain.node_marks import NotOurs, mark_draining, unmark_draining
from wao_fleet.rebalance.fleet_plan import PlannedDrain, PlannedMove
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.pod_table import PodTable
from wao_fleet.rebalance.records import DrainRecord, DrainResult, EvictionRecord, History
from wao_fleet.rebalance.settings import PURPOSE, RebalanceSettings
from wao_predict.backoff import Backoff

log = logging.getLogger("wao.rebalance")

UNMARKING = 10.0
"""Time for which the end of a drain waits for its mark to be removed, also when the process is stopped [s]."""
REASON = "Rebalanced"
"""Reason of the Events on evicted Pods."""


class DrainSkipped(WaoCoreError):
    """A drain does not begin; the message says why."""


class DrainFailed(WaoCoreError):
    """A drain cannot go on; the message says why."""


@dataclass
class Drainer:
    """Carries out drains, one at a time.

    Parameters
    ----------
    client
        Writes.
    source
        Records Events.
    table
        The present Pods.
    clock
        Returns the time [s since the epoch].
    """

    client: KubeClient
    source: Source
    table: PodTable
    settings: RebalanceSettings
    memory: Memory
    history: History
    metrics: RebalanceMetrics
    clock: Callable[[], float] = time.time

    @asynccontextmanager
    async def marked(self, nodes: Iterable[str]) -> AsyncIterator[Names[str]]:
        """Mark nodes while Pods leave them, so that none is placed there; yield those that are marked.

        A node that another application drains, or that cannot be marked, is left out. The marks are removed however the
        drains end.
        """
        marked: set[str] = set()
        try:
            for node in nodes:
                marked.add(node)  # before the request: it may arrive although its answer does not
                try:
                    if not await mark_draining(self.client, node, PURPOSE):
                        marked.discard(node)
                except NotOurs as error:
                    marked.discard(node)
                    log.info("%s; it is left out", error)
            if marked:
                await asyncio.sleep(self.settings.settle)
            yield marked
        finally:
            await to_the_end(self._unmark(marked))

    async def _unmark(self, nodes: Names[str]) -> None:
        await asyncio.gather(*(remove_mark(self.client, node) for node in nodes))

    async def drain(self, planned: PlannedDrain) -> DrainRecord:
        """Empty one marked node and return how that ended; only a cancellation is raised."""
        record = DrainRecord(self.clock(), planned.node, planned.saved)
        self.history.drains.appendleft(record)
        try:
            self._check(planned)
            before = self.table.count({move.pod.owner_identity for move in planned.moves})
            for move in planned.moves:
                record.evicted += await self._evict(planned, move)
            await self._wait_replaced(planned, before)
            record.result = DrainResult.COMPLETED
        except DrainSkipped as error:
            record.result, record.reason = DrainResult.SKIPPED, str(error)
        except DrainFailed as error:
            record.result, record.reason = DrainResult.FAILED, str(error)
            self.memory.failed(planned.node, self.clock())
        except asyncio.CancelledError:
            record.result, record.reason = DrainResult.FAILED, "the rebalancer stopped"
            raise
        finally:
            self.metrics.drains.labels(record.result.value).inc()
        because = f": {record.reason}" if record.reason else ""
        log.info("drain of %s: %s, %d Pods left%s", planned.node, record.result, record.evicted, because)
        if record.result is DrainResult.FAILED:
            about = ObjectRef("Node", planned.node)
            await self.source.event(about, reason="RebalanceFailed", message=record.reason, warning=True)
        return record

    def _check(self, planned: PlannedDrain) -> None:
        """Raise `DrainSkipped` if the node would not be empty any more: Pods came to it after the plan."""
        known = {move.pod.uid for move in planned.moves}
        came = [
            pod.key
            for pod in self.table.pods.values()
            if pod.node_name == planned.node and pod.uid not in known and not pod.finished and not belongs_to_node(pod)
        ]
        if planned.empties and came:
            raise DrainSkipped(f"{min(came)} came to it after the plan")

    async def _evict(self, planned: PlannedDrain, move: PlannedMove) -> bool:
        """Evict one Pod; return whether it had to be."""
        pod = self.table.current(move.pod)
        if pod is None or pod.node_name != planned.node or pod.terminating:
            return False
        if why := why_not_evictable(pod, jobs=self.settings.jobs):
            raise DrainFailed(f"{pod.key} stays: {why}")
        reason = _why(planned, move)
        done = await evict(self.client, pod, deadline=self.settings.deadline)
        self.metrics.evictions.labels(done.result.value).inc()
        record = EvictionRecord(
            at=self.clock(),
            pod=pod.key,
            uid=pod.uid,
            node=planned.node,
            target=move.target,
            saved=move.saved,
            drain_saved=planned.saved,
            result=done.result.value,
            reason=done.reason or reason,
        )
        self.history.add(record)
        if done.result is EvictionResult.REFUSED:
            raise DrainFailed(f"{pod.key} stays: {done.reason}")
        if done.result is EvictionResult.EVICTED:
            self.memory.moved(pod.owner_identity, self.clock())
            about = ObjectRef("Pod", pod.name, pod.namespace, pod.uid)
            await self.source.event(about, reason=REASON, message=reason)
        return done.result is EvictionResult.EVICTED

    async def _wait_replaced(self, planned: PlannedDrain, before: Mapping[str, int]) -> None:
        """Wait until the Pods have ended and as many Pods of their workloads as before have a node."""
        backoff, waiting = Backoff(initial=0.5, maximum=2.0), ""
        created_by = asyncio.get_running_loop().time() + self.settings.created
        try:
            async with asyncio.timeout(self.settings.replaced):
                while waiting := self._waiting_for(planned, before, created_by):  # noqa: ASYNC110  (a table has no events)
                    await asyncio.sleep(backoff.next())
        except TimeoutError:
            raise DrainFailed(f"after {self.settings.replaced:g} s, {waiting}") from None

    def _waiting_for(self, planned: PlannedDrain, before: Mapping[str, int], created_by: float) -> str:
        """Return what is not done yet, or an empty string."""
        staying = [move.pod.key for move in planned.moves if self.table.current(move.pod) is not None]
        if staying:
            return f"{staying[0]} has not ended"
        pending = self.table.without_node(before.keys())
        if pending:
            return f"{pending[0]}, of a workload that was moved, has no node"
        # a workload that was made smaller meanwhile never has as many Pods again
        fewer = asyncio.get_running_loop().time() < created_by and self.table.count(before.keys()) != before
        return "replacements are not created yet" if fewer else ""


def _why(planned: PlannedDrain, move: PlannedMove) -> str:
    """Return the reason of an eviction for people."""
    what = "empty" if planned.empties else "unload"
    return (
        f"evicted to {what} {planned.node}, which saves {planned.saved:.1f} W with {len(planned.moves)} Pods; this one "
        f"costs {move.saved:.1f} W less on {move.target}, where the scheduler is predicted to place it"
    )


async def remove_mark(client: KubeClient, node: str) -> bool:
    """Remove our mark from a Node; return False, logged, if that fails: it is tried again before the next plan."""
    backoff = Backoff(initial=0.5, maximum=3.0)
    try:
        async with asyncio.timeout(UNMARKING):
            while True:
                try:
                    await unmark_draining(client, node, PURPOSE)
                    return True
                except KubeError as error:
                    log.warning("the mark on Node %s was not removed: %s", node, error)
                await asyncio.sleep(backoff.next())
    except TimeoutError:
        return False
