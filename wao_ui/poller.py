"""The one poller: it reads all sources every period, and makes the picture that all viewers see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from wao_core.cluster.records import Node
from wao_ui.feeds import value_of
from wao_ui.picture import Documents, SourceView, picture_of
from wao_ui.sources import Sources
from wao_ui.store import Store


class Poller:
    """Reads the sources and keeps the store current.

    Parameters
    ----------
    nodes
        Returns the Nodes of the cluster, which a source of its own keeps current.
    period
        Seconds between two readings.
    group_label
        Label of Nodes by which the page groups them.
    drawn
        Receives the seconds that each picture took, without the reading.
    """

    def __init__(
        self,
        sources: Sources,
        store: Store,
        nodes: Callable[[], Mapping[str, Node]],
        *,
        period: float,
        group_label: str,
        clock: Callable[[], float] = time.time,
        drawn: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._sources, self._store, self._nodes = sources, store, nodes
        self._period, self._group_label, self._clock, self._drawn = period, group_label, clock, drawn
        self._polled_at = time.monotonic()
        self.read_once = False

    async def run(self) -> None:
        """Read and draw until cancelled."""
        while True:
            begin = time.monotonic()
            await self.poll()
            await asyncio.sleep(max(0.1 * self._period, self._period - (time.monotonic() - begin)))

    async def poll(self) -> None:
        """Read all sources once, and make a new picture."""
        await self._sources.refresh()
        begin = time.monotonic()
        self._store.put(
            picture_of(
                self._documents(),
                [
                    SourceView(feed.name, feed.where, feed.read_at, feed.problem, feed.seconds, feed.absent)
                    for feed in self._sources.feeds
                ],
                group_label=self._group_label,
                version=self._store.picture.version + 1,
                now=self._clock(),
            )
        )
        self._drawn(time.monotonic() - begin)
        self._polled_at, self.read_once = time.monotonic(), True

    def health(self) -> str | None:
        """Return None while the sources are read, else the reason."""
        idle = time.monotonic() - self._polled_at
        return None if idle < 60.0 + 4 * self._period else f"the sources were not read for {idle:.0f} s"

    def _documents(self) -> Documents:
        sources = self._sources
        return Documents(
            cluster=dict(self._nodes()),
            metrics=value_of(sources.metrics),
            sensors=value_of(sources.sensors),
            nodes=value_of(sources.nodes),
            decisions=value_of(sources.decisions),
            weights=value_of(sources.weights),
            plan=value_of(sources.plan),
            evictions=value_of(sources.evictions),
            standby=value_of(sources.standby),
        )
