"""A BMC, sensor or model server that answers hostile bytes costs its own poll, within bounds of time and memory."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wao_core.collector.addresses import AddressRule
from wao_core.collector.transport import PollingSession
from wao_predict.connection import HttpOptions, TlsPolicy
from wao_predict.errors import RemoteError
from wao_predict.flow import MIB, AsyncTransport, Request
from wao_predict.transport import AsyncHttpTransport

Pieces = AsyncIterator[bytes]
LIMIT = 2 * MIB
OK = b"HTTP/1.1 200 OK\r\n"


def length(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([OK.rstrip(), b"Content-Length: %d" % len(body), *headers, b"", body])


@cache
def bomb(layers: int) -> bytes:
    """Return a few bytes that expand to 64 MiB for each layer of compression."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(MIB)) for _ in range(64)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body, 9)
    return body


async def at_once(answer: bytes) -> Pieces:
    yield answer


async def drip(answer: bytes) -> Pieces:
    """Send a byte whenever the reader has had time for the one before, without an end."""
    yield answer
    while True:
        await asyncio.sleep(0.001)
        yield b"a"


async def forever(head: bytes, part: bytes) -> Pieces:
    yield head
    while True:
        yield part


ATTACKS: dict[str, Callable[[], Pieces]] = {
    "a head byte by byte": lambda: drip(OK + b"X-Header: "),
    "a body byte by byte": lambda: drip(OK + b"Content-Length: 2000000\r\n\r\n"),
    "a status line without an end": lambda: forever(b"HTTP/1.1 200 ", b"O" * 65536),
    "headers without an end": lambda: forever(OK, b"X-A: b\r\n" * 8192),
    "one huge header": lambda: forever(OK + b"X-A: ", b"b" * 65536),
    "a body without an end": lambda: forever(OK + b"\r\n", b"b" * 65536),
    "chunks of one byte": lambda: forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 8192),
    "trailers without an end": lambda: forever(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 8192),
    "interim responses without an end": lambda: forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2048),
    "a body of stated terabytes": lambda: forever(OK + b"Content-Length: 99999999999999\r\n\r\n", b"b" * 65536),
    "a gzip bomb": lambda: at_once(length(bomb(1), b"Content-Encoding: gzip")),
    "a deflate bomb": lambda: at_once(length(bomb(1), b"Content-Encoding: deflate")),
    "a bomb in a bomb": lambda: at_once(length(bomb(2), b"Content-Encoding: gzip, gzip")),
}


@asynccontextmanager
async def answering(pieces: Callable[[], Pieces]) -> AsyncIterator[str]:
    answers: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await reader.readuntil(b"\r\n\r\n")
                async for piece in pieces():
                    writer.write(piece)
                    await writer.drain()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def polling(url: str, timeout: float) -> AsyncIterator[AsyncTransport]:
    session = PollingSession(AddressRule(loopback=True))
    yield session.transport(url, tls=TlsPolicy(), timeout=timeout)
    await session.close()


@asynccontextmanager
async def by_library(url: str, timeout: float) -> AsyncIterator[AsyncTransport]:
    transport = AsyncHttpTransport(url, options=HttpOptions(timeout=timeout, attempts=1))
    yield transport
    await transport.close()


@pytest.mark.parametrize("client", [polling, by_library])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_ends_in_an_error_of_ours_within_memory(
    client: Callable[[str, float], AbstractAsyncContextManager[AsyncTransport]], attack: Callable[[], Pieces]
) -> None:
    for layers in (1, 2):
        bomb(layers)  # made before the time of a request runs
    tracemalloc.start()
    try:
        async with answering(attack) as url, client(url, 1.0) as transport:
            sent = asyncio.wait_for(transport.send(Request("GET", "/", max_bytes=LIMIT)), 20)
            try:
                response = await sent
            except RemoteError:
                return
            # an encoding that the client does not know is not unpacked
            assert (attack, len(response.body)) == (ATTACKS["a bomb in a bomb"], len(bomb(2)))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 * MIB


PARTS = st.sampled_from(
    [
        OK,
        b"\r\n",
        b"\n",
        b": ",
        b"Content-Length: ",
        b"5",
        b"-1",
        b"Transfer-Encoding: chunked\r\n",
        b"HTTP/1.1 204 \r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b"HTTP/1.1 101 \r\n",
        b"0\r\n\r\n",
        b"a" * 300,
        b"\x00",
        b"\xb2",
        b"{}",
    ]
)


@settings(max_examples=40)
@given(st.lists(PARTS, max_size=12).map(b"".join) | st.binary(max_size=80))
@example(OK + b"Content-Length: \xb2\r\n\r\nab")
@example(OK + b"Retry-After: \xb2\r\nContent-Length: 0\r\n\r\n")
def test_any_bytes_are_a_response_or_an_error_of_ours(answer: bytes) -> None:
    async def exchange() -> None:
        async with answering(lambda: at_once(answer)) as url, polling(url, 5.0) as transport:
            with suppress(RemoteError):
                assert len((await transport.send(Request("GET", "/"))).body) <= len(answer)

    asyncio.run(exchange())
