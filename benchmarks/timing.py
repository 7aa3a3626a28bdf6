"""Times a call: the median of many, in milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def quantiles(call: Callable[[], object], *, repeats: int = 200, warm: int = 5) -> tuple[float, float]:
    """Return p50 and p99 of a call [ms]."""
    for _ in range(warm):
        call()
    times = np.empty(repeats)
    for index in range(repeats):
        begin = time.perf_counter()
        call()
        times[index] = time.perf_counter() - begin
    return float(np.quantile(times, 0.5) * 1e3), float(np.quantile(times, 0.99) * 1e3)
