"""Servers and plants together: what a watt on each node costs, by group of nodes. Pure.

The cost of a further watt on a node is (1 + marginal cooling of its plant) x relative price. Increase rules are linear
in power, so power curves times this factor give the cost by every rule, and requests take no more time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.cooling.plant import CoolingCurve, CoolingModel, PlantState, RangedModel
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError

EVERY_OTHER = "*"
"""Group of a plant that cools all nodes without a plant of their own."""
Minimize = Literal["energy", "price", "carbon"]
MINIMIZE: tuple[Minimize, ...] = ("energy", "price", "carbon")
FACTOR_STEP = 0.02
"""Relative change of a factor below which the former one is kept, so that cached increases stay valid."""


@dataclass(frozen=True, eq=False)
class Plant:
    """A plant and its present state.

    Attributes
    ----------
    model, state
        The model, and weather and set points.
    price, carbon
        Price [currency/kWh] and carbon intensity [gCO2/kWh] of electricity, None unknown.
    """

    model: CoolingModel
    state: PlantState
    price: float | None = None
    carbon: float | None = None

    def signal(self, minimize: Minimize) -> float | None:
        """Return what a kilowatt hour counts: 1 for energy, else price or carbon."""
        return 1.0 if minimize == "energy" else self.price if minimize == "price" else self.carbon


@dataclass(frozen=True, eq=False)
class Cooling:
    """All plants of a site.

    Parameters
    ----------
    plants
        Plants by group of nodes; `EVERY_OTHER` for nodes without one.
    minimize
        What placement minimizes: energy, or energy times price or carbon.

    Examples
    --------
    >>> from wao_predict.cooling.models import CoolingFactor
    >>> Cooling.everywhere(CoolingFactor(0.4)).plant_of("room-a").model
    CoolingFactor(factor=0.4, error_watts=None)
    """

    plants: Mapping[str, Plant]
    minimize: Minimize = "energy"

    @classmethod
    def everywhere(cls, model: CoolingModel, state: PlantState | None = None) -> Cooling:
        """Return one plant that cools all nodes."""
        return cls({EVERY_OTHER: Plant(model, state or PlantState())})

    def plant_of(self, group: str) -> Plant | None:
        """Return the plant that cools a group, None if there is none."""
        return self.plants.get(group, self.plants.get(EVERY_OTHER))


class GroupedCooling:
    """The cooling of nodes in groups.

    Parameters
    ----------
    cooling
        The plants.
    groups
        Group of each node.
    highest
        Highest power of each node [W], shape (n_nodes,); NaN counts as 0.

    Attributes
    ----------
    names
        Names of the groups. Nodes of all groups that one plant of `EVERY_OTHER` cools are one group.
    index
        Group of each node, shape (n_nodes,).
    notes
        What is missing and how it is counted.

    Raises
    ------
    UsageError
        The power of a plant is unknown, because an input that it needs is.

    Examples
    --------
    >>> from wao_predict.cooling.models import CoolingFactor
    >>> cooling = Cooling({"a": Plant(CoolingFactor(0.5), PlantState()), "b": Plant(CoolingFactor(0.1), PlantState())})
    >>> grouped = GroupedCooling(cooling, ["a", "b", "b"], np.array([300.0, 300.0, 300.0]))
    >>> grouped.factors(np.array([200.0, 200.0, 200.0])).round(6).tolist()
    [1.5, 1.1, 1.1]
    >>> round(grouped.total(np.array([200.0, 200.0, 200.0])), 6)
    140.0
    """

    def __init__(self, cooling: Cooling, groups: Sequence[str], highest: FloatArray) -> None:
        own = [group if group in cooling.plants else EVERY_OTHER for group in groups]
        self.names = tuple(dict.fromkeys(own))
        place = {name: number for number, name in enumerate(self.names)}
        self.index: IntArray = np.array([place[name] for name in own], dtype=np.int64)
        most = self.sums(np.nan_to_num(highest, nan=0.0))
        plants = [cooling.plants.get(name) for name in self.names]
        self._curves = [
            None if plant is None else CoolingCurve.of(plant.model, plant.state, float(most[number]))
            for number, plant in enumerate(plants)
        ]
        self._weights, notes = _weights(self.names, plants, cooling.minimize)
        uncooled = [name for name, plant in zip(self.names, plants, strict=True) if plant is None]
        self.notes: tuple[str, ...] = (
            *notes,
            *("nodes without a plant count without cooling" for _ in uncooled),
            *(note for each in zip(self.names, plants, most.tolist(), strict=True) if (note := _small_group(*each))),
        )

    def sums(self, node_watts: FloatArray) -> FloatArray:
        """Return the server power of each group [W], shape (n_groups,), for that of each node, shape (n_nodes,)."""
        return np.bincount(self.index, weights=node_watts, minlength=len(self.names)).astype(np.float64)

    def of_groups(self, server_watts: FloatArray) -> FloatArray:
        """Return the cooling power of each group [W], shape (n_groups,), for its server power."""
        return np.array([self.of_group(group, watts) for group, watts in enumerate(server_watts.tolist())])

    def of_group(self, group: int, server_watts: float) -> float:
        """Return the cooling power of one group [W] for its server power."""
        curve = self._curves[group]
        return 0.0 if curve is None else float(curve.at(server_watts))

    def total(self, node_watts: FloatArray) -> float:
        """Return the power of all plants [W] for the power of each node, shape (n_nodes,)."""
        return float(self.of_groups(self.sums(node_watts)).sum())

    def factors(self, node_watts: FloatArray, *, before: FloatArray | None = None) -> FloatArray:
        """Return what a further watt on each node costs, shape (n_nodes,).

        Parameters
        ----------
        node_watts
            Present power of each node [W], shape (n_nodes,); NaN counts as 0.
        before
            Former factors, shape (n_nodes,): kept where they changed by less than `FACTOR_STEP`.
        """
        watts = self.sums(np.nan_to_num(node_watts, nan=0.0))
        pairs = zip(self._curves, watts, strict=True)
        marginal = np.array([0.0 if curve is None else float(curve.marginal(load)) for curve, load in pairs])
        return self._spread(marginal, before)

    def secant_factors(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Return factors by the mean slope between two states of the nodes, shape (n_nodes,).

        Parameters
        ----------
        before, after
            Power of each node [W], shape (n_nodes,).
        """
        low, high = self.sums(before), self.sums(after)
        rise, cooled = high - low, self.of_groups(high) - self.of_groups(low)
        slopes = [
            0.0 if curve is None else float(curve.marginal(w)) for curve, w in zip(self._curves, low, strict=True)
        ]
        moved = rise > 1.0
        marginal = np.where(moved, cooled / np.where(moved, rise, 1.0), slopes)
        return self._spread(marginal, None)

    def _spread(self, marginal: FloatArray, before: FloatArray | None) -> FloatArray:
        factors: FloatArray = ((1.0 + marginal) * self._weights)[self.index]
        if before is None or before.shape != factors.shape:
            return factors
        return np.where(np.abs(factors - before) < FACTOR_STEP * before, before, factors)


