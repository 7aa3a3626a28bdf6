"""What goes over the wire in one piece, and what does not wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from wao_core.serving.joined import JOINED, JoinedWrites
from wao_core.serving.server import Server

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Transport:
    """Keeps what was written, and in how many pieces."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 7


def joined() -> tuple[Transport, JoinedWrites]:
    transport = Transport()
    return transport, JoinedWrites(cast(asyncio.Transport, transport), asyncio.get_running_loop())


async def next_turn() -> None:
    await asyncio.sleep(0)


async def test_a_head_and_its_body_are_one_write() -> None:
    transport, joining = joined()
    joining.write(HEAD)
    joining.write(b"body")
    assert transport.sent == [HEAD + b"body"]
    await next_turn()
    assert transport.sent == [HEAD + b"body"]


async def test_a_head_that_nothing_follows_is_sent_in_the_next_turn() -> None:
    """A stream, or an answer to HEAD."""
    transport, joining = joined()
    joining.write(HEAD)
    assert transport.sent == []
    await next_turn()
    assert transport.sent == [HEAD]
    joining.write(b"later")
    await next_turn()
    assert transport.sent == [HEAD, b"later"]


async def test_a_large_body_is_not_copied() -> None:
    transport, joining = joined()
    body = b"x" * (JOINED + 1)
    joining.write(HEAD)
    joining.write(body)
    assert transport.sent == [HEAD, body]
    assert transport.sent[1] is body


async def test_closing_sends_what_is_held_first() -> None:
    transport, joining = joined()
    joining.write(HEAD)
    joining.close()
    await next_turn()
    assert (transport.sent, transport.closed) == ([HEAD], True)


async def test_nothing_is_written_to_a_connection_that_went_away() -> None:
    transport, joining = joined()
    joining.write(HEAD)
    transport.closed = True
    await next_turn()
    assert transport.sent == []


async def test_all_else_is_the_transports_own() -> None:
    transport, joining = joined()
    assert joining.get_write_buffer_size() == 7
    assert joining.is_closing() is False
    transport.close()
    assert joining.is_closing() is True


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
