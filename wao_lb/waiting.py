"""Long polls: who waits for which Service, and the number of changes so far."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable

ANY = ""
"""Stands for every Service."""


class Changes:
    """Wakes those who wait for a change of one key, or of any.

    Attributes
    ----------
    version
        Another one after every change of anything; of another process it is another one too.
    ended
        Whether nobody waits any longer, as the server stops.
    """

    def __init__(self) -> None:
        self._run, self._count = secrets.token_hex(4), 0
        self._events: dict[str, asyncio.Event] = {}
        self.ended = False

    @property
    def version(self) -> str:
        """The present version of all together."""
        return f"{self._run}-{self._count}"

    @property
    def waiting(self) -> frozenset[str]:
        """The keys that somebody waits for."""
        return frozenset(self._events)

    def announce(self, keys: Iterable[str]) -> None:
        """Wake those who wait for these keys."""
        found = list(keys)
        if not found:
            return
        self._count += 1
        for key in (*found, ANY):
            if (event := self._events.pop(key, None)) is not None:
                event.set()

    def end(self) -> None:
        """Let nobody wait any longer."""
        self.ended = True
        while self._events:
            self._events.popitem()[1].set()

    async def wait(self, key: str, news: Callable[[], bool], timeout: float) -> None:
        """Wait until `news` says so, at most `timeout` seconds; it is asked after each change of the key."""
        deadline = time.monotonic() + timeout
        while not (self.ended or news()) and (left := deadline - time.monotonic()) > 0:
            event = self._events.setdefault(key, asyncio.Event())
            try:
                async with asyncio.timeout(left):
                    await event.wait()
            except TimeoutError:
                return
