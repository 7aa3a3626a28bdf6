"""What standby remembers: highest values and switches within a window of time. Pure."""

from __future__ import annotations

from collections import deque

HOUR = 3600.0
"""Window of the limits per hour [s]."""


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
