"""Servers of tests that run in a thread of their own, so that tests can block while a server answers."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
READY = 30.0
"""Seconds within which a server listens."""


class ServerThread:
    """Use as `with`: it is entered when the server listens, and left when the thread has ended."""

    def __init__(self) -> None:
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(READY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def serve(self) -> AbstractAsyncContextManager[None]:
        """Return an asynchronous context manager in which the server listens."""
        raise NotImplementedError

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with self.serve():
            self._ready.set_result(None)
            await self._end.wait()


@asynccontextmanager
async def listening(
    handler: Handler, *, tls: ssl.SSLContext | None = None, max_body: int = 2**20
) -> AsyncIterator[str]:
    """Answer every request on a port of loopback with a handler, and yield the URL."""
    app = web.Application(client_max_size=max_body)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
