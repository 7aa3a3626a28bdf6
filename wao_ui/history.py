"""The totals of the last hours: a ring of a fixed number of points, whatever the number of viewers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Power of the whole fleet at one moment [W]; None is unknown.

    Attributes
    ----------
    at
        Time [s since the epoch].
    power
        Measured where there is a meter, predicted elsewhere.
    predicted
        Predicted, of the nodes with a curve and a CPU sample.
    spread, saved, measured_saved
        The spread baseline of `wao_predict.spread`, and what the placement saves against it: predicted, and by meters.
    measured_nodes, predicted_nodes
        Number of nodes that `power` takes as measured, and as predicted.
    """

    at: float
    power: float | None = None
    predicted: float | None = None
    spread: float | None = None
    saved: float | None = None
    measured_saved: float | None = None
    measured_nodes: int = 0
    predicted_nodes: int = 0

    @property
    def saved_percent(self) -> float | None:
        """The predicted saving as a percentage of the baseline."""
        return None if self.saved is None or not self.spread else 100.0 * self.saved / self.spread


class History:
    """A ring of totals, the oldest first.

    Parameters
    ----------
    length
        Number of points that are kept.
    """

    def __init__(self, length: int) -> None:
        self._points: deque[Totals] = deque(maxlen=length)

    def __len__(self) -> int:
        return len(self._points)

    def add(self, totals: Totals) -> None:
        """Add the newest point; the oldest one leaves when the ring is full."""
        self._points.append(totals)

    def points(self, most: int) -> Sequence[Totals]:
        """Return at most `most` points, evenly spaced and with the newest one.

        Examples
        --------
        >>> history = History(100)
        >>> for second in range(10):
        ...     history.add(Totals(at=float(second)))
        >>> [point.at for point in history.points(4)]
        [0.0, 3.0, 6.0, 9.0]
        """
        held = list(self._points)
        step = -(-len(held) // most) if held else 1
        return held[::-1][::step][::-1]
