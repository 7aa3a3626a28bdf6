"""A server of fixed JSON documents, for commands that read from an app of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from tests.fakes.server_thread import ServerThread, listening


class JsonServer(ServerThread):
    """Answers each path with its document, and others with 404.

    Attributes
    ----------
    url
        Its URL while it listens.
    asked
        Paths with queries of all requests.
    """

    def __init__(self, documents: Mapping[str, object]) -> None:
        super().__init__()
        self.url, self.asked = "", list[str]()
        self._documents = documents

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen on loopback."""
        async with listening(self._answer) as self.url:
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if request.path not in self._documents:
            return web.json_response({"error": f"no document at {request.path}"}, status=404)
        return web.json_response(self._documents[request.path])
