"""Keeps one collection in step with the API server: paged list, then watch.

Like client-go's reflector (tools/cache/reflector.go): pages, bookmarks, both forms of 410, a first list from the watch
cache, back-off after very short watches. In addition a silent connection is detected, any unexpected answer leads to a
new list, and an object that cannot be decoded keeps its last readable state.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from collections.abc import Collection as Keys
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from wao_core.cluster.records import Kind, Record, key_of
from wao_core.cluster.state import ClusterState
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.collection import AnswerError, Collection, Page, WatchEvent, decode_list, decode_watch_line
from wao_core.kube.statistics import CollectionStatistics
from wao_predict.backoff import Backoff

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

PAGE = 500
MAX_PAGES = 2000
STALL = 90.0
"""Seconds of silence after which a watch is dead; bookmarks arrive about every 60 s."""
SHORT_WATCH = 1.0
"""Seconds. The next watch waits for the back-off after one that ended sooner."""
MAX_RETRY_AFTER = 60.0
"""Upper bound of a server's Retry-After [s]."""


class Sink(Protocol[T_contra]):
    """Receives the objects of a collection."""

    def put(self, key: str, item: T_contra) -> None:
        """Add or replace one object."""
        ...

    def remove(self, key: str) -> None:
        """Remove one object."""
        ...

    def replace(self, items: Iterable[T_contra], unreadable: Keys[str]) -> None:
        """Replace all objects; those with an unreadable key exist and keep their last state."""
        ...


class StateSink:
    """Writes the records of one resource to its table. Several resources can share a table, as workloads do."""

    def __init__(self, state: ClusterState, kind: Kind) -> None:
        self._state, self._kind = state, kind
        self._own: set[str] = set()

    def put(self, key: str, item: Record) -> None:
        """Add or replace one record."""
        self._own.add(key)
        self._state.put(self._kind, item)

    def remove(self, key: str) -> None:
        """Remove one record."""
        self._own.discard(key)
        self._state.remove(self._kind, key)

    def replace(self, items: Iterable[Record], unreadable: Keys[str]) -> None:
        """Replace all records of this resource; those with an unreadable key stay as they are."""
        fresh = {key_of(record): record for record in items}
        kept = self._own & set(unreadable)
        for key in self._own - fresh.keys() - kept:
            self._state.remove(self._kind, key)
        for record in fresh.values():
            self._state.put(self._kind, record)
        self._own = kept | fresh.keys()


class _ExpiredError(Exception):
    """The resource version is not usable any more: list again."""


@dataclass
class Reflector(Generic[T]):
    """Follows one collection; `run` does not return.

    Parameters
    ----------
    selector
        Query parameters that restrict list and watch, such as labelSelector.
    from_cache
        Whether the first list may come from the API server's watch cache (resourceVersion=0). It may be some seconds
        old and comes in one piece instead of pages, but spares etcd when many clients start at once.
    stall
        Seconds without a byte after which a watch is given up.
    on_confirm
        Called whenever the collection is known to be current.
    """

    client: KubeClient
    collection: Collection[T]
    sink: Sink[T]
    selector: tuple[tuple[str, str], ...] = ()
    from_cache: bool = False
    stall: float = STALL
    backoff: Backoff = field(default_factory=Backoff)
    on_confirm: Callable[[], None] = lambda: None
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _version: str = ""

    def __post_init__(self) -> None:
        self.statistics = CollectionStatistics(self.collection.name)

    async def run(self) -> None:
        """List and watch, and start again after every fault."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except _ExpiredError:
                self._version = ""
                first = self.backoff.failures == 0  # list again at once, but not again and again
                wait = self.backoff.next()
                await asyncio.sleep(0.0 if first else wait)
            except KubeError as error:
                self.statistics.fault(str(error))
                await asyncio.sleep(max(self.backoff.next(), min(error.retry_after or 0.0, MAX_RETRY_AFTER)))
            except Exception as error:  # an answer that is not Kubernetes': nothing about it can be trusted
                self._version = ""
                self.statistics.fault(
                    str(error) if isinstance(error, AnswerError) else f"{type(error).__name__}: {error}"
                )
                await asyncio.sleep(self.backoff.next())

    async def _list(self) -> None:
        """Read all pages, then replace the objects of the sink at once."""
        items: list[T] = []
        unreadable: dict[str, str] = {}
        token, version = "", ""
        for _ in range(MAX_PAGES):
            page = await self._page(token)
            items.extend(page.objects)
            unreadable.update(page.unreadable)
            version, token = page.resource_version, page.continue_token
            if not token:
                break
        if token or not version:
            raise AnswerError(f"LIST {self.collection.path}: the list has no end or no resource version")
        self.sink.replace(items, unreadable.keys())
        self.statistics.listed(unreadable)
        self._version, self.from_cache = version, False
        self._confirm()
        self.synced.set()

    async def _page(self, token: str) -> Page[T]:
        query = [*self.selector, ("limit", str(PAGE))]
        if token:
            query.append(("continue", token))
        elif self.from_cache:
            query.append(("resourceVersion", "0"))
        try:
            body = await self.client.get(self.collection.path, query=query, timeout=60.0)
        except KubeError as error:
            if not _is_expired(error) or not (token or self.from_cache):
                raise
            self.from_cache = False  # the watch cache cannot answer, or the token expired half-way
            raise _ExpiredError from None
        return decode_list(body, self.collection)

    async def _watch(self) -> None:
        """Follow changes from the known version until the server ends the watch."""
        query = [
            *self.selector,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._version),
            ("timeoutSeconds", str(random.randint(300, 600))),
        ]
        began, events = time.monotonic(), 0
        try:
            async with self.client.lines(self.collection.path, query=query, stall=self.stall) as lines:
                async for line in lines:
                    self._event(line)
                    events += 1
                    if time.monotonic() - began > SHORT_WATCH:
                        self.backoff.reset()  # not before: a server may list, send an event, and end every watch
        except KubeError as error:
            if _is_expired(error):
                raise _ExpiredError from None
            raise
        if time.monotonic() - began < SHORT_WATCH:
            if events == 0:
                raise KubeError(f"WATCH {self.collection.path}: very short watch: it ended without an event")
            await asyncio.sleep(self.backoff.next())

    def _event(self, line: bytes) -> None:
        event = decode_watch_line(line, self.collection)
        if event.type == "ERROR":
            raise KubeError(f"WATCH {self.collection.path}: {event.reason}", status_code=event.code)
        self._version = event.resource_version or self._version
        if event.key:
            self.statistics.events += 1
            self._take(event)
        self._confirm()

    def _take(self, event: WatchEvent[T]) -> None:
        if event.type != "DELETED" and event.object is None:
            self.statistics.skipped(event.key, event.reason)
            return
        self.statistics.readable(event.key)
        if event.object is None:
            self.sink.remove(event.key)
        else:
            self.sink.put(event.key, event.object)

    def _confirm(self) -> None:
        self.statistics.confirm()
        self.on_confirm()


def _is_expired(error: KubeError) -> bool:
    """Whether the server cannot answer for a resource version: too old (410), or newer than its watch cache (504)."""
    return error.status_code == 410 or "too large resource version" in str(error).lower()
