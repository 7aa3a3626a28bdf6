"""Request bodies of bounded size."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope


async def bounded_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return the whole body of a request, or None when it is larger than `limit` bytes.

    Raises
    ------
    ClientDisconnect
        The client closed the connection before the end of the body.
    """
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or int(length) > limit:
        return None
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
