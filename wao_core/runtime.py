"""What scheduler and load balancer run beneath their endpoints: samples, curves, and a current snapshot."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from wao_core.collector.running import collecting
from wao_core.collector.store import SampleStore
from wao_core.curvebook import CurveBook
from wao_core.models import model_opener
from wao_core.serving.health import HealthChecks
from wao_core.snapshot import ClusterSnapshot
from wao_core.snapshot_builder import SnapshotBuilder
from wao_core.source.base import Source

log = logging.getLogger(__name__)

FIRST_CURVES = 10.0
"""Seconds that readiness waits for the first curves; a model that is away must not keep the app from serving."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often things are looked at, in seconds: changes, and the age at which curves are made anew."""

    refresh: float = 1.0
    curve_max_age: float = 900.0


@dataclass
class Runtime:
    """The running parts, and the last snapshot."""

    source: Source
    store: SampleStore
    book: CurveBook
    builder: SnapshotBuilder
    refreshed_at: float = 0.0  # monotonic

    @property
    def snapshot(self) -> ClusterSnapshot | None:
        """The last snapshot."""
        return self.builder.current

    def health(self, patience: float = 60.0) -> str | None:
        """Return None while snapshots are made, else what is wrong."""
        idle = time.monotonic() - self.refreshed_at
        return None if idle < patience else f"no snapshot was made for {idle:.0f} s"


Listener = Callable[[ClusterSnapshot], None]


@asynccontextmanager
async def deciding(
    source: Source,
    checks: HealthChecks,
    listener: Listener,
    *,
    cadence: Cadence | None = None,
    loopback: bool = True,
) -> AsyncIterator[Runtime]:
    """Collect, predict and build snapshots until the end of the `async with`; `listener` gets each new one.

    Parameters
    ----------
    loopback
        Whether sensors may be on this machine.
    """
    cadence = cadence or Cadence()
    async with AsyncExitStack() as stack:
        store = SampleStore()
        collector = await stack.enter_async_context(collecting(source, store, loopback=loopback))
        book = CurveBook(model_opener(source), max_age=cadence.curve_max_age)
        stack.push_async_callback(book.close)
        runtime = Runtime(source, store, book, SnapshotBuilder(source.state, store, book))
        started = time.monotonic()
        checks.add_live("collector", collector.health)
        checks.add_live("snapshots", runtime.health)
        checks.add_ready("first-snapshot", lambda: _first(runtime, started))
        task = asyncio.create_task(_loop(runtime, listener, cadence), name="snapshots")
        stack.push_async_callback(_end, task)
        yield runtime


def _first(runtime: Runtime, started: float) -> str | None:
    snapshot = runtime.snapshot
    if snapshot is None:
        return "the first snapshot is not made yet"
    if len(snapshot) and not snapshot.curves.known.all() and time.monotonic() - started < FIRST_CURVES:
        return "the first power curves are not predicted yet"
    return None


async def _loop(runtime: Runtime, listener: Listener, cadence: Cadence) -> None:
    version = -1
    while True:
        try:
            snapshot = runtime.builder.refresh()
            runtime.refreshed_at = time.monotonic()
            if snapshot.version != version:
                version = snapshot.version
                listener(snapshot)
        except Exception:  # decisions go on with the last snapshot, health tells when it is too old
            log.exception("no snapshot could be made")
        known = runtime.snapshot is not None and runtime.snapshot.curves.known.all()
        await asyncio.sleep(cadence.refresh if known else min(0.1, cadence.refresh))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
