"""Plain TCP servers that answer one short request for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wao_core.serving.short import ShortConnections


@asynccontextmanager
async def echo(most: int, seconds: float) -> AsyncIterator[tuple[int, list[str]]]:
    """Yield the port of a server that returns one line, and how each exchange has ended."""
    connections, ends = ShortConnections(most, seconds), list[str]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with connections.limited(writer):
                writer.write(await reader.readline())
            ends.append("answered")
        except TimeoutError:
            ends.append("late")
        except ConnectionError:
            ends.append("replaced")

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], ends


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the server closes the connection, which is nothing if it aborts."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_a_connection_is_closed_after_its_answer() -> None:
    async with echo(2, 10.0) as (port, ends):
        reader, writer = await opened(port)
        writer.write(b"ready\n")
        assert await rest(reader) == b"ready\n"
        writer.close()
    assert ends == ["answered"]


async def test_a_silent_connection_is_closed_in_time() -> None:
    async with echo(2, 0.05) as (port, ends):
        reader, writer = await opened(port)
        assert await rest(reader) == b""
        writer.close()
    assert ends == ["late"]


async def test_a_further_connection_replaces_the_oldest() -> None:
    async with echo(2, 10.0) as (port, _):
        clients = [await opened(port) for _ in range(3)]
        clients[2][1].write(b"third\n")
        assert await rest(clients[2][0]) == b"third\n"
        assert await rest(clients[0][0]) == b""
        clients[1][1].write(b"second\n")
        assert await rest(clients[1][0]) == b"second\n"
        for _, writer in clients:
            writer.close()
