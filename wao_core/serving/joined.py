"""Response head and body in one write."""

from __future__ import annotations

import asyncio
from typing import Any

JOINED = 64 * 1024
"""Largest head and body [bytes] that are copied together; above this the copy costs more than a second write."""


class JoinedWrites:
    """A transport that sends a head together with the body that follows.

    uvicorn writes them separately, which makes two TLS records and two reads for the client. Data that nothing follows
    is sent in the next iteration of the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` with the data held, or hold it for the next write."""
        if not self._held:
            self._held = data
            self._loop.call_soon(self.flush)
        elif len(self._held) + len(data) <= JOINED:
            self._transport.write(b"".join((self._held, data)))
            self._held = b""
        else:
            self.flush()
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the transport is closing; the protocol asks after each response."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send held data and close the transport."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send held data."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
