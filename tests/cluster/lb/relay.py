"""Carries connections: `relay FROM=TO ...`, each end `tcp:PORT` on loopback or `unix:PATH`.

Two relays, one in each network namespace, join a port of the one to a port of the other by a Unix socket, which knows
no network namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def serve(pairs: list[str]) -> None:
    """Carry connections for ever."""
    for pair in pairs:
        begin, _, end = pair.partition("=")
        await listen(begin, end)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def listen(begin: str, end: str) -> asyncio.Server:
    """Carry what connects to one end to the other."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            further_reader, further = await connect(end)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, further), pump(further_reader, writer))

    kind, _, where = begin.partition(":")
    if kind == "unix":
        return await asyncio.start_unix_server(carry, where)
    return await asyncio.start_server(carry, "127.0.0.1", int(where))


async def connect(end: str) -> Stream:
    """Connect to an end."""
    kind, _, where = end.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection("127.0.0.1", int(where))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends; a reset of one side ends the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
