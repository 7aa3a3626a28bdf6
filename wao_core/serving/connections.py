"""All connections of one server: their number, their deadlines and the memory of their bodies."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Protocol

from wao_core.serving.limits import ServerLimits

SWEEP = 0.5  # seconds between two looks at the deadlines
REPORT = 60.0  # seconds between two log lines about refused connections
_log = logging.getLogger(__name__)


class Connection(Protocol):
    """What the table needs of a connection."""

    deadline: float
    body_size: int

    def expire(self) -> None:
        """Handle a deadline that has passed."""

    def drop(self) -> None:
        """Close at once; data that was not sent is lost."""

    def refuse(self, status: int, message: str) -> None:
        """Answer the unfinished request with an error, and close."""


class Connections:
    """The connections of one server, all of one event loop."""

    def __init__(self, limits: ServerLimits) -> None:
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._all: set[Connection] = set()
        self._idle: OrderedDict[Connection, None] = OrderedDict()  # waiting for the client, for longest first
        self._bodies: OrderedDict[Connection, None] = OrderedDict()  # unfinished bodies, oldest first
        self._body_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_report = 0.0

    def __len__(self) -> int:
        return len(self._all)

    def start(self) -> None:
        """Look at the deadlines from now on, until `stop`."""
        self._timer = self._loop.call_later(SWEEP, self._sweep)

    def stop(self) -> None:
        """Drop all connections and look at no more deadlines."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._all):
            connection.drop()

    def make_room(self) -> bool:
        """Return whether one more connection may be opened; at the limit, drop the one idle for longest."""
        if len(self._all) < self.limits.connections:
            return True
        dropped = self.drop_oldest_idle()
        found = "the one idle for longest is dropped" if dropped else "all are in use, so new ones are refused"
        self.report("%d connections are open, the limit: %s", len(self._all), found)
        return dropped

    def drop_oldest_idle(self) -> bool:
        """Drop the connection that has waited longest for its client; return whether there was one."""
        if not self._idle:
            return False
        oldest = next(iter(self._idle))
        self.closed(oldest)
        oldest.drop()
        return True

    def report(self, message: str, *arguments: object) -> None:
        """Log a warning, unless another one was logged less than `REPORT` seconds ago."""
        if (now := self._loop.time()) >= self._next_report:
            self._next_report = now + REPORT
            _log.warning(message, *arguments)

    def opened(self, connection: Connection) -> None:
        """Add a connection."""
        self._all.add(connection)
        self._idle[connection] = None

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self._idle.pop(connection, None)
        self.body_released(connection)

    def busy(self, connection: Connection) -> None:
        """Note that a request is complete: from now on the client waits for us."""
        self._idle.pop(connection, None)
        if connection.body_size:
            self._bodies.pop(connection, None)

    def idle(self, connection: Connection) -> None:
        """Note that a response is complete: from now on we wait for the client."""
        if connection in self._all:
            self._idle[connection] = None

    def body_received(self, connection: Connection, size: int) -> None:
        """Count `size` more bytes of an unfinished body; refuse the oldest bodies above the limit."""
        self._bodies.setdefault(connection)
        connection.body_size += size
        self._body_bytes += size
        while self._body_bytes > self.limits.bodies and self._bodies:
            oldest = next(iter(self._bodies))
            self.body_released(oldest)
            oldest.refuse(503, "too many large requests at once; try again")

    def body_released(self, connection: Connection) -> None:
        """Note that the memory of a connection's bodies is free again."""
        self._bodies.pop(connection, None)
        self._body_bytes -= connection.body_size
        connection.body_size = 0

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(SWEEP, self._sweep)
        now = self._loop.time()
        for connection in [connection for connection in self._all if connection.deadline <= now]:
            connection.expire()
