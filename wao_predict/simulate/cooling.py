"""The cooling of a simulated fleet: power of the plants at each event, and what a watt costs on each node. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.cooling.groups import Cooling, GroupedCooling

EVERY = 900.0
"""Simulated time between two looks at what a watt costs [s]."""


class SimulatedCooling:
    """Power of the plants while loads of nodes change.

    Parameters
    ----------
    cooling
        The plants.
    groups
        Group of each node.

    Attributes
    ----------
    watts
        Present power of all plants [W].
    factors
        What a watt costs on each node, shape (n_nodes,).
    """

    def __init__(self, cooling: Cooling, groups: Sequence[str]) -> None:
        self._cooling, self._groups = cooling, groups
        self.watts = 0.0
        self.factors: FloatArray = np.ones(len(groups))
        self._looked_at = 0.0

    def reset(self, highest: FloatArray, node_watts: FloatArray, cooling: Cooling | None = None) -> None:
        """Change the power of the nodes, and their plants if they are given.

        Parameters
        ----------
        highest, node_watts
            Highest and present power of each node [W], shape (n_nodes,).
        cooling
            The plants from now on.
        """
        self._cooling = cooling or self._cooling
        self._grouped = GroupedCooling(self._cooling, self._groups, highest)
        self._index = self._grouped.index.tolist()
        self._sums: list[float] = self._grouped.sums(node_watts).tolist()
        self._parts: list[float] = self._grouped.of_groups(np.array(self._sums)).tolist()
        self.watts = sum(self._parts)
        self.factors = self._grouped.factors(node_watts)

    def add(self, node: int, watts: float) -> None:
        """Add to the power of a node [W]."""
        group = self._index[node]
        self._sums[group] += watts
        before = self._parts[group]
        self._parts[group] = self._grouped.of_group(group, self._sums[group])
        self.watts += self._parts[group] - before

    def look(self, now: float, node_watts: FloatArray) -> bool:
        """Return whether costs changed since the last look; looks at most every `EVERY` seconds.

        Parameters
        ----------
        now
            Simulated time [s].
        node_watts
            Power of each node [W], shape (n_nodes,).
        """
        if now - self._looked_at < EVERY:
            return False
        self._looked_at = now
        before, self.factors = self.factors, self._grouped.factors(node_watts, before=self.factors)
        return not np.array_equal(before, self.factors)
