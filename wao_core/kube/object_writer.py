"""Writes the objects of one resource: server-side apply and delete, a bounded number of requests at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Generic, TypeVar

from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import Resource

T = TypeVar("T")
log = logging.getLogger(__name__)

WATCH_DELAY = 5.0
"""Seconds in which the watch should deliver a write."""


class ObjectWriter(Generic[T]):
    """Writes objects, and remembers each write until the watch delivers it, so that it is not repeated.

    Parameters
    ----------
    manager
        Field manager of what is applied.
    concurrency
        Most requests at a time.
    clock
        Seconds.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        *,
        manager: str,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._resource, self._manager, self._clock = client, resource, manager, clock
        self._concurrency = concurrency
        self._undelivered: dict[str, tuple[T | None, float]] = {}  # None: deleted

    def delivered(self, key: str) -> None:
        """Note that the watch has delivered a change of this object."""
        self._undelivered.pop(key, None)

    def undelivered(self) -> dict[str, T | None]:
        """Return what was written by key, None for a deleted object, while the watch may still deliver it."""
        now = self._clock()
        self._undelivered = {key: held for key, held in self._undelivered.items() if now - held[1] < WATCH_DELAY}
        return {key: written for key, (written, _) in self._undelivered.items()}

    async def apply(self, key: str, body: Mapping[str, object], written: T) -> None:
        """Apply an object, "namespace/name", and remember `written`; raises `KubeError`."""
        self._undelivered[key] = (written, self._clock())  # first: the watch may be faster than the response
        try:
            await self._client.apply(self._path(key), body, manager=self._manager)
        except KubeError:
            self._undelivered.pop(key, None)
            raise

    async def delete(self, key: str) -> None:
        """Delete an object, "namespace/name", if it exists; raises `KubeError`."""
        try:
            await self._client.send("DELETE", self._path(key))
        except KubeError as error:
            if error.status_code != 404:
                raise
        self._undelivered[key] = (None, self._clock())

    async def send(self, requests: Iterable[Coroutine[Any, Any, None]]) -> int:
        """Await the requests and return the number of those that failed, which are logged."""
        gate = asyncio.Semaphore(self._concurrency)
        return sum(await asyncio.gather(*(self._guarded(gate, request) for request in requests)))

    async def _guarded(self, gate: asyncio.Semaphore, request: Coroutine[Any, Any, None]) -> bool:
        """Return whether the request failed."""
        async with gate:
            try:
                await request
            except KubeError as error:
                log.warning("%s was not written: %s", self._resource.api_kind, error)
                return True
        return False

    def _path(self, key: str) -> str:
        namespace, _, name = key.partition("/")
        return self._resource.path(namespace, name)
