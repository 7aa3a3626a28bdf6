"""Damping: weights move towards their target in steps over time, and small changes are ignored. Pure.

All nodes are weighed on the same CPU samples, which lag behind the traffic; weights that jumped to their target would
make the load oscillate. The load that is planned for also falls slowly, but rises immediately: with the latest
sample alone, a ceiling would be respected on average only, and exceeded half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.traffic.segments import Segments

FALL_FACTOR = 4.0
"""Time constant for falling load, in settle times. Rising load takes effect immediately."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly weights follow their target.

    Parameters
    ----------
    settle
        Time constant [s]: weights cover 63 % of the way in this time and 95 % in three times of it. 0 disables damping.
    interval
        Minimum time between two steps [s].
    trifle
        Relative change below which a pool keeps its weights [part of an equal share].
    """

    settle: float = 15.0
    interval: float = 5.0
    trifle: float = 0.02

    def fraction(self, elapsed: float) -> float:
        """Return the fraction of the way to the target to go when the last step was `elapsed` seconds ago."""
        if self.settle <= 0.0:
            return 1.0
        return 0.0 if elapsed < min(self.interval, self.settle) else 1.0 - float(np.exp(-elapsed / self.settle))

    def fall_fraction(self, elapsed: float) -> float:
        """Return the fraction of a fall of load to accept when the last plan was `elapsed` seconds ago."""
        return 1.0 if self.settle <= 0.0 else 1.0 - float(np.exp(-max(elapsed, 0.0) / (FALL_FACTOR * self.settle)))


def damped(
    parts: Segments, last: FloatArray, target: FloatArray, fraction: float, *, at_once: BoolArray, trifle: float
) -> FloatArray:
    """Return weights between the last ones and the target [%], summing to 100 in each pool.

    The share of endpoints that no longer exist is redistributed by the target immediately.

    Parameters
    ----------
    last
        Present weights [%], shape (n_endpoints,); NaN for a new endpoint, which starts at its target.
    fraction
        Fraction of the way to the target to go.
    at_once
        Pools that go the whole way, shape (n_pools,).
    trifle
        See `Pace`.
    """
    known = ~np.isnan(last)
    change = np.where(known, np.abs(target - last), np.inf)
    moves = parts.any(change > trifle * (100.0 / parts.counts)[parts.of])
    way = np.where(at_once | ~parts.any(known), 1.0, np.where(moves, fraction, 0.0))[parts.of]
    moved = np.where(known, last + way * (target - last), target)
    moved += np.maximum(0.0, 1.0 - parts.sum(moved) / 100.0)[parts.of] * target
    settled: FloatArray = 100.0 * moved / parts.sum(moved)[parts.of]
    return settled
