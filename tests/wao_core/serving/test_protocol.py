"""What goes over the wire in one piece, and what does not wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from wao_core.serving.server import Server


async def plain(_request: Request) -> Response:
    return PlainTextResponse("body")


async def stream(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one", b"two"):
            await asyncio.sleep(0)
            yield part

    return StreamingResponse(parts())


async def said(sent: bytes, *, half_closed: bool = True) -> bytes:
    """Send bytes to a real server on a connection that is then closed on our side, and return all that it answers."""
    app = Starlette(routes=[Route("/plain", plain), Route("/stream", stream)])
    async with Server(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(sent)
        if half_closed:
            writer.write_eof()
        found = await reader.read()
        writer.close()
    return found


async def test_whole_answers_and_streams_arrive_whole_one_after_the_other() -> None:
    requests = [f"GET /{path} HTTP/1.1\r\nHost: x\r\n" for path in ("plain", "stream", "plain")]
    found = await said(
        "\r\n".join([*requests[:2], requests[2] + "Connection: close\r\n", ""]).encode(), half_closed=False
    )
    assert found.count(b"HTTP/1.1 200 OK") == 3
    assert found.count(b"\r\n\r\nbody") == 2
    assert b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" in found


@pytest.mark.parametrize("turn", range(5))
async def test_the_head_alone_reaches_a_client_that_closed_its_side(turn: int) -> None:
    assert (await said(b"HEAD /plain HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
