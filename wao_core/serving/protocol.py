"""uvicorn's HTTP/1.1 protocol with the client's certificate, limits, and head and body in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from wao_core.serving.connections import Connections
from wao_core.serving.joined import JoinedWrites
from wao_core.serving.peercert import STATE_KEY, peer_of

COALESCED = 4096
"""Parts of an unfinished line [bytes] that are parsed together. httptools copies a field again with each part."""


class _Phase(Enum):
    """How much of the current request has arrived."""

    NOTHING = auto()  # of the first request
    HEAD = auto()
    BODY = auto()
    COMPLETE = auto()  # nothing of the next request
    REFUSED = auto()  # what still arrives is dropped
    CLOSING = auto()


# attributes of an enumeration are slow to read on every request
_NOTHING, _HEAD, _BODY, _COMPLETE, _REFUSED, _CLOSING = _Phase


class ServerProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits and with `request.state.tls_peer`: a `TlsPeer`, or None without a certificate.

    uvicorn copies a connection's `app_state` into the `scope["state"]` of its requests, so the certificate is read once
    per connection.

    Attributes
    ----------
    deadline
        Loop time at which `expire` is due.
    body_size
        Bytes of bodies in memory.
    abort_handshake
        Ends the TLS handshake, after which nothing is left of the connection.
    """

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], connections: Connections
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._table, self._limits = connections, connections.limits
        self.deadline = self.loop.time() + self._limits.head_seconds
        self.body_size = 0
        self.url, self.headers = b"", []  # uvicorn sets them with the first byte of a head, but data may have none
        self.abort_handshake: Callable[[], None] = lambda: None
        self._phase = _NOTHING
        self._unparsed = bytearray()
        self._without_progress = 0  # bytes parsed since a head, some data of a body, or a request was complete
        self._progress = False
        self._stopping = False
        self._joining: JoinedWrites | None = None
        connections.opened(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the peer certificate."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: peer_of(transport.get_extra_info("ssl_object"))}
        self._joining = JoinedWrites(transport, self.loop)
        self.transport = cast(asyncio.Transport, self._joining)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the connection's place."""
        super().connection_lost(exc)
        self._phase = _CLOSING
        self._table.closed(self)

    def eof_received(self) -> None:
        """Send held data, as the loop closes the connection after this."""
        if self._joining is not None:
            self._joining.flush()
        super().eof_received()

    def data_received(self, data: bytes) -> None:
        """Parse data in pieces no larger than a head may be, so that a head above its limit is not parsed whole."""
        if self._phase is _COMPLETE or self._phase is _NOTHING:
            self._await_head()
        if self._without_progress:
            self._unparsed += data
            if b"\n" not in data and len(self._unparsed) < COALESCED:
                return
            data = bytes(self._unparsed)
            self._unparsed.clear()
        if len(data) <= self._limits.head or self._phase is _BODY:
            self._parse(data)
            return
        for start in range(0, len(data), self._limits.head):
            self._parse(data[start : start + self._limits.head])

    def _parse(self, data: bytes) -> None:
        if self._phase is _REFUSED or self._phase is _CLOSING:
            return
        self._progress = False
        super().data_received(data)
        if self._progress:
            self._without_progress = 0
            if self._phase is _BODY and not self.cycle.response_complete:
                self._table.body_received(self, len(data))
            return
        self._without_progress += len(data)
        if self._phase is _HEAD or self._phase is _BODY:
            self._check_head()

    def _check_head(self) -> bool:
        """Refuse a head or trailers above their limits; return whether they are within."""
        if self._without_progress > self._limits.head:
            url = len(self.url) > self._limits.head // 2
            self.refuse(414 if url else 431, f"the request head is larger than {self._limits.head} bytes")
        elif len(self.headers) > self._limits.headers:
            self.refuse(431, f"the request has more than {self._limits.headers} header fields")
        else:
            return True
        return False

    def on_message_begin(self) -> None:
        """Start a head."""
        super().on_message_begin()
        if self._phase is _COMPLETE:  # the request before it came in the same data
            self._await_head()

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is above a limit."""
        # what has arrived is at least as large as the head, so the exact size is needed in rare cases only
        if self._without_progress:
            self._without_progress = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if (self._without_progress or len(self.headers) > self._limits.headers) and not self._check_head():
            raise ValueError("head above its limits")  # ends the parser
        self._progress, self._phase = True, _BODY
        self._without_progress = 0
        self._expect(self._limits.body_seconds)
        super().on_headers_complete()
        self.headers = []  # trailers are not part of the head that the application has
        if len(self.pipeline) > self._limits.pipelined:
            self.refuse(503, "too many pipelined requests")
            raise ValueError("too many pipelined requests")

    def on_body(self, body: bytes) -> None:
        """Pass data of a body on."""
        self._progress = True
        if self._phase is _BODY:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the application, or for the next request where it has answered already."""
        if self._phase is not _BODY:
            return
        self._progress, self._phase = True, _COMPLETE
        super().on_message_complete()
        if self.cycle.response_complete:
            self._await_request()
        else:
            self.deadline = inf
            self._table.busy(self)

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for the client. uvicorn's own starts a timer with each response."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
        if self.body_size:
            self._table.body_released(self)
        if self._phase is _COMPLETE and self.cycle.response_complete:
            self._await_request()

    def pause_writing(self) -> None:
        """Limit the time until the client reads."""
        super().pause_writing()
        self.deadline = min(self.deadline, self.loop.time() + self._limits.write_seconds)

    def resume_writing(self) -> None:
        """Wait for the application again."""
        super().resume_writing()
        if self._phase is _COMPLETE and self.cycle is not None and not self.cycle.response_complete:
            self.deadline = inf

    def shutdown(self) -> None:
        """Close an idle connection, finish a complete request; a client that we wait for has `close_seconds`."""
        self._stopping = True
        super().shutdown()
        if self.deadline < inf:
            self._expect(self._limits.close_seconds)

    def expire(self) -> None:
        """Close the connection of a client that took too long; abort it where that did not help."""
        running = self.cycle is not None and not self.cycle.response_complete
        unread = running and self._phase is _COMPLETE  # the response
        if unread or self._stopping or self._joining is None or self._phase is _CLOSING:
            self.drop()
        elif self.pipeline or (self._phase is _HEAD and running):  # pipelined: the client waits for us
            self._expect(self._limits.head_seconds)
        elif self._phase is _HEAD or self._phase is _BODY:
            self.refuse(408, "the request took too long to arrive")
        else:
            self._close()

    def drop(self) -> None:
        """Abort the connection, or its handshake."""
        self._phase, self.deadline = _CLOSING, inf
        if self._joining is not None:
            self.transport.abort()
        else:
            self.abort_handshake()

    def refuse(self, status: int, message: str) -> None:
        """Answer the unfinished request with an error, and close the connection.

        What the client still sends is read for a while: closing at once would reset the connection, and the client
        might not see the answer.
        """
        if self._phase is _REFUSED or self._phase is _CLOSING:
            return
        in_body, self._phase = self._phase is _BODY, _REFUSED
        self._expect(self._limits.close_seconds)
        self._unparsed.clear()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not in_body or self.pipeline or cycle.response_started:  # the answer would be taken for another one
                self.drop()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        if not (in_body and cycle is not None and cycle.response_complete):
            self.transport.write(_error(status, message))
        self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP."""
        self.refuse(400, msg)

    def _await_head(self) -> None:
        if self._phase is not _NOTHING:  # the time of the first head began with the connection
            self._expect(self._limits.head_seconds)
        self._phase = _HEAD

    def _await_request(self) -> None:
        self._expect(self._limits.idle_seconds)
        self._table.idle(self)

    def _expect(self, seconds: float) -> None:
        """Give the client this time; less while the server stops."""
        self.deadline = self.loop.time() + (min(seconds, self._limits.close_seconds) if self._stopping else seconds)

    def _close(self) -> None:
        self._phase = _CLOSING
        self._expect(self._limits.close_seconds)
        self.transport.close()


def _error(status: int, message: str) -> bytes:
    """Return a whole response."""
    body = f"{message}\n".encode()
    head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    return STATUS_LINE[status] + head + body
