"""Slow steps: weights move part of the way towards their target, and not at all for trifles.

All nodes are weighed on the same metrics, which lag behind traffic; weights that jumped to their target would send the
whole load to and fro.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

STEP = 0.5
"""Part of the way towards the target that one update goes."""
TRIFLE = 0.02
"""Relative change below which a weight is left as it is."""


class Damper:
    """The last weights of one Service's endpoints."""

    def __init__(self, *, step: float = STEP, trifle: float = TRIFLE) -> None:
        self._step, self._trifle = step, trifle
        self._last: dict[str, float] = {}
        self._used: set[str] = set()

    def step(self, keys: Sequence[str], target: FloatArray) -> FloatArray:
        """Return weights between the last ones and the target, summing up to what the target does.

        A new endpoint starts at its target; when nothing moves by more than a trifle, the last weights stand.
        """
        self._used.update(keys)
        if len(keys) == 0:
            return target
        last = np.array([self._last.get(key, np.nan) for key in keys])
        if np.isnan(last).any():
            moved = np.where(np.isnan(last), target, last + self._step * (target - last))
        else:
            change = np.abs(target - last)
            if (change <= self._trifle * np.maximum(last, 1e-9)).all():
                moved = last
            else:
                moved = np.where(change <= 0.5, target, last + self._step * (target - last))
        total, wanted = float(moved.sum()), float(target.sum())
        moved = moved * (wanted / total) if total > 0 else target
        self._last.update(zip(keys, moved.tolist(), strict=True))
        return moved

    def forget_others(self) -> None:
        """Forget the endpoints that did not occur since the last time."""
        self._last = {key: value for key, value in self._last.items() if key in self._used}
        self._used.clear()
