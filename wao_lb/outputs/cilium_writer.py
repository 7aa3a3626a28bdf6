"""Writes the EndpointSlices of `wao_lb.outputs.cilium`: server-side apply by the leader, at a bounded rate."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from wao_core.cluster.records import EndpointSlice, Kind, Service, key_of
from wao_core.cluster.service_endpoints import SlicesByService
from wao_core.cluster.source import ObjectRef, Source
from wao_core.cluster.state import Change
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.object_writer import ObjectWriter
from wao_core.kube.resources import ENDPOINT_SLICES
from wao_lb.documents import ServiceWeights
from wao_lb.outputs.cilium import MANAGED_BY, MANAGER, front_slices, slice_body, slice_changes
from wao_lb.settings import WEIGHTS_OF
from wao_lb.weight_book import WeightBook
from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

LEASE = "wao-lb-cilium"
PERIOD = 1.0
"""Longest time between two comparisons [s]."""
REST = 0.5
"""Shortest time between two comparisons [s]."""
WEIGHTS_A_ROUND = 25
"""Slices of which only the weight changed that one comparison writes: each write goes to all agents of Cilium."""
WEIGHT_PERIOD = 15.0
"""Shortest time between two writes of only the weight of a slice [s]."""
STEP = 0.05
"""Relative change of a weight from which it is written."""
CONCURRENT_REQUESTS = 8
LONGEST_RETRY = 60.0
"""Longest time to the next attempt to write a slice that was refused [s]: others are written meanwhile."""


class CiliumMetrics:
    """Prometheus metrics of the writer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leading = Gauge(
            "wao_lb_cilium_leading", "Whether this replica writes EndpointSlices for Cilium.", registry=registry
        )
        self.writes = Counter("wao_lb_cilium_writes", "EndpointSlices written for Cilium.", registry=registry)
        self.failures = Counter(
            "wao_lb_cilium_write_failures", "Writes of EndpointSlices for Cilium that failed.", registry=registry
        )


def _in_turns(items: Iterable[EndpointSlice]) -> Iterator[EndpointSlice]:
    """Yield slices of each namespace in turn: many of one namespace do not delay those of others."""
    by_namespace: dict[str, list[EndpointSlice]] = {}
    for item in items:
        by_namespace.setdefault(item.namespace, []).append(item)
    for turn in zip_longest(*by_namespace.values()):
        yield from (item for item in turn if item is not None)


def _is_refusal(error: KubeError) -> bool:
    """Return whether the same request would fail again, unlike one during an outage or at a limit."""
    return error.status_code is not None and 400 <= error.status_code < 500 and error.status_code != 429


@dataclass
class _Refused:
    """A slice that could not be written: when it may be tried again, by the clock of the writer."""

    due: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=1.0, maximum=LONGEST_RETRY))


