"""The weights of all Services that ask for them, from the current snapshot; kept, damped and versioned."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from wao_core.cluster.records import Kind, Service
from wao_core.cluster.service_endpoints import SlicesByService
from wao_core.cluster.source import ObjectRef, Source
from wao_core.cluster.state import Change
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.batch import Batch, decide, nodes_of, own_background
from wao_lb.documents import ServiceWeights
from wao_lb.entries import Entry
from wao_lb.podtable import PodTable
from wao_lb.settings import LbSettings, choice, is_chosen
from wao_lb.waiting import ANY, Changes
from wao_predict.traffic.segments import FloatArray
from wao_predict.traffic.weights import Before

log = logging.getLogger(__name__)

IDLE_FACTOR = 20.0
"""A plan of all Services is made again only after this many times as long as it took: 5 % of one core at most."""


class WeightBook(Mapping[str, ServiceWeights]):
    """The weights of every chosen Service, by "namespace/name".

    A new snapshot plans all Services together. A changed Service or EndpointSlice is planned at once, between what
    the others were given.

    Parameters
    ----------
    source
        Services, EndpointSlices, Pods and their metrics.
    settings
        Which Services, and the defaults.
    """

    def __init__(self, source: Source, settings: LbSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.changes = Changes()
        self._source, self._state, self._clock = source, source.state, clock
        self._pods = PodTable(self._state)
        self._slices = SlicesByService(self._state.endpoint_slices)
        self._entries: dict[str, Entry] = {}
        self._told: set[str] = set()
        self._snapshot: ClusterSnapshot | None = None
        self._dirty: set[str] = set(self._state.services)
        self._batch: Batch | None = None
        self._background: FloatArray | None = None
        self._planned: FloatArray = np.zeros(0)
        self._stepped_at = self._planned_at = -np.inf
        self._rest_until = 0.0  # monotonic
        self._waiting: ClusterSnapshot | None = None  # came while the book rested
        self._timer: asyncio.TimerHandle | None = None
        self.plan_seconds = 0.0
        self._unsubscribe = self._state.subscribe([Kind.SERVICE, Kind.ENDPOINT_SLICE], self._observe)

    def close(self) -> None:
        """Follow the state no longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._unsubscribe()
        self._pods.close()

    def __getitem__(self, key: str) -> ServiceWeights:
        self._catch_up()
        return self._entries[key].document(self._clock())

    def __iter__(self) -> Iterator[str]:
        self._catch_up()
        return iter(self._entries)

    def __len__(self) -> int:
        self._catch_up()
        return len(self._entries)

    def entries(self) -> Mapping[str, Entry]:
        """Return what stands for each Service, without making documents."""
        self._catch_up()
        return self._entries

    async def wait(self, key: str, version: str, timeout: float) -> ServiceWeights | None:
        """Return the weights as soon as their version is another than `version`, at the latest after `timeout`."""

        def news() -> bool:
            entry = self.entries().get(key)
            return entry is None or entry.version != version

        await self.changes.wait(key, news, timeout)
        return self.get(key)

    async def wait_for_any(self, version: str, timeout: float) -> None:
        """Wait until anything has changed since `changes.version` was `version`, at most `timeout` seconds."""

        def news() -> bool:
            self._catch_up()
            return self.changes.version != version

        await self.changes.wait(ANY, news, timeout)

    def update(self, snapshot: ClusterSnapshot) -> None:
        """Weigh all Services anew on a new snapshot."""
        names_changed = self._snapshot is None or snapshot.names != self._snapshot.names
        if not names_changed and time.monotonic() < self._rest_until:
            self._catch_up()
            self._after_the_rest(snapshot)
            return
        self._waiting = None
        if names_changed:
            self._planned = self._moved_to(snapshot)
            self._batch = None
        self._snapshot = snapshot
        changed = self._rebuild(self._dirty)
        self._dirty = set()
        begin = time.monotonic()
        changed += self._plan_all(snapshot)
        self.plan_seconds = time.monotonic() - begin
        self._rest_until = begin + (IDLE_FACTOR + 1.0) * self.plan_seconds
        self._announce(changed)

    def first(self) -> str | None:
        """Return None once the newest snapshot is weighed, else what is waited for: a check of readiness."""
        return None if self._snapshot is not None and self._waiting is None else "the weights are not computed yet"

    def _after_the_rest(self, snapshot: ClusterSnapshot) -> None:
        """Plan on this snapshot, or on a later one, as soon as the rest is over: the next one may be long in coming."""
        self._waiting = snapshot
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop the next snapshot has it planned
        self._timer = loop.call_later(min(60.0, self._rest_until - time.monotonic()), self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._waiting is not None:
            self.update(self._waiting)

    def _moved_to(self, snapshot: ClusterSnapshot) -> FloatArray:
        """Return the planned load in the rows of a snapshot with other nodes."""
        old = {} if self._snapshot is None else dict(zip(self._snapshot.names, self._planned.tolist(), strict=True))
        return np.array([old.get(name, 0.0) for name in snapshot.names])

    def _plan_all(self, snapshot: ClusterSnapshot) -> list[Entry]:
        if self._batch is None:
            self._batch = Batch.of([self._entries[key] for key in sorted(self._entries)], snapshot)
        if not self._batch.entries:
            self._background = None
            return []
        now, settings = snapshot.taken_at, self.settings
        part = settings.pace.part(now - self._stepped_at)
        if part > 0.0:
            self._stepped_at = now
        believed = settings.pace.believed(now - self._planned_at)
        self._planned_at = now
        pools = self._batch.pools(self._pods, now, settings.max_sample_age, believed)
        nodes = nodes_of(snapshot, now, settings.max_sample_age)
        decision = decide(self._batch, pools, nodes, settings, part=part, before=Before(carried=self._planned))
        self._background = own_background(pools, nodes, decision.made)
        changed = self._batch.hand_back(decision)
        self._planned = self._batch.planned(len(nodes))
        return changed

    def _plan_some(self, entries: list[Entry], snapshot: ClusterSnapshot) -> list[Entry]:
        """Plan a few Services between what the others were given."""
        batch = Batch.of(entries, snapshot)
        if not batch.entries:
            return []
        now, settings = snapshot.taken_at, self.settings
        pools = batch.pools(self._pods, now, settings.max_sample_age, believed=0.0)
        nodes = nodes_of(snapshot, now, settings.max_sample_age)
        before = Before(None if self._background is None else self._background + self._planned, self._planned)
        changed = batch.hand_back(decide(batch, pools, nodes, settings, part=0.0, before=before))
        self._planned = self._planned + batch.planned(len(nodes))
        return changed

    def _observe(self, change: Change) -> None:
        self._dirty |= {change.key} if change.kind is Kind.SERVICE else self._slices.observe(change)

    def _catch_up(self) -> None:
        if self._snapshot is None or not self._dirty:
            return
        dirty, self._dirty = self._dirty, set()
        changed = self._rebuild(dirty)
        fresh = [self._entries[key] for key in sorted(dirty) if key in self._entries]
        self._announce([*changed, *self._plan_some(fresh, self._snapshot)])

    def _rebuild(self, keys: Iterable[str]) -> list[Entry]:
        """Make the entries of some Services anew; return those that changed without having weights."""
        changed = []
        for key in sorted(keys):
            service, old = self._state.services.get(key), self._entries.pop(key, None)
            entry = None
            if service is not None and is_chosen(service, self.settings):
                entry = self._entries[key] = self._entry(service)
                if old is not None:
                    entry.inherit(old)
            if old is not None:
                self._withdraw(old)
                if entry is None:
                    self.changes.announce([key])
            if entry is not None and not entry.usable:
                changed.append(entry)
            if entry is not None or old is not None:
                self._batch = None
        return changed

    def _entry(self, service: Service) -> Entry:
        made = choice(service, self.settings)
        for annotation, reason in made.wrong:
            self._refuse(service, annotation, reason)
        entry = Entry.of(service, self._slices.of(f"{service.namespace}/{service.name}"), made)
        entry.pod_rows = np.array([self._pods.use(pod) for pod in entry.pods], dtype=np.int64)
        return entry

    def _withdraw(self, old: Entry) -> None:
        """Take back the pods of an entry and what was planned for it."""
        for pod in old.pods:
            self._pods.release(pod)
        if self._snapshot is not None and old.usable:
            self._planned = self._planned - Batch.of([old], self._snapshot).planned(len(self._planned))

    def _announce(self, entries: Iterable[Entry]) -> None:
        self.changes.announce([entry.key for entry in entries if entry.publish()])

    def _refuse(self, service: Service, annotation: str, reason: str) -> None:
        """Tell once, by a Warning Event, that an annotation is not used and what is used instead."""
        mark = f"{service.uid}{service.namespace}/{service.name}{annotation}{service.annotations[annotation]}"
        if mark in self._told:
            return
        if len(self._told) > 10_000:
            self._told.clear()
        self._told.add(mark)
        about = ObjectRef("Service", service.name, service.namespace, service.uid)
        message = f"annotation {annotation}: {reason}; the default is used"
        log.warning("Service %s/%s: %s", service.namespace, service.name, message)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        task = loop.create_task(self._source.event(about, reason="BadAnnotation", message=message, warning=True))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
