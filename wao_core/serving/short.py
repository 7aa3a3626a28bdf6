"""Limits for plain TCP servers that answer one short request per connection."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ShortConnections:
    """The open connections of one server.

    Parameters
    ----------
    most
        Open connections; a further one replaces the oldest.
    seconds
        Time for request and response together.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._open: OrderedDict[asyncio.StreamWriter, None] = OrderedDict()

    @asynccontextmanager
    async def limited(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        """Run the exchange on one connection within the limits, and close the connection; may raise TimeoutError."""
        while len(self._open) >= self._most:
            self._open.popitem(last=False)[0].transport.abort()
        self._open[writer] = None
        try:
            async with asyncio.timeout(self._seconds):
                yield
        finally:
            self._open.pop(writer, None)
            writer.close()
