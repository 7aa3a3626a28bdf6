"""Exponential back-off with jitter, for every retry of the distribution."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

MAXIMUM_EXPONENT = 16


@dataclass
class Backoff:
    """Seconds to wait before the next attempt: doubled after each failure, with jitter.

    Parameters
    ----------
    initial
        Upper bound of the first wait [s].
    maximum
        Upper bound of any wait [s].
    draw
        Returns a number in [0, 1): 0 gives half of the upper bound, 1 all of it.

    Examples
    --------
    >>> backoff = Backoff(initial=1.0, maximum=5.0, draw=lambda: 1.0)
    >>> [backoff.next() for _ in range(4)]
    [1.0, 2.0, 4.0, 5.0]
    >>> backoff.reset()
    >>> backoff.next()
    1.0
    """

    initial: float = 0.5
    maximum: float = 30.0
    draw: Callable[[], float] = random.random
    failures: int = 0

    def next(self) -> float:
        """Count a failure and return the seconds to wait before the next attempt."""
        bound = min(self.maximum, self.initial * 2.0**self.failures)
        self.failures = min(self.failures + 1, MAXIMUM_EXPONENT)
        return bound * (0.5 + 0.5 * self.draw())

    def reset(self) -> None:
        """Start again with the initial wait, after a success."""
        self.failures = 0
