"""Slow steps: weights move part of the way towards their target, and not at all for trifles. Pure.

All nodes are weighed on the same metrics, which lag behind traffic; weights that jumped to their target would send the
whole load to and fro. The load that is planned for falls slowly too, but rises at once: a ceiling that is kept to on
average only is passed half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.traffic.segments import BoolArray, FloatArray, Segments

EASE = 4.0
"""Settle times after which 63 % of a fall of load is believed; the autoscalers of Kubernetes wait longer still."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly weights follow.

    Parameters
    ----------
    settle
        Time constant [s]: after it 63 % of the way is gone, after three times it 95 %. 0 goes at once.
    interval
        Least time between two steps [s].
    trifle
        Changes of all weights below this part of an equal share are left.
    """

    settle: float = 15.0
    interval: float = 5.0
    trifle: float = 0.02

    def part(self, elapsed: float) -> float:
        """Return the part of the way to go when so many seconds have passed since the last step."""
        if self.settle <= 0.0:
            return 1.0
        return 0.0 if elapsed < min(self.interval, self.settle) else 1.0 - float(np.exp(-elapsed / self.settle))

    def believed(self, elapsed: float) -> float:
        """Return the part of a fall of load to believe when so many seconds have passed since the last look."""
        return 1.0 if self.settle <= 0.0 else 1.0 - float(np.exp(-max(elapsed, 0.0) / (EASE * self.settle)))


def eased(last: FloatArray, measured: FloatArray, believed: float) -> FloatArray:
    """Return the load to plan for [cores]: what is measured, but of a fall since the last time a part only.

    NaN is unknown: as `measured` it stays so, as `last` it says nothing.
    """
    with np.errstate(invalid="ignore"):
        load: FloatArray = np.where(last > measured, last + believed * (measured - last), measured)
    return load


def damped(
    parts: Segments, last: FloatArray, target: FloatArray, part: float, *, at_once: BoolArray, trifle: float
) -> FloatArray:
    """Return weights between the last ones and the target, summing to 100 in each pool.

    The share of endpoints that are gone is given out by the target, at once.

    Parameters
    ----------
    last
        Present weights [%], NaN for a new endpoint, which starts at its target.
    part
        Part of the way to go.
    at_once
        Pools that go the whole way, shape (n_pools,).
    trifle
        See `Pace`.
    """
    known = ~np.isnan(last)
    change = np.where(known, np.abs(target - last), np.inf)
    moves = parts.any(change > trifle * (100.0 / parts.counts)[parts.of])
    way = np.where(at_once | ~parts.any(known), 1.0, np.where(moves, part, 0.0))[parts.of]
    moved = np.where(known, last + way * (target - last), target)
    moved += np.maximum(0.0, 1.0 - parts.sum(moved) / 100.0)[parts.of] * target
    settled: FloatArray = 100.0 * moved / parts.sum(moved)[parts.of]
    return settled
