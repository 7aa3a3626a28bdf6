"""uvicorn's HTTP/1.1 protocol with two additions: the client's certificate, and head and body in one write."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wao_core.serving.peercert import STATE_KEY, peer_of

JOINED = 64 * 1024
"""Largest head and body [bytes] that are copied together; above this the copy costs more than a second write."""


class ServerProtocol(HttpToolsProtocol):
    """HTTP/1.1 with `request.state.tls_peer`: a `TlsPeer`, or None without a certificate.

    uvicorn copies a connection's `app_state` into the `scope["state"]` of its requests, so the certificate is read once
    per connection.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the peer certificate."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: peer_of(transport.get_extra_info("ssl_object"))}
        self._joining = JoinedWrites(transport, self.loop)
        self.transport = cast(asyncio.Transport, self._joining)

    def eof_received(self) -> None:
        """Send held data, as the loop closes the connection after this."""
        self._joining.flush()
        super().eof_received()


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

    def close(self) -> None:
        """Send held data and close the transport."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send held data."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
