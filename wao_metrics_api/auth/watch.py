"""Follows the ConfigMap that says whose certificates to trust; authorities are replaced while we run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from wao_core.errors import SourceError
from wao_core.kube.reflector import Backoff
from wao_core.kube.resources import api_path
from wao_metrics_api.auth.trust import Trust, TrustError, trust_of

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
PATH = api_path("v1", "configmaps", namespace=NAMESPACE)
OBJECT = api_path("v1", "configmaps", namespace=NAMESPACE, name=NAME)
STALL = 90.0  # seconds without a byte, bookmarks among them, after which a watch is dead
_log = logging.getLogger(__name__)


class WatchClient(Protocol):
    """What is used of `wao_core.kube.client.KubeClient`."""

    async def get(self, path: str) -> bytes:
        """Return the body of a GET."""
        ...

    def lines(self, path: str, *, query: Any, stall: float) -> AbstractAsyncContextManager[Any]:
        """Open a watch and yield an iterator of its lines."""
        ...


class TrustWatch:
    """Keeps `trust` equal to the ConfigMap.

    Parameters
    ----------
    apply
        Called with every new trust, before it counts; it may raise `ValueError` for authorities it cannot use, and
        then the old trust stays.
    """

    def __init__(self, client: WatchClient, apply: Callable[[Trust], None]) -> None:
        self._client, self._apply = client, apply
        self._known = False
        self._reason = "it was not read yet"
        self.trust = Trust()

    def health(self) -> str | None:
        """Return None when the ConfigMap is in use, else why not."""
        return None if self._known else f"ConfigMap {NAMESPACE}/{NAME}: {self._reason}"

    async def run(self) -> None:
        """Read and watch for ever."""
        backoff = Backoff()
        while True:
            try:
                self._take(msgspec.json.decode(await self._client.get(OBJECT)))
                backoff.reset()
                await self._watch()
            except (SourceError, msgspec.DecodeError) as error:
                if str(error) != self._reason:
                    _log.warning("ConfigMap %s/%s: %s", NAMESPACE, NAME, error)
                self._reason = str(error)
                await asyncio.sleep(backoff.next())

    async def _watch(self) -> None:
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("fieldSelector", f"metadata.name={NAME}"),
            ("resourceVersion", self._version),
            ("timeoutSeconds", "300"),
        ]
        async with self._client.lines(PATH, query=query, stall=STALL) as lines:
            async for line in lines:
                event = msgspec.json.decode(line)
                if event.get("type") in ("ADDED", "MODIFIED"):
                    self._take(event["object"])
                elif event.get("type") == "ERROR":
                    return  # expired: read it again

    def _take(self, config_map: dict[str, Any]) -> None:
        self._version = str((config_map.get("metadata") or {}).get("resourceVersion") or "")
        try:
            trust = trust_of(config_map.get("data") or {})
            if trust != self.trust or not self._known:
                self._apply(trust)
        except (TrustError, ValueError, OSError) as error:
            self._reason = str(error)
            _log.error("ConfigMap %s/%s cannot be used, the one before stays: %s", NAMESPACE, NAME, error)
            return
        if trust != self.trust:
            _log.info("client authorities were read from ConfigMap %s/%s", NAMESPACE, NAME)
        self.trust, self._known = trust, True
