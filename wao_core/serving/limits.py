"""The limits of a server's connections and requests; docs/reliability.md explains them."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field

MOST_CONNECTIONS = 2048  # an idle TLS connection takes 57 KiB: 114 MiB in all
KIB, MIB = 1024, 1024 * 1024


def connection_limit(most: int = MOST_CONNECTIONS) -> int:
    """Return how many connections may be open: `most`, or half of the descriptor limit where that is less.

    The other half is for files and for the server's own connections.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one server accepts from its clients. Sizes are in bytes, times in seconds."""

    connections: int = field(default_factory=connection_limit)
    """Open connections, TLS handshakes included. At the limit a new one replaces the one idle for longest."""
    head: int = 64 * KIB
    """Request line and headers of one request; also what a body's framing and trailers take without any data."""
    headers: int = 256
    """Header fields of one request, trailers apart."""
    pipelined: int = 16
    """Requests of one connection that wait for the response to an earlier one."""
    bodies: int = 128 * MIB
    """Bodies of all requests in progress; above it the oldest unfinished one is refused."""
    head_seconds: float = 10.0
    """From the connection to the end of the TLS handshake and the first head; from the first byte of later heads."""
    body_seconds: float = 30.0
    """From the end of the head to the end of the body."""
    idle_seconds: float = 120.0
    """Between two requests. Go clients drop idle connections after 90 s, so they never find one that we closed."""
    write_seconds: float = 60.0
    """Without progress while the client does not read the response."""
    close_seconds: float = 2.0
    """From closing a connection until it is aborted, when the client does not take part."""
