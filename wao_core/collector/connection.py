"""One HTTP/1.1 connection that is kept open, with one request on it at a time.

Thousands of BMCs are polled on a fraction of one core: a general client spends several times the cost of a
request on its own work (`benchmarks.collector` measures both).
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from dataclasses import dataclass, field

import httptools

MAX_HEADERS = 64 * 1024
MOST_FRAMING = 8  # times the largest body: a chunk of one byte takes six


class Broken(ConnectionError):
    """The connection ended, or the server did not send HTTP, before the response was complete."""


class TooLarge(ValueError):
    """The response is larger than allowed."""


@dataclass(slots=True)
class Answer:
    """A response; header names are in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class HttpConnection(asyncio.Protocol):
    """Use `connect`; then `exchange` as long as it is `usable`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        # each connection belongs to one server, so what could confuse a proxy is harmless
        self._parser.set_dangerous_leniencies(
            lenient_chunked_length=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._answer = Answer()
        self._parts: list[bytes] = []
        self._size = self._most = self._head = self._received = 0
        self._keep = True
        self.idle_since = 0.0
        self.begun = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._keep and self._waiting is None and self._transport is not None

    async def exchange(self, request: bytes, most: int) -> Answer:
        """Send a request and return the response; `begun` is whether any part of it has arrived, also after an error.

        Raises
        ------
        Broken
            The connection ended before the response was complete.
        TooLarge
            The body has more than `most` bytes.
        """
        if self._transport is None:
            raise Broken("the connection is closed")
        loop = asyncio.get_running_loop()
        self._waiting, self._answer, self._parts = loop.create_future(), Answer(), []
        self._size = self._head = self._received = 0
        self._most, self.begun = most, False
        self._transport.write(request)
        try:
            answer = await self._waiting
        except BaseException:
            self.abort()  # the rest of the response may still arrive, so the connection cannot be used again
            raise
        finally:
            self._waiting = None
        self.idle_since = loop.time()
        return answer

    def close(self) -> None:
        """Close the connection gracefully."""
        self._keep = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection immediately."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse received data; data without a request ends the connection."""
        if self._waiting is None or self._waiting.done():
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(error.__context__ if isinstance(error.__context__, TooLarge) else Broken(f"not HTTP: {error}"))
            self.abort()
            return
        self._received += len(data)
        # the parser buffers incomplete parts, so this must be bounded too
        if self._received > MAX_HEADERS + (MOST_FRAMING * self._most if self.begun else 0):
            self._fail(TooLarge(f"the response is not complete after {self._received} bytes"))

    def eof_received(self) -> None:
        """Let the transport close itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request, unless the end of the connection is the end of the response."""
        self._transport, self._keep = None, False
        headers = self._answer.headers
        if exc is None and self._answer.status and not {"content-length", "transfer-encoding"} & headers.keys():
            self._finish()
        else:
            self._fail(Broken(str(exc) if exc else "the connection was closed before the response was complete"))

    # --- httptools

    def on_message_begin(self) -> None:
        """Refuse a second response: it would be mistaken for that of the next request."""
        if self._waiting is None or self._waiting.done():
            raise Broken("the server sent more than one response")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._head += len(name) + len(value)
        if self._head > MAX_HEADERS:
            raise TooLarge(f"headers of more than {MAX_HEADERS} bytes")
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Keep the status; refuse a body whose stated length is too large."""
        self.begun = True
        self._answer.status = self._parser.get_status_code()
        announced = self._answer.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._most:
            raise _too_large(self._most)

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._size += len(body)
        if self._size > self._most:
            raise _too_large(self._most)
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Return the response to the caller, unless it is interim, such as 100 Continue."""
        if self._answer.status < 200:
            self._answer = Answer()
            return
        self._keep = self._keep and self._parser.should_keep_alive()
        self._finish()

    def _finish(self) -> None:
        if self._waiting is None or self._waiting.done():
            return
        try:
            self._answer.body = _plain(b"".join(self._parts), self._answer.headers, self._most)
        except (TooLarge, zlib.error) as error:
            self._fail(error if isinstance(error, TooLarge) else Broken(f"the body cannot be decompressed: {error}"))
        else:
            self._waiting.set_result(self._answer)

    def _fail(self, error: BaseException) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most} bytes")


def _plain(body: bytes, headers: dict[str, str], most: int) -> bytes:
    """Return the decompressed body: some BMCs compress although the request forbids it."""
    if headers.get("content-encoding", "identity").lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    unpacked = unpacking.decompress(body, most + 1)
    if len(unpacked) > most:
        raise _too_large(most)
    if not unpacking.eof:
        raise zlib.error("the compressed body is incomplete")
    return unpacked


async def connect(address: str, port: int, *, tls: ssl.SSLContext | None, name: str) -> HttpConnection:
    """Return a connection to an address; `name` is the host that the certificate must be valid for.

    Raises
    ------
    OSError
        The connection was refused, or the TLS handshake failed (`ssl.SSLError`).
    """
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            HttpConnection, address, port, ssl=tls, server_hostname=None if tls is None else name
        )
    except (ConnectionResetError, ConnectionAbortedError) as error:
        if tls is None or error.strerror:
            raise
        # the event loop gives no reason when the server ends the connection in the handshake
        raise ssl.SSLError(ssl.SSL_ERROR_EOF, "the server closed the connection") from error
    return connection
