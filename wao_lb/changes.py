"""Long polls: readers that wait for changes of a Service, and a version of all changes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable

ANY = ""
"""The key of changes of any Service."""


class Changes:
    """Wakes readers that wait for a change of one key, or of any.

    Attributes
    ----------
    version
        Version of everything; changes with every change, and differs between processes.
    ended
        Whether the server is stopping, so that no reader waits.
    """

    def __init__(self) -> None:
        self._run, self._count = secrets.token_hex(4), 0
        self._events: dict[str, asyncio.Event] = {}
        self.ended = False

    @property
    def version(self) -> str:
        """The present version of everything."""
        return f"{self._run}-{self._count}"

    @property
    def waiting(self) -> frozenset[str]:
        """The keys that readers wait for."""
        return frozenset(self._events)

    def announce(self, keys: Iterable[str]) -> None:
        """Wake the readers that wait for these keys."""
        found = list(keys)
        if not found:
            return
        self._count += 1
        for key in (*found, ANY):
            if (event := self._events.pop(key, None)) is not None:
                event.set()

    def end(self) -> None:
        """Wake all readers, and let none wait from now on."""
        self.ended = True
        while self._events:
            self._events.popitem()[1].set()

    async def wait(self, key: str, changed: Callable[[], bool], timeout: float) -> None:
        """Wait until `changed` returns true, at most `timeout` seconds; it is called after each change of the key."""
        deadline = time.monotonic() + timeout
        while not (self.ended or changed()) and (left := deadline - time.monotonic()) > 0:
            event = self._events.setdefault(key, asyncio.Event())
            try:
                async with asyncio.timeout(left):
                    await event.wait()
            except TimeoutError:
                return
