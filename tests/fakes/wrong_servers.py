"""HTTP servers each of which gives one of the wrong answers to everything, in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from types import TracebackType

from aiohttp import web

from tests.fakes.wrong_answers import WRONG, Answer
from wao_predict.testing import MockBmc


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def _slow(request: web.Request) -> web.StreamResponse:
    """Send a byte now and then, so that no timeout of a single read helps."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


ANSWERS: dict[str, Answer] = {**WRONG, "an endless answer": _endless, "a byte now and then": _slow}


class WrongServers:
    """Use as `with`.

    Parameters
    ----------
    bmcs
        Mock BMCs that run in the same thread.

    Attributes
    ----------
    urls
        Where the server of each wrong answer listens.
    """

    def __init__(self, *bmcs: MockBmc) -> None:
        self._bmcs = bmcs
        self.urls: dict[str, str] = {}
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> WrongServers:
        self._thread.start()
        self._started.result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        runners = []
        for name, answer in ANSWERS.items():
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.urls[name] = str(site.name)
            runners.append(runner)
        for bmc in self._bmcs:
            await bmc.start()
        self._started.set_result(None)
        await self._end.wait()
        for bmc in self._bmcs:
            await bmc.stop()
        for runner in runners:
            await runner.cleanup()
