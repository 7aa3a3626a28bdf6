"""Waiting for a condition inside an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return as soon as the condition is true; raises TimeoutError when it is not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)  # between two looks


MANY_TURNS = 20
"""More turns of the event loop than a request takes whose work holds it: one or two."""


async def turns_during(work: Awaitable[object]) -> int:
    """Do the work, and return how often the event loop went round meanwhile: a few times if the work holds it."""
    task, turns = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    return turns
