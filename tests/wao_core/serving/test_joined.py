"""Heads and bodies are sent together where that saves a write."""

from __future__ import annotations

import asyncio
from typing import cast

from wao_core.serving.joined import JOINED, JoinedWrites

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
