"""Servers whose CPU is virtual and whose time is real.

A request takes one of a node's virtual cores for so many seconds; when all are busy it queues. So utilisation, queues
and latencies are those of a node with that many cores, while the machine that measures hardly works. A node keeps
count of the core seconds that it spent, as a kernel does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class VirtualNode:
    """Some cores, and what was spent of them.

    Attributes
    ----------
    spent
        Core seconds of all requests so far, those under way in part.
    """

    cores: int
    _free: asyncio.Semaphore = field(init=False)
    _done: float = 0.0
    _begun: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.cores)

    @property
    def spent(self) -> float:
        now = time.monotonic()
        return self._done + sum(now - begin for begin in self._begun.values())

    async def work(self, seconds: float) -> None:
        """Take one core for so long, as soon as one is free."""
        async with self._free:
            begin = time.monotonic()
            mark = id(asyncio.current_task())
            self._begun[mark] = begin
            try:
                await asyncio.sleep(seconds)
            finally:
                del self._begun[mark]
                self._done += seconds


def serve(addresses: Sequence[str], cores: int, port: int) -> None:
    """Serve a node on each address, and what they spent at /cpu of 127.0.0.1; runs until it is ended."""
    asyncio.run(_serve(addresses, cores, port))


async def _serve(addresses: Sequence[str], cores: int, port: int) -> None:
    nodes = {address: VirtualNode(cores) for address in addresses}

    async def work(request: web.Request) -> web.Response:
        assert request.transport is not None
        await nodes[request.transport.get_extra_info("sockname")[0]].work(float(request.query["seconds"]))
        return web.Response()

    async def cpu(_: web.Request) -> web.Response:
        return web.json_response({address: node.spent for address, node in nodes.items()})

    app = web.Application()
    app.add_routes([web.get("/work", work), web.get("/cpu", cpu)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for address in (*addresses, "127.0.0.1"):
        await web.TCPSite(runner, address, port).start()
    await asyncio.Event().wait()
