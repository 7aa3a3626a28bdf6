"""A line in the log each minute while sensors fail, so that an old failure is not missed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from wao_core.collector.poller import Poller

EVERY = 60.0
"""Time between two lines [s]."""
MOST_REASONS = 3
_log = logging.getLogger(__name__)


async def log_failures(pollers: Callable[[], Iterable[Poller]], *, every: float = EVERY) -> None:
    """Log how many sensors fail and why, now and then while some do; never returns.

    Parameters
    ----------
    pollers
        Returns the sensors that are polled now.
    every
        Time between two lines [s].
    """
    while True:
        await asyncio.sleep(every)
        if text := failing(pollers()):
            _log.warning("%s", text)


def failing(pollers: Iterable[Poller]) -> str:
    """Return how many sensors fail, with the most frequent reasons, or an empty string if none does."""
    total, reasons = 0, Counter[str]()
    nodes: dict[str, str] = {}
    for poller in pollers:
        total += 1
        if poller.state.failures:
            reasons[poller.state.reason] += 1
            names = sorted(target.node for target in poller.targets)
            nodes.setdefault(poller.state.reason, names[0] if names else "no node")
    if not reasons:
        return ""
    parts = [f"{count} such as {nodes[reason]}: {reason}" for reason, count in reasons.most_common(MOST_REASONS)]
    others = len(reasons) - len(parts)
    more = f"; {others} other reasons" if others > 0 else ""
    return f"{reasons.total()} of {total} sensors fail: " + "; ".join(parts) + more
