"""Keeps one resource in step with the API server: paged list, then watch, for ever.

What the client libraries' own informers get wrong, and this does not: it lists in pages, asks for bookmarks, takes
both forms of 410 as "list again", reports what vanished meanwhile as deleted, notices a dead connection, backs off
with jitter, and goes on serving the last known objects while the server is away.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wao_core.cluster.decode import decode_list, decode_watch_line
from wao_core.cluster.records import Record, key_of
from wao_core.cluster.source import Problem
from wao_core.cluster.state import ClusterState
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import Resource

log = logging.getLogger(__name__)

PAGE = 500
STALL = 90.0
"""Seconds of silence after which a watch is dead; bookmarks come about every 60 s."""


class Sink(Protocol):
    """Where a reflector writes."""

    def put(self, record: Record) -> None:
        """Add or replace one record."""
        ...

    def remove(self, key: str) -> None:
        """Forget one record."""
        ...

    def replace(self, records: Iterable[Record]) -> None:
        """Take these records for all there are."""
        ...


class StateSink:
    """Writes one resource's records to its table, which other resources may share (workloads do)."""

    def __init__(self, state: ClusterState, resource: Resource) -> None:
        self._state = state
        self._kind = resource.kind
        self._own: set[str] = set()

    def put(self, record: Record) -> None:
        """Add or replace one record."""
        self._own.add(key_of(record))
        self._state.put(self._kind, record)

    def remove(self, key: str) -> None:
        """Forget one record."""
        self._own.discard(key)
        self._state.remove(self._kind, key)

    def replace(self, records: Iterable[Record]) -> None:
        """Take these records for all of this resource's."""
        fresh = {key_of(record): record for record in records}
        for key in self._own - fresh.keys():
            self._state.remove(self._kind, key)
        for record in fresh.values():
            self._state.put(self._kind, record)
        self._own = set(fresh)


@dataclass
class Backoff:
    """Exponential back-off with full jitter: `first` seconds doubled up to `most`, reset by a good answer."""

    first: float = 0.5
    most: float = 30.0
    draw: Callable[[], float] = random.random
    failures: int = 0

    def next(self) -> float:
        """Return the seconds to wait before the next attempt."""
        limit = min(self.most, self.first * 2.0**self.failures)
        self.failures = min(self.failures + 1, 16)
        return limit * (0.5 + 0.5 * self.draw())

    def reset(self) -> None:
        """Begin anew after a good answer."""
        self.failures = 0


@dataclass
class ReflectorStats:
    """What a reflector tells to metrics and health checks."""

    relists: int = 0
    errors: int = 0
    events: int = 0
    last_error: str = ""
    failing_since: float | None = None
    confirmed: float | None = None  # monotonic time at which it was last known to be current


class _ExpiredError(Exception):
    """The resource version is too old: list again."""


@dataclass
class Reflector:
    """One resource; `run` never returns.

    Parameters
    ----------
    selector
        Query parameters that restrict list and watch, such as labelSelector.
    """

    client: KubeClient
    resource: Resource
    sink: Sink
    selector: tuple[tuple[str, str], ...] = ()
    stall: float = STALL
    backoff: Backoff = field(default_factory=Backoff)
    on_confirm: Callable[[], None] = lambda: None
    stats: ReflectorStats = field(default_factory=ReflectorStats)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _version: str = ""

    async def run(self) -> None:
        """List, watch, and begin again after every fault."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except _ExpiredError as expired:
                log.info("%s: listing again: %s", self.resource.plural, expired)
                self._version = ""
                first = self.backoff.failures == 0  # listing again at once is right, doing so for ever is not
                wait = self.backoff.next()
                await asyncio.sleep(0.0 if first else wait)
            except KubeError as error:
                await self._fault(error)

    def problem(self) -> Problem | None:
        """Return what is wrong now, if anything."""
        if self.stats.failing_since is None:
            return None
        return Problem(self.resource.plural, self.stats.last_error, self.stats.failing_since)

    async def _fault(self, error: KubeError) -> None:
        self.stats.errors += 1
        if self.stats.last_error != str(error) or self.stats.failing_since is None:
            log.warning("%s: %s", self.resource.plural, error)
        self.stats.last_error = str(error)
        self.stats.failing_since = self.stats.failing_since or time.time()
        if error.status_code == 410:
            self._version = ""
        await asyncio.sleep(max(self.backoff.next(), error.retry_after or 0.0))

    async def _list(self) -> None:
        """Read everything in pages and swap it in at once; differences become changes."""
        self.stats.relists += 1
        records: list[Record] = []
        token, version = "", ""
        while True:
            query = [*self.selector, ("limit", str(PAGE))]
            if token:
                query.append(("continue", token))
            try:
                body = await self.client.get(self.resource.path(), query=query, timeout=60.0)
            except KubeError as error:
                if error.status_code == 410 and token:  # the continue token expired half-way
                    raise _ExpiredError(str(error)) from None
                raise
            page = decode_list(self.resource.kind, body, api_kind=self.resource.api_kind)
            records.extend(page.records)
            version, token = page.resource_version, page.continue_token
            if not token:
                break
        self.sink.replace(records)
        self._version = version
        self._confirm()
        self.synced.set()

    async def _watch(self) -> None:
        """Follow changes from the version known until the server ends the watch."""
        query = [
            *self.selector,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._version),
            ("timeoutSeconds", str(random.randint(300, 600))),
        ]
        async with self.client.lines(self.resource.path(), query=query, stall=self.stall) as lines:
            async for line in lines:
                self._event(line)

    def _event(self, line: bytes) -> None:
        event = decode_watch_line(self.resource.kind, line, api_kind=self.resource.api_kind)
        if event.type == "ERROR":
            if event.code == 410:
                raise _ExpiredError(event.message)
            raise KubeError(f"WATCH {self.resource.path()}: {event.message}", status_code=event.code)
        if event.resource_version:
            self._version = event.resource_version
        if event.record is not None:
            self.stats.events += 1
            if event.type == "DELETED":
                self.sink.remove(key_of(event.record))
            else:
                self.sink.put(event.record)
        self.backoff.reset()  # only a good frame of the watch does, or a server that lists and then expires is hammered
        self._confirm()

    def _confirm(self) -> None:
        self.stats.failing_since = None
        self.stats.confirmed = time.monotonic()
        self.on_confirm()
