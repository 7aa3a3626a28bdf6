"""uvicorn's HTTP/1.1 protocol with what it leaves out: the client's certificate, and an answer in one piece."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wao_core.serving.peercert import STATE_KEY, peer_of

JOINED = 64 * 1024
"""Bytes up to which a head and its body are copied together: beyond, the copy costs more than a second write."""


class ServerProtocol(HttpToolsProtocol):
    """HTTP/1.1 with `request.state.tls_peer`: a `TlsPeer`, or None without a certificate.

    uvicorn copies a connection's `app_state` into `scope["state"]`, so the certificate is put there when the connection
    is made. Identity is per connection; headers are per request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the peer certificate once for the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: peer_of(transport.get_extra_info("ssl_object"))}
        self._joining = JoinedWrites(transport, self.loop)
        self.transport = cast(asyncio.Transport, self._joining)

    def eof_received(self) -> None:
        """Send what is held: after this the loop closes the connection."""
        self._joining.flush()
        super().eof_received()


class JoinedWrites:
    """A transport that sends a head and the body after it at once.

    uvicorn writes them one after the other: over TLS two records, and two reads for the client. What nothing follows
    is sent in the next turn of the loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        """Return what the transport itself has."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` with what was written just before it, or hold it for what is written next."""
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
        """Close the transport after what was written."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
