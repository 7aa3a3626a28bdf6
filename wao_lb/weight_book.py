"""The current weights of all Services: planned on snapshots of the cluster, damped, and versioned."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind, Service
from wao_core.cluster.service_endpoints import SlicesByService
from wao_core.cluster.source import ObjectRef, Source
from wao_core.cluster.state import Change
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.tracing import span
from wao_lb.changes import ANY, Changes
from wao_lb.documents import ServiceWeights
from wao_lb.entries import Entry
from wao_lb.pod_table import PodTable
from wao_lb.rows import Rows
from wao_lb.settings import LbSettings, is_chosen, service_settings
from wao_lb.weight_table import WeightTable

log = logging.getLogger(__name__)

LONGEST_REST = 60.0
"""Upper bound of the time between two plans of all Services [s]."""
MAX_REPORTED = 10_000
"""Invalid annotations that are remembered, so that each is reported once."""


class WeightBook(Mapping[str, ServiceWeights]):
    """The weights of every chosen Service, by "namespace/name". Belongs to one event loop.

    A new snapshot plans all Services together. A changed Service or EndpointSlice is planned immediately, with the
    plans of the other Services unchanged.

    Parameters
    ----------
    source
        Services, EndpointSlices, Pods and their metrics.
    settings
        Which Services to weigh, and how.
    tasks
        Runs the writing of Events.
    planned
        Called with the duration of each plan of all Services [s].
    clock
        The time [s since the epoch].
    """

    def __init__(
        self,
        source: Source,
        settings: LbSettings,
        tasks: BackgroundTasks,
        *,
        planned: Callable[[float], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._planned = planned
        self.changes = Changes()
        self._source, self._state, self._tasks, self._clock = source, source.state, tasks, clock
        self._pods = PodTable(self._state)
        self._slices = SlicesByService(self._state.endpoint_slices)
        self._table = WeightTable(self._pods, settings)
        self._entries: dict[str, Entry] = {}
        self._reported: set[str] = set()
        self._snapshot: ClusterSnapshot | None = None
        self._dirty: set[str] = set(self._state.services)
        self._rest_from = self._rest_until = -math.inf
        self._waiting: ClusterSnapshot | None = None  # arrived during the rest
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe = self._state.subscribe([Kind.SERVICE, Kind.ENDPOINT_SLICE], self._observe)

    def close(self) -> None:
        """Stop observing the state."""
        if self._timer is not None:
            self._timer.cancel()
        self._unsubscribe()
        self._pods.close()

    def __getitem__(self, key: str) -> ServiceWeights:
        return self.entries()[key].document(self._clock())

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())

    def entries(self) -> Mapping[str, Entry]:
        """Return the entry of each Service, without making documents."""
        self._catch_up()
        return self._entries

    async def wait(self, key: str, version: str, timeout: float) -> ServiceWeights | None:
        """Return the weights as soon as their version differs from `version`, or after `timeout` seconds."""

        def changed() -> bool:
            entry = self.entries().get(key)
            return entry is None or entry.version != version

        await self.changes.wait(key, changed, timeout)
        return self.get(key)

    async def wait_for_any(self, version: str, timeout: float) -> None:
        """Wait until `changes.version` differs from `version`, at most `timeout` seconds."""

        def changed() -> bool:
            self._catch_up()
            return self.changes.version != version

        await self.changes.wait(ANY, changed, timeout)

    def update(self, snapshot: ClusterSnapshot) -> None:
        """Plan all Services on a new snapshot, or later if the last plan was too recent."""
        same_nodes = self._snapshot is not None and snapshot.names == self._snapshot.names
        if same_nodes and (rest := self._rest()) > 0.0:
            self._catch_up()
            self._waiting = snapshot
            if self._timer is None:  # the next snapshot may be far away
                self._timer = asyncio.get_running_loop().call_later(rest, self._plan_waiting)
            return
        self._plan_all(snapshot)

    def first(self) -> str | None:
        """Return None if the newest snapshot is planned, else the reason why the book is not ready."""
        planned = self._snapshot is not None and self._waiting is None
        return None if planned else "the weights are not computed yet"

    def _rest(self) -> float:
        """Return the time until all Services may be planned again [s]; 0 after a jump of the clock, too."""
        now = self._clock()
        return self._rest_until - now if self._rest_from <= now else 0.0

    def _plan_waiting(self) -> None:
        self._timer = None
        if self._waiting is not None:
            self._plan_all(self._waiting)

    def _plan_all(self, snapshot: ClusterSnapshot) -> None:
        self._snapshot, self._waiting = snapshot, None
        unusable, began = self._replace_dirty(), self._clock()
        with span("plan weights") as current:
            changed = self._table.plan(snapshot)
            if current:
                current.set(wao_services=len(self._entries), wao_services_changed=len(changed), wao_nodes=len(snapshot))
        seconds = max(0.0, self._clock() - began)
        self._planned(seconds)
        rest = min(LONGEST_REST, seconds / self.settings.max_plan_share)
        self._rest_from, self._rest_until = began, began + seconds + rest
        self._announce({**unusable, **changed})

    def _catch_up(self) -> None:
        """Plan the Services that changed since the last call, with the plans of the others unchanged."""
        if self._snapshot is None or not self._dirty:
            return
        self._announce({**self._replace_dirty(), **self._table.plan_fresh(self._snapshot)})

    def _replace_dirty(self) -> dict[str, bytes]:
        """Replace the entries of changed Services; return those without endpoints to weigh, as `WeightTable.plan`."""
        dirty, self._dirty = self._dirty, set()
        gone: dict[str, Entry] = {}
        fresh: dict[str, Rows] = {}
        for key in sorted(dirty):
            service, old = self._state.services.get(key), self._entries.pop(key, None)
            if old is not None:
                gone[key] = old
            if service is not None and is_chosen(service, self.settings):
                entry = self._entries[key] = self._entry(service)
                fresh[key] = entry.fresh_rows([self._pods.use(pod) for pod in entry.pods], old)
                entry.version = "" if old is None else old.version
            elif old is not None:
                self.changes.announce([key])
        for pod in (pod for old in gone.values() for pod in old.pods):
            self._pods.release(pod)
        self._table.replace(gone, fresh)
        return {key: b"" for key in fresh if not self._entries[key].usable}

    def _entry(self, service: Service) -> Entry:
        settings = service_settings(service, self.settings)
        for annotation, reason in settings.invalid:
            self._report(service, annotation, reason)
        return Entry.of(service, self._slices.of(f"{service.namespace}/{service.name}"), settings, self._table)

    def _announce(self, changed: Mapping[str, bytes]) -> None:
        self.changes.announce([key for key, weights in changed.items() if self._entries[key].publish(weights)])

    def _observe(self, change: Change) -> None:
        self._dirty |= {change.key} if change.kind is Kind.SERVICE else self._slices.observe(change)

    def _report(self, service: Service, annotation: str, reason: str) -> None:
        """Report an invalid annotation once, as a log message and as a Warning Event."""
        mark = f"{service.uid}{service.namespace}/{service.name}{annotation}{service.annotations[annotation]}"
        if mark in self._reported:
            return
        if len(self._reported) >= MAX_REPORTED:
            self._reported.clear()
        self._reported.add(mark)
        about = ObjectRef("Service", service.name, service.namespace, service.uid)
        message = f"annotation {annotation}: {reason}; the default is used"
        log.warning("Service %s/%s: %s", service.namespace, service.name, message)
        event = self._source.event(about, reason="BadAnnotation", message=message, warning=True)
        self._tasks.spawn("event of a bad annotation", event)
