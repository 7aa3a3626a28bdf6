"""Free capacity of the nodes that run, and how much of it has to stay. Pure."""

from __future__ import annotations

from copy import copy

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.increase import FIT_TOLERANCE
from wao_predict.standby.settings import StandbySettings
from wao_predict.standby.state import NodeState, StandbyNodes


class Room:
    """The free resources of the nodes that count as running.

    Parameters
    ----------
    nodes
        All nodes.
    counted
        Which of them count, shape (n,).

    Attributes
    ----------
    open
        Which nodes count now, shape (n,).
    taken
        Nodes that pods without a node need, shape (n,).
    """

    def __init__(self, nodes: StandbyNodes, counted: BoolArray) -> None:
        self._free = nodes.room()
        self._capacity: FloatArray = np.where(np.isnan(nodes.capacity), 0.0, nodes.capacity)
        self._on: BoolArray = nodes.state == NodeState.ON
        self.open = counted.copy()
        self.taken: BoolArray = np.zeros(len(nodes), dtype=np.bool_)
        self.capacity: FloatArray = self._capacity[counted].sum(axis=0)
        self.free: FloatArray = self._free[counted].sum(axis=0)

    def among(self, counted: BoolArray) -> Room:
        """Return the room of other nodes, less what pods took."""
        other = copy(self)
        other.open, other.taken, other._free = counted.copy(), self.taken.copy(), self._free.copy()
        other.capacity, other.free = self._capacity[counted].sum(axis=0), self._free[counted].sum(axis=0)
        return other

    def open_node(self, node: int) -> None:
        """Count a node."""
        self.open[node] = True
        self.capacity = self.capacity + self._capacity[node]
        self.free = self.free + self._free[node]

    def close_node(self, node: int) -> None:
        """Count a node no longer."""
        self.open[node] = False
        self.capacity = self.capacity - self._capacity[node]
        self.free = self.free - self._free[node]

    def largest(self) -> FloatArray:
        """Return the largest capacity of a node that counts, by resource, shape (r,)."""
        result: FloatArray = self._capacity[self.open].max(axis=0, initial=0.0)
        return result

    def fits(self, request: FloatArray, allowed: BoolArray | None) -> BoolArray:
        """Return the nodes that count and have room for a pod, shape (n,)."""
        fits: BoolArray = (self._free >= request * (1 - FIT_TOLERANCE)).all(axis=1) & self.open
        return fits if allowed is None else fits & allowed

    def take(self, request: FloatArray, allowed: BoolArray | None) -> bool:
        """Take the room of a pod from the node that it fills best, one that is on first; return whether it fits."""
        fits = self.fits(request, allowed)
        if not fits.any():
            return False
        fits = fits & self._on if (fits & self._on).any() else fits
        node = int(np.argmin(np.where(fits, self._free[:, 0], np.inf)))
        self._free[node] -= request
        self.free = self.free - request
        self.taken[node] = True
        return True


class Need:
    """The capacity that has to stay free.

    Parameters
    ----------
    settings
        See there.
    peak
        See `History`.
    hysteresis
        Whether more has to be left, for a stop.
    """

    def __init__(self, settings: StandbySettings, *, peak: FloatArray | None = None, hysteresis: bool = False) -> None:
        self._settings = settings
        self._peak = peak
        self._more = settings.hysteresis_percent if hysteresis else 0.0

    def lacking(self, room: Room) -> str | None:
        """Return which resource is too scarce, None if none is."""
        settings = self._settings
        wanted = room.capacity * settings.spare_percent / 100.0
        wanted[0] = max(float(wanted[0]), settings.spare_cores)
        wanted += room.capacity * self._more / 100.0
        if settings.reserve_largest:
            wanted += room.largest()
        free = room.free if self._peak is None else np.minimum(room.free, room.capacity - self._peak)
        short = np.flatnonzero(free < wanted * (1 - FIT_TOLERANCE))
        if not short.size:
            return None
        column = int(short[0])
        left, least = max(float(free[column]), 0.0), float(wanted[column])
        if column == 0:
            text = f"CPU: {left:.4g} of {least:.4g} spare cores"
        else:
            text = f"resource {column + 1}: {100 * left / least if least else 0.0:.3g} % of the spare amount"
        return text if free[column] == room.free[column] else f"{text} at the recent peak of demand"
