"""The collector: keeps the running pollers equal to those that the NodeConfigs want."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind, Node, Record
from wao_core.cluster.state import Change, ClusterState
from wao_core.collector.plan import Identify, PollingPlan, SensorSpec, Target, make_plan, shared
from wao_core.collector.poller import Observe, Poller, Reader
from wao_core.collector.store import SampleStore

FIRST_POLLS_PER_SECOND = 250  # each is a TLS handshake on both sides
QUIET = 0.05  # seconds without a change before the plan is made again: a template writes many NodeConfigs at once
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    poller: Poller
    task: asyncio.Task[None]


class Collector:
    """Use as `async with`; the samples are in `store`.

    Parameters
    ----------
    state
        Where the NodeConfigs are.
    store
        Where the samples go.
    make_reader
        Returns the reader of a sensor; for an endpoint that cannot be used, one whose readings report why.
    identify
        Returns which properties of the node a reading depends on; called again when a node's addresses change.
    observe
        Called after every attempt of every poller.
    """

    def __init__(
        self,
        state: ClusterState,
        store: SampleStore,
        make_reader: Callable[[SensorSpec], Reader],
        *,
        identify: Identify = shared,
        observe: Observe = lambda _attempt: None,
    ) -> None:
        self.store = store
        self._state, self._make_reader, self._observe = state, make_reader, observe
        self._identify = identify
        self._running: dict[SensorSpec, _Running] = {}
        self._by_target: dict[Target, Poller] = {}
        self._dirty = asyncio.Event()
        self._tasks, self._polling = BackgroundTasks(), BackgroundTasks()
        self._unsubscribe: Callable[[], None] = lambda: None
        self.plan = PollingPlan()

    async def __aenter__(self) -> Collector:
        self._unsubscribe = self._state.subscribe([Kind.NODE_CONFIG, Kind.NODE], self._changed)
        self.reconcile()
        self._tasks.supervise("follow the NodeConfigs", self._follow)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        await self._tasks.close()
        await self._polling.close()
        self._running.clear()

    @property
    def pollers(self) -> dict[SensorSpec, Poller]:
        """The pollers that run now."""
        return {spec: running.poller for spec, running in self._running.items()}

    def poller_of(self, node: str, metric: str) -> Poller | None:
        """Return the poller that reads this metric of this node, None when there is none."""
        return self._by_target.get(Target(node, metric))

    @property
    def tried_all(self) -> bool:
        """Whether every poller has tried its sensor at least once."""
        return all(running.poller.state.attempts > 0 for running in self._running.values())

    def health(self) -> str | None:
        """Return None while the NodeConfigs are followed, else the problem."""
        return self._tasks.health() if self._tasks.running else "changes of NodeConfigs cannot be applied"

    def failed_pollers(self) -> str | None:
        """Return which pollers failed by a fault of ours or of a plug-in, None if none did; the others poll."""
        return self._polling.health()

    def reconcile(self) -> None:
        """Start, stop and redirect pollers until they are those that the NodeConfigs want."""
        self.plan = make_plan(self._state.node_configs.values(), identify=self._identify)
        wanted = self.plan.pollers
        before = self._by_target.keys()
        gone = [self._running.pop(spec) for spec in [spec for spec in self._running if spec not in wanted]]
        fresh = [spec for spec in wanted if spec not in self._running]
        for spec in wanted.keys() - set(fresh):
            self._running[spec].poller.retarget(wanted[spec])
        spread = len(fresh) / FIRST_POLLS_PER_SECOND
        for spec in fresh:
            poller = Poller(spec, self._make_reader(spec), self.store, targets=wanted[spec], observe=self._observe)
            first_delay = phase(spec) * min(spread, spec.interval)
            name = f"poll {spec.metric} of {spec.endpoint.label}"
            task = self._polling.supervise(name, partial(poller.run, first_delay))
            self._running[spec] = _Running(poller, task)
        for running in gone:  # after the fresh ones, which may reuse the connection
            running.task.cancel()
            running.poller.reader.close()
        pollers = [running.poller for running in self._running.values()]
        self._by_target = {target: poller for poller in pollers for target in poller.targets}
        # a target whose sensor changed keeps its value until the new sensor is read or the value expires
        for target in before - self._by_target.keys():
            self.store.remove(target.node, target.metric)

    def _changed(self, change: Change) -> None:
        if change.kind is Kind.NODE_CONFIG or addresses_of(change.old) != addresses_of(change.new):
            self._dirty.set()

    async def _follow(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await asyncio.sleep(QUIET)
            try:
                self.reconcile()
            except Exception:
                _log.exception("changes of NodeConfigs could not be applied; the running pollers continue")


def addresses_of(node: Record | None) -> tuple[tuple[str, str], ...]:
    """Return the addresses of a node, () for none: the only property of a Node that readings depend on."""
    return node.addresses if isinstance(node, Node) else ()


def phase(spec: SensorSpec) -> float:
    """Return a number from 0 to 1 that spreads pollers evenly and is the same in every process."""
    text = f"{spec.endpoint.url}|{spec.node}|{spec.metric}|{spec.endpoint.secret}"
    return zlib.crc32(text.encode()) / 2**32
