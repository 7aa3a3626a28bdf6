"""An API server that has objects, answers lists and watches, and gives each client wrong answers on demand.

Faults of a kind that a real API server does not produce. Each client shows a token of its own, and each path can have a
fault of its own, so that several processes meet many faults at the same time. It runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.server_thread import ServerThread, listening
from tests.fakes.workload_manifests import documents
from tests.fakes.wrong_answers import WRONG, WRONG_LINES, is_watch
from wao_core.kube.resources import RESOURCES

Asked = tuple[str, str]
"""A client and a path."""
BOOKMARKS = 0.3
"""Seconds between two bookmarks, so that a client knows soon that its watch works."""
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
TRUST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "extension-apiserver-authentication"},
    "data": {},
}


class ApiServer(ServerThread):
    """Use as `with`. Objects are those of manifest files; what clients write is accepted and forgotten.

    Attributes
    ----------
    wrong
        Number of wrong answers by client and path since the last `break_for`.
    url
        Where it listens.
    """

    def __init__(self, manifests: Iterable[Path] = ()) -> None:
        super().__init__()
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        self._version = 100
        self._faults: dict[Asked, str] = {}
        self.wrong: Counter[Asked] = Counter()
        self._endless: set[asyncio.Task[Any]] = set()
        self._seen: dict[Asked, int] = {}  # the version that an open watch has delivered
        self._since: dict[Asked, float] = {}  # when the open watch began
        self._leases: dict[str, Any] = {}
        self.url = ""
        self._put(CONFIG_MAPS, TRUST)
        for path in manifests:
            for document in documents(path):
                if document["kind"] in RESOURCES:
                    self._put(RESOURCES[document["kind"]].path(), copy.deepcopy(document))

    def kubeconfig(self, folder: Path, client: str) -> Path:
        """Write the configuration of a client; its name is its token."""
        file = folder / f"{client}.kubeconfig"
        named = {
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": client}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }
        file.write_text(json.dumps({"current-context": "c", **named}))
        return file

    def break_for(self, faults: Mapping[Asked, str]) -> None:
        """Give wrong answers from now on, also in place of open watches; {} ends all faults."""

        async def change() -> None:
            self._faults = dict(faults)
            self.wrong.clear()
            for task in list(self._endless):
                task.cancel()

        self.do(change())

    def create(self, document: Mapping[str, Any]) -> int:
        """Add an object or replace it, and return its resource version."""

        async def change() -> int:
            self._put(RESOURCES[document["kind"]].path(), document)
            return self._version

        created: int = self.do(change())
        return created

    def seen(self, asked: Asked) -> int:
        """Return the resource version that an open watch has delivered; 0 where there is none."""
        return self._seen.get(asked, 0)

    def watches(self, *, older_than: float = 0.0) -> set[Asked]:
        """Return the watches that are open for some seconds."""
        now = time.monotonic()
        return {asked for asked, since in list(self._since.items()) if now - since >= older_than}

    def _put(self, path: str, document: Mapping[str, Any]) -> None:
        self._version += 1
        metadata = {"uid": str(self._version), **document["metadata"], "resourceVersion": str(self._version)}
        key = f"{metadata.get('namespace', '')}/{metadata['name']}"
        self._objects.setdefault(path, {})[key] = {**document, "metadata": metadata}

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen; open watches end with the server."""
        async with listening(self._answer) as self.url:
            yield
            for task in list(self._endless):
                task.cancel()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Authorization", "").removeprefix("Bearer "), request.path
        fault = self._faults.get(asked, "")
        wrong = WRONG.get(fault) or (WRONG_LINES.get(fault) if is_watch(request) else None)
        if wrong is not None:
            self.wrong[asked] += 1
            return await self._until_changed(request, wrong(request))
        if is_watch(request):
            return await self._until_changed(request, self._watch(asked, request))
        return self._read_or_write(request, await request.read())

    async def _until_changed(self, request: web.Request, answer: Awaitable[web.StreamResponse]) -> web.StreamResponse:
        """Give an answer that may take for ever; a change of the faults breaks the connection."""
        task = asyncio.ensure_future(answer)
        self._endless.add(task)
        try:
            return await task
        except (asyncio.CancelledError, ConnectionResetError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        finally:
            self._endless.discard(task)
            task.cancel()

    async def _watch(self, asked: Asked, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        seen = int(request.query.get("resourceVersion") or 0)
        self._since[asked] = time.monotonic()
        try:
            while True:
                items = self._objects.get(request.path, {}).values()
                fresh = [item for item in items if int(item["metadata"]["resourceVersion"]) > seen]
                events = [{"type": "MODIFIED", "object": item} for item in fresh]
                seen = self._version
                events.append({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(seen)}}})
                await response.write(b"".join(json.dumps(event).encode() + b"\n" for event in events))
                self._seen[asked] = seen
                await asyncio.sleep(BOOKMARKS)
        finally:
            self._seen.pop(asked, None)
            self._since.pop(asked, None)

    def _read_or_write(self, request: web.Request, body: bytes) -> web.Response:
        if "/leases" in request.path:
            return self._lease(request, body)
        if request.method != "GET":
            return web.Response(body=body or b"{}", content_type="application/json")
        held = self._objects.get(request.path)
        if held is None and not request.path.endswith(("s", "*/inlet_temp", "*/delta_p")):
            return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)
        metadata = {"resourceVersion": str(self._version)}
        return web.json_response({"kind": "List", "metadata": metadata, "items": list((held or {}).values())})

    def _lease(self, request: web.Request, body: bytes) -> web.Response:
        with contextlib.suppress(ValueError):
            document = json.loads(body or b"null")
            if document is not None:
                self._leases[document["metadata"]["name"]] = document
        held = self._leases.get(request.path.rpartition("/")[2])
        if request.method == "GET" and held is None:
            return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)
        return web.json_response(held)
