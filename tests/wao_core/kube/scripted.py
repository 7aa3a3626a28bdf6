"""A small API server that follows a script: for faults that a real one does not produce on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.server_thread import listening
from wao_core.kube.client import KubeClient

Step = Callable[[web.StreamResponse], Awaitable[None]]


def node(name: str, version: int) -> dict[str, Any]:
    """Return a Node of a resource version."""
    return {
        "metadata": {"name": name, "uid": name, "resourceVersion": str(version)},
        "status": {"capacity": {"cpu": "8"}},
    }


def send(kind: str, item: dict[str, Any]) -> Step:
    """Return a step that sends one watch event."""

    async def step(response: web.StreamResponse) -> None:
        await response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    return step


def raw(content: bytes) -> Step:
    """Return a step that sends these bytes."""

    async def step(response: web.StreamResponse) -> None:
        await response.write(content)

    return step


def bookmark(version: int) -> Step:
    """Return a step that sends a bookmark."""
    return send("BOOKMARK", {"kind": "Node", "metadata": {"resourceVersion": str(version)}})


def error(code: int, message: str) -> Step:
    """Return a step that sends an error as an event."""
    return send("ERROR", {"kind": "Status", "code": code, "message": message})


def expired() -> Step:
    """Return a step that sends 410 as an event."""
    return error(410, "too old resource version")


async def silence(response: web.StreamResponse) -> None:
    """Send nothing more, and leave the connection open."""
    await asyncio.sleep(3600)


async def reset(response: web.StreamResponse) -> None:
    """Break the connection."""
    raise ConnectionResetError


@dataclass
class ScriptedServer:
    """Lists `items`; each watch takes the next of `watches`: steps, or a status to refuse it with.

    Each list takes the next of `lists`: a status, or a body for status 200. Without one it is answered as usual.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    version: int = 100
    watches: list[list[Step] | int] = field(default_factory=list)
    lists: list[int | bytes] = field(default_factory=list)
    then: list[Step] | None = None  # steps of the watches after the last of `watches`; None is silence
    page: int = 500
    lists_go_on: asyncio.Event = field(default_factory=asyncio.Event)  # clear it, and lists wait
    requests: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    selectors: set[str] = field(default_factory=set)
    url: str = ""
    message: str = "scripted"

    def __post_init__(self) -> None:
        self.lists_go_on.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.paths.add(request.path)
        self.selectors |= {request.query[key] for key in ("fieldSelector", "labelSelector") if key in request.query}
        if request.query.get("watch") == "true":
            self.requests.append(f"watch {request.query.get('resourceVersion')}")
            return await self._watch(request)
        cached = " from cache" if request.query.get("resourceVersion") == "0" else ""
        self.requests.append(f"list {request.query.get('continue', '')}".strip() + cached)
        await self.lists_go_on.wait()
        status = self.lists.pop(0) if self.lists else 200
        if isinstance(status, bytes):
            return web.Response(body=status, content_type="application/json")
        if status != 200:
            return web.json_response({"kind": "Status", "message": self.message, "reason": "Scripted"}, status=status)
        start = int(request.query.get("continue") or 0)
        page = self.items[start : start + self.page]
        more = str(start + self.page) if start + self.page < len(self.items) else ""
        metadata = {"resourceVersion": str(self.version), "continue": more}
        return web.json_response({"metadata": metadata, "items": page})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        script = self.watches.pop(0) if self.watches else self.then if self.then is not None else [silence]
        if isinstance(script, int):
            return web.json_response({"kind": "Status", "message": self.message, "code": script}, status=script)
        response = web.StreamResponse()
        await response.prepare(request)
        for step in script:
            try:
                await step(response)
            except ConnectionResetError:
                assert request.transport is not None
                request.transport.abort()
                break
        return response


@asynccontextmanager
async def client_of(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[KubeClient]:
    """Serve all paths with one handler, and yield a client for it."""
    from kubernetes.aio.client import Configuration

    async with listening(handle) as url:
        client = KubeClient(Configuration(host=url))
        try:
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def serving(script: ScriptedServer) -> AsyncIterator[KubeClient]:
    """Run a script's server, and yield a client for it."""
    async with client_of(script.handle) as client:
        script.url = client.host
        yield client