def _small_group(name: str, plant: Plant | None, highest: float) -> str:
    """Return that a group never reaches the power for which the model of its plant was trained, or an empty string."""
    if plant is None or not isinstance(plant.model, RangedModel) or not 0 < highest < plant.model.server_range[0]:
        return ""
    low, high = plant.model.server_range
    return (
        f"the nodes of group {name} use at most {highest:,.0f} W, and the model of their plant was trained for "
        f"{low:,.0f} to {high:,.0f} W: its power is extrapolated; set units to a smaller number of plants"
    )


def _weights(
    names: Sequence[str], plants: Sequence[Plant | None], minimize: Minimize
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the price or carbon of each group relative to the mean of those known, and notes of missing ones."""
    signals = [None if plant is None else plant.signal(minimize) for plant in plants]
    if minimize == "energy":
        return np.ones(len(names)), ()
    known = [signal for signal in signals if signal is not None]
    mean = float(np.mean(known)) if known else 1.0
    notes = tuple(
        f"{minimize} of group {name} is unknown: counted as the mean"
        for name, signal in zip(names, signals, strict=True)
        if signal is None
    )
    if mean <= 0:
        return np.ones(len(names)), (*notes, f"the mean {minimize} is not above 0: it is not counted")
    # a price below 0 would make waste a gain
    return np.array([1.0 if signal is None else max(signal / mean, 0.01) for signal in signals]), notes


def cost_curves(curves: PowerCurves, factors: FloatArray) -> PowerCurves:
    """Return curves of cost: each node's power times its factor.

    Parameters
    ----------
    curves
        Power curves.
    factors
        See `GroupedCooling.factors`, shape (n_nodes,).

    Raises
    ------
    UsageError
        The lengths differ.
    """
    if len(factors) != len(curves):
        raise UsageError(f"{len(factors)} factors for {len(curves)} curves: give one for each")
    return PowerCurves(curves.knots, curves.watts * factors[:, None])
