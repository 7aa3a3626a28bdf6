"""What standby remembers: highest values and switches within a window of time. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np

from wao_predict.arrays import FloatArray

HOUR = 3600.0
"""Window of the limits per hour [s]."""
LOOK_BACK = 1800.0
"""Default time whose highest demand the running nodes can carry before one is stopped [s]."""


class SlidingMaximum:
    """The highest value within a window of time.

    Parameters
    ----------
    window
        Length of the window [s].

    Examples
    --------
    >>> highest = SlidingMaximum(60.0)
    >>> highest.note(0.0, 5.0)
    >>> highest.note(30.0, 3.0)
    >>> highest.at(59.0), highest.at(61.0), highest.at(100.0)
    (5.0, 3.0, None)
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._values: deque[tuple[float, float]] = deque()  # ascending times, descending values

    def note(self, now: float, value: float) -> None:
        """Note a value. Times ascend."""
        while self._values and self._values[-1][1] <= value:
            self._values.pop()
        self._values.append((now, value))
        self.at(now)

    def at(self, now: float) -> float | None:
        """Return the highest value within the window, None if there is none."""
        while self._values and self._values[0][0] <= now - self._window:
            self._values.popleft()
        return self._values[0][1] if self._values else None


class Peak:
    """The highest sum of requests within a window of time, of each resource.

    Parameters
    ----------
    window
        Length of the window [s].

    Examples
    --------
    >>> peak = Peak(60.0)
    >>> peak.note(0.0, np.array([8.0, 2e9]))
    >>> peak.note(30.0, np.array([4.0, 4e9]))
    >>> peak.at(40.0).tolist(), peak.at(70.0).tolist(), peak.at(100.0)
    ([8.0, 4000000000.0], [4.0, 4000000000.0], None)
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._highest: list[SlidingMaximum] = []

    def note(self, now: float, demand: FloatArray) -> None:
        """Note the present sum of each resource, shape (r,). Times ascend."""
        self._highest = self._highest or [SlidingMaximum(self._window) for _ in demand]
        for highest, value in zip(self._highest, demand.tolist(), strict=True):
            highest.note(now, value)

    def at(self, now: float) -> FloatArray | None:
        """Return the highest sum of each resource within the window, shape (r,); None if there is none."""
        values = [value for highest in self._highest if (value := highest.at(now)) is not None]
        return np.array(values) if values else None


class Recent:
    """The number of events within a window of time.

    Parameters
    ----------
    window
        Length of the window [s].

    Examples
    --------
    >>> starts = Recent()
    >>> starts.note(0.0)
    >>> starts.count(3599.0), starts.count(3600.0)
    (1, 0)
    """

    def __init__(self, window: float = HOUR) -> None:
        self._window = window
        self._times: deque[float] = deque()

    def note(self, now: float) -> None:
        """Note an event. Times ascend."""
        self._times.append(now)

    def count(self, now: float) -> int:
        """Return the number of events within the window."""
        while self._times and self._times[0] <= now - self._window:
            self._times.popleft()
        return len(self._times)
