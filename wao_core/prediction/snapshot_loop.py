"""The background work of scheduler and load balancer: samples, curves, and a current snapshot."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from wao_core.aio import BackgroundTasks
from wao_core.collector.collecting import collecting
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import EndpointAccess, connecting
from wao_core.collector.metrics_feed import METRICS, MetricsFeed
from wao_core.collector.store import SampleStore
from wao_core.health import HealthChecks
from wao_core.kube.source import ClusterSource
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.floor_history import FloorHistory, HistorySource
from wao_core.prediction.model_opener import model_opener
from wao_core.prediction.node_floors import NodeFloors
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_builder import POWER, SnapshotBuilder
from wao_predict.load_floor import WINDOW

log = logging.getLogger(__name__)

FIRST_CURVES = 10.0
"""Time for which readiness waits for the first curves [s], so that a failing model does not block the app for good."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Times of the background work [s].

    Intervals of snapshots and of the metrics API, the age at which curves are predicted again, and the window of which
    a node's floor is the lowest load.
    """

    refresh: float = 0.25
    metrics: float = 15.0
    curve_max_age: float = 900.0
    floor_window: float = WINDOW


@dataclass(frozen=True, slots=True)
class Inputs:
    """The source of the sensors' values, and the unit of the models' CPU usage.

    Parameters
    ----------
    metrics_api
        List values from the metrics API instead of reading the sensors. This needs an API server.
    access
        Limits for the endpoints of models, and of sensors that are read.
    asks_in_cores
        See `CurveBook`.
    residuals
        List the measured power too, for the residuals in snapshots.
    history
        Where the nodes' earlier CPU use is, for their floors; default: they begin at the present.
    """

    metrics_api: bool = False
    access: EndpointAccess = EndpointAccess()  # noqa: RUF009
    asks_in_cores: bool = False
    residuals: bool = False
    history: HistorySource | None = None


@dataclass
class Runtime:
    """The running parts with the values of the sensors, and the last snapshot."""

    feed: MetricsFeed | Collector
    book: CurveBook
    builder: SnapshotBuilder
    samples: SampleStore
    started: float = field(default_factory=time.monotonic)
    ready: bool = False  # whether the first curves were there, or took too long
    refreshed_at: float = field(default_factory=time.monotonic)

    @property
    def snapshot(self) -> ClusterSnapshot | None:
        """The last snapshot, None before the first."""
        return self.builder.current

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes, none before the first snapshot."""
        return () if self.snapshot is None else self.snapshot.names

    def health(self, patience: float = 60.0) -> str | None:
        """Return None while snapshots are built, else the reason."""
        idle = time.monotonic() - self.refreshed_at
        return None if idle < patience else f"no snapshot was built for {idle:.0f} s"

    def first(self) -> str | None:
        """Return None when the first curves exist or `FIRST_CURVES` has passed, else the reason."""
        if self.ready:
            return None
        if self.snapshot is None:
            return "the first snapshot is not built yet"
        if time.monotonic() - self.started < FIRST_CURVES:
            if not self.feed.tried_all:
                return "the sensors' values are not read yet"
            if not self.builder.up_to_date or not self.book.settled:
                return "the first power curves are not predicted yet"
        self.ready = True
        return None


Listener = Callable[[ClusterSnapshot], None]


@asynccontextmanager
async def deciding(
    source: ClusterSource,
    checks: HealthChecks,
    listener: Listener,
    *,
    cadence: Cadence | None = None,
    inputs: Inputs | None = None,
) -> AsyncIterator[Runtime]:
    """Collect, predict and build snapshots until the context exits; `listener` receives each new one."""
    cadence, inputs = cadence or Cadence(), inputs or Inputs()
    async with AsyncExitStack() as stack:
        store = SampleStore()
        endpoints = await stack.enter_async_context(connecting(source.secret, inputs.access))
        feed: MetricsFeed | Collector
        if inputs.metrics_api and source.client is not None:
            listed = (*METRICS, POWER) if inputs.residuals else METRICS
            feed = await stack.enter_async_context(
                MetricsFeed(source.client, source.state, store, period=cadence.metrics, metrics=listed)
            )
        else:
            feed = await stack.enter_async_context(collecting(source, store, endpoints))
        book = CurveBook(model_opener(endpoints), max_age=cadence.curve_max_age, asks_in_cores=inputs.asks_in_cores)
        stack.push_async_callback(book.close)
        floors = NodeFloors(cadence.floor_window)
        runtime = Runtime(feed, book, SnapshotBuilder(source.state, store, book, floors=floors), store)
        checks.add_live("collector", feed.health)
        checks.add_live("snapshots", runtime.health)
        checks.add_ready("first-snapshot", runtime.first)
        tasks = await stack.enter_async_context(BackgroundTasks())
        checks.add_live("snapshot-loop", tasks.health)
        tasks.supervise("snapshots", lambda: _loop(runtime, listener, cadence))
        if inputs.history is not None:
            history = FloorHistory(inputs.history, floors)
            checks.add_warning("floor-history", lambda: history.problem(runtime.names))
            tasks.spawn("floor-history", history.restore())
        yield runtime


async def _loop(runtime: Runtime, listener: Listener, cadence: Cadence) -> None:
    version = -1
    while True:
        try:
            snapshot = await runtime.builder.refresh_in_turns()
            runtime.refreshed_at = time.monotonic()
            if snapshot.version != version:
                version = snapshot.version
                listener(snapshot)
        except Exception:  # decisions use the last snapshot; `health` reports when it is too old
            log.exception("cannot build a snapshot")
        await asyncio.sleep(cadence.refresh if runtime.first() is None else min(0.05, cadence.refresh))
