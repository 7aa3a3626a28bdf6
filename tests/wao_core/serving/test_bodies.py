"""Bodies of requests, read whole and within a limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from wao_core.serving.bodies import bounded_body

LIMIT = 10


async def read(chunks: Sequence[bytes], *, length: bytes | None = None, gone: bool = False) -> tuple[bytes | None, int]:
    """Return the body, and how many chunks were read of it."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) or gone}
        for number, chunk in enumerate(chunks, 1)
    ]
    if gone:
        messages.append({"type": "http.disconnect"})
    left = iter(messages)
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return next(left)

    headers = [] if length is None else [(b"content-length", length)]
    return await bounded_body({"type": "http", "headers": headers}, receive, LIMIT), taken


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=4))
async def test_a_body_is_its_chunks_or_too_large(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    body, _ = await read(chunks)
    assert body == (whole if len(whole) <= LIMIT else None)


@pytest.mark.parametrize("length", [b"11", b"99999999999999999999", b"-1", b"ten", b""])
async def test_a_body_announced_as_too_large_is_not_read(length: bytes) -> None:
    assert await read([b"{}"], length=length) == (None, 0)


async def test_a_body_larger_than_announced_is_read_up_to_the_limit_only() -> None:
    assert await read([b"12345678"] * 4, length=b"2") == (None, 2)


async def test_a_client_that_hangs_up_is_no_empty_body() -> None:
    with pytest.raises(ClientDisconnect):
        await read([b"12"], gone=True)
