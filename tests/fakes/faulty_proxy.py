"""A proxy before a real API server that passes everything on, or gives wrong answers, in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.fakes.server_thread import ServerThread, listening
from tests.fakes.wrong_answers import WRONG, WRONG_LINES, is_watch

HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "keep-alive", "accept-encoding"}


class FaultyProxy(ServerThread):
    """Use as `with`. Clients authenticate with tokens, which are passed on.

    Parameters
    ----------
    url, authority
        The API server, and the PEM file of the authority of its certificate.
    certificate, key
        PEM files of the proxy's own certificate.

    Attributes
    ----------
    url
        Where it listens.
    wrong
        Number of wrong answers by fault.
    """

    def __init__(self, url: str, authority: Path, certificate: Path, key: Path) -> None:
        super().__init__()
        self._upstream = url
        self._trust = ssl.create_default_context(cafile=str(authority))
        self._own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own.load_cert_chain(certificate, key)
        self._fault = ""
        self._requests: set[asyncio.Task[object]] = set()
        self.wrong: Counter[str] = Counter()
        self.url = ""

    def give(self, fault: str) -> None:
        """Give this wrong answer to everything from now on; open requests end. "" passes everything on again."""

        async def change() -> None:
            self._fault = fault
            for task in list(self._requests):
                task.cancel()

        self.do(change())

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen; open requests end with the proxy."""
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        async with (
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session,
            listening(self._handle, tls=self._own, max_body=2**26) as self.url,
        ):
            yield
            for task in list(self._requests):
                task.cancel()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        wrong = WRONG.get(self._fault) or (WRONG_LINES.get(self._fault) if is_watch(request) else None)
        self.wrong[self._fault] += wrong is not None
        task = asyncio.ensure_future(wrong(request) if wrong is not None else self._pass_on(request))
        self._requests.add(task)
        try:
            return await task
        except (asyncio.CancelledError, aiohttp.ClientError, ConnectionResetError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        finally:
            self._requests.discard(task)
            task.cancel()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        sent = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = f"{self._upstream}{request.raw_path}"
        limits = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, url, headers=sent, data=await request.read() or None, timeout=limits
        ) as answer:
            back = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=back)
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            return response
