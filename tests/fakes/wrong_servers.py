"""HTTP servers each of which gives one of the wrong answers to everything, in a thread of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from tests.fakes.server_thread import ServerThread, listening
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


class WrongServers(ServerThread):
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
        super().__init__()
        self._bmcs = bmcs
        self.urls: dict[str, str] = {}

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen with a server for each wrong answer, and with the mock BMCs."""
        async with AsyncExitStack() as stack:
            for name, answer in ANSWERS.items():
                self.urls[name] = await stack.enter_async_context(listening(answer))
            for bmc in self._bmcs:
                await stack.enter_async_context(bmc)
            yield