class CiliumWriter:
    """Keeps the EndpointSlices of every front: a Service with the annotation waok8s.github.io/weights-of.

    Changes of endpoints are written at once, changes of nothing but weights when they are large enough, the largest
    first. Slices whose front is gone, or has no annotation any more, are deleted.

    Parameters
    ----------
    book
        The weights.
    ready
        Whether they are known. With unknown weights all endpoints would be removed.
    rest
        Shortest time between two comparisons [s].
    clock
        Seconds.

    Attributes
    ----------
    settled
        Whether the last comparison found nothing to write.
    """

    def __init__(
        self,
        source: Source,
        client: KubeClient,
        book: WeightBook,
        metrics: CiliumMetrics,
        *,
        ready: Callable[[], bool] = lambda: True,
        rest: float = REST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ready, self._rest = ready, rest
        self._source, self._book = source, book
        self._state, self._metrics, self._clock = source.state, metrics, clock
        self._slices = SlicesByService(self._state.endpoint_slices)
        self._ours: dict[str, EndpointSlice] = {}
        self._fronts: set[str] = set()
        self._objects: ObjectWriter[EndpointSlice] = ObjectWriter(
            client, ENDPOINT_SLICES, manager=MANAGER, concurrency=CONCURRENT_REQUESTS, clock=clock
        )
        self._weighed_at: dict[str, float] = {}
        self._refused: dict[str, _Refused] = {}
        self._reported: dict[str, str] = {}  # the last problem of each front
        self._observed = 0  # changes of the state
        self.settled = False
        self._made: dict[str, tuple[Service, ServiceWeights, Mapping[str, EndpointSlice]]] = {}  # by front
        for kind in (Kind.SERVICE, Kind.ENDPOINT_SLICE):
            for key, record in self._state.table(kind).items():
                self._index(key, record)
        self._unsubscribe = self._state.subscribe([Kind.SERVICE, Kind.ENDPOINT_SLICE], self._observe)

    def close(self) -> None:
        """Stop observing the state."""
        self._unsubscribe()

    async def run(self) -> None:
        """Compare and write until cancelled."""
        done: tuple[str, int] | None = None
        while True:
            version, observed = self._book.changes.version, self._observed
            if self._ready() and (not self.settled or done != (version, observed)):
                await self.write()
                done = version, observed
            await asyncio.sleep(self._rest)
            await self._book.wait_for_any(version, PERIOD - self._rest)

    async def write(self) -> int:
        """Compare once and write what differs; return the number of requests that failed, which are logged."""
        now = self._clock()
        wanted, fronts, problems = self._wanted()
        changes = slice_changes(wanted, self._existing(), STEP)
        self.settled = not (changes.endpoints or changes.weights or changes.delete or self._objects.undelivered())
        resting = {key for key, at in self._weighed_at.items() if now - at < WEIGHT_PERIOD}
        changed = [item for item in self._due(changes.weights) if key_of(item) not in resting]
        weights = list(islice(_in_turns(changed), WEIGHTS_A_ROUND))
        written = [*self._due(changes.endpoints), *weights]
        requests = [self._noting(key_of(item), self._apply(item, fronts[key_of(item)])) for item in written]
        requests += [self._noting(key, self._objects.delete(key)) for key in changes.delete if self._is_due(key)]
        failed = await self._objects.send(requests)
        self._metrics.writes.inc(len(requests) - failed)
        self._metrics.failures.inc(failed)
        self._weighed_at = {key: at for key, at in self._weighed_at.items() if key in wanted}
        self._weighed_at |= {key_of(item): now for item in weights}
        self._refused = {key: held for key, held in self._refused.items() if key in wanted or key in changes.delete}
        for front, problem in problems:
            await self._report(front, problem)
        return failed

    def _wanted(self) -> tuple[dict[str, EndpointSlice], dict[str, Service], list[tuple[Service, str]]]:
        """Return the slices of all fronts by key, the front of each, and the problems of fronts."""
        wanted: dict[str, EndpointSlice] = {}
        fronts: dict[str, Service] = {}
        problems: list[tuple[Service, str]] = []
        for key in sorted(self._fronts):
            front = self._state.services[key]
            found, problem = self._of_front(front)
            if problem:
                problems.append((front, problem))
            wanted |= found
            fronts |= dict.fromkeys(found, front)
        return wanted, fronts, problems

    def _of_front(self, front: Service) -> tuple[Mapping[str, EndpointSlice], str]:
        """Return the slices of a front, and what is wrong with it or an empty string."""
        backend = f"{front.namespace}/{front.annotations[WEIGHTS_OF]}"
        if front.has_selector:
            return {}, "it has a selector, so Kubernetes writes its EndpointSlices: remove the selector"
        document = self._book.get(backend)
        if document is None:
            why = "it does not exist, is headless, or has the annotation itself"
            return {}, f"the Service {backend:.400} is not weighted: {why}"
        found = self._slices_of(front, document)
        if not found and any(port.endpoints for port in document.ports):
            return {}, f"no port has the name and the protocol of a port of the Service {backend}"
        if foreign := [part.name for part in self._slices.of(key_of(front)) if part.labels.get(MANAGED_BY) != MANAGER]:
            return found, f"delete its EndpointSlice {foreign[0]}: Cilium uses one of two weights of an address"
        return found, ""

    def _slices_of(self, front: Service, document: ServiceWeights) -> Mapping[str, EndpointSlice]:
        """Return the slices of a front, made once for each document."""
        made = self._made.get(key_of(front))
        if made is None or made[0] is not front or made[1] is not document:
            made = self._made[key_of(front)] = (front, document, front_slices(front, document))
        return made[2]

    def _existing(self) -> dict[str, EndpointSlice]:
        """Return our slices: those of the watch, and what was written since."""
        merged = {**self._ours, **self._objects.undelivered()}
        return {key: record for key, record in merged.items() if record is not None}

    def _observe(self, change: Change) -> None:
        self._observed += 1
        if change.kind is Kind.SERVICE:
            self._fronts.discard(change.key)
            self._made.pop(change.key, None)
            if change.new is None:
                self._reported.pop(change.key, None)
        else:
            self._slices.observe(change)
            self._ours.pop(change.key, None)
            self._objects.delivered(change.key)
        if change.new is not None:
            self._index(change.key, change.new)

    def _index(self, key: str, record: object) -> None:
        if isinstance(record, Service) and WEIGHTS_OF in record.annotations:
            self._fronts.add(key)
        if isinstance(record, EndpointSlice) and record.labels.get(MANAGED_BY) == MANAGER:
            self._ours[key] = record

    async def _apply(self, item: EndpointSlice, front: Service) -> None:
        await self._objects.apply(key_of(item), slice_body(item, front), item)

    def _due(self, items: Iterable[EndpointSlice]) -> list[EndpointSlice]:
        return [item for item in items if self._is_due(key_of(item))]

    def _is_due(self, key: str) -> bool:
        """Return whether a slice may be written: not while it waits after it was refused."""
        held = self._refused.get(key)
        return held is None or held.due <= self._clock()

    async def _noting(self, key: str, request: Coroutine[Any, Any, None]) -> None:
        """Await the write of a slice, and note whether it was refused; raises `KubeError`."""
        try:
            await request
        except KubeError as error:
            if _is_refusal(error):
                held = self._refused.setdefault(key, _Refused())
                held.due = self._clock() + held.backoff.next()
            raise
        self._refused.pop(key, None)

    async def _report(self, front: Service, problem: str) -> None:
        """Report a problem of a front once, as a log message and as a Warning Event."""
        if self._reported.get(key_of(front)) == problem:
            return
        self._reported[key_of(front)] = problem
        message = f"annotation {WEIGHTS_OF}: {problem}"
        log.warning("Service %s: %s", key_of(front), message)
        about = ObjectRef("Service", front.name, front.namespace, front.uid)
        await self._source.event(about, reason="NotWeighted", message=message, warning=True)
