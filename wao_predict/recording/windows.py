"""Rows at the windows over which a cluster averages the CPU load, from samples with times of their own. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from wao_predict.recording.aligning import HOLD, Row

SETTLE = 120.0
"""Time after the end of a window for which a later sample of the power is awaited [s]."""

KEPT = 600
"""Samples of a quantity, and windows, that are kept."""


@dataclass(frozen=True, slots=True)
class Window:
    """The mean CPU load [%] over `length` seconds that end at `end` [s since the epoch]."""

    end: float
    length: float
    cpu_usage: float


class NodeSamples:
    """What was sampled of one node, in order of time.

    The power of a row is the mean of the samples within the window. The other quantities change slowly, and have their
    last value before the end of the window, if it is at most `HOLD` old. A window without all of them gives no row.

    Parameters
    ----------
    node
        Its name in the rows.
    columns
        Names of the other quantities, "watts" among them.
    after
        Leave out windows that end at this time or earlier [s since the epoch].

    Examples
    --------
    >>> node = NodeSamples("a", ["watts"])
    >>> node.add_window(Window(30.0, 20.0, 40.0))
    >>> for at, watts in ((5.0, 100.0), (15.0, 150.0), (25.0, 160.0), (35.0, 170.0)):
    ...     node.add("watts", at, watts)
    >>> node.rows(now=36.0)
    [Row(time=30.0, node='a', values={'cpu_usage': 40.0, 'watts': 155.0})]
    """

    def __init__(self, node: str, columns: Sequence[str], *, after: float = float("-inf")) -> None:
        self.node = node
        self._samples: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=KEPT) for name in columns}
        self._windows: deque[Window] = deque(maxlen=KEPT)
        self._last = after

    def add(self, column: str, time: float, value: float) -> None:
        """Add a sample; one that is not newer than the last one of its quantity is known already."""
        known = self._samples[column]
        if not known or time > known[-1][0]:
            known.append((time, value))

    def add_window(self, window: Window) -> None:
        """Add a window; one that is not newer than the last one is known already."""
        if window.end > self._last and window.length > 0:
            self._last = window.end
            self._windows.append(window)

    def rows(self, now: float) -> list[Row]:
        """Return the rows of the windows that are complete, and forget these windows.

        A window is complete when the power was sampled after its end, or when its end is `SETTLE` ago.

        Parameters
        ----------
        now
            Time [s since the epoch].
        """
        found = []
        while self._windows and self._complete(self._windows[0], now):
            row = self._row(self._windows.popleft())
            if row is not None:
                found.append(row)
        return found

    def _complete(self, window: Window, now: float) -> bool:
        watts = self._samples["watts"]
        return (bool(watts) and watts[-1][0] >= window.end) or now - window.end > SETTLE

    def _row(self, window: Window) -> Row | None:
        values = {"cpu_usage": window.cpu_usage}
        for column, samples in self._samples.items():
            value = _mean(samples, window) if column == "watts" else _last(samples, window.end)
            if value is None:
                return None
            values[column] = value
        return Row(window.end, self.node, values)


def _mean(samples: deque[tuple[float, float]], window: Window) -> float | None:
    within = [value for time, value in samples if window.end - window.length < time <= window.end]
    return sum(within) / len(within) if within else None


def _last(samples: deque[tuple[float, float]], end: float) -> float | None:
    at = bisect_right([time for time, _ in samples], end) - 1
    return samples[at][1] if at >= 0 and end - samples[at][0] <= HOLD else None
