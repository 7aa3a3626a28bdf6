"""What the last step of the weights leaves to the next one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wao_predict.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PreviousPlan:
    """The last plan, in the order of the present nodes, endpoints and pools; None for what is unknown.

    Attributes
    ----------
    background
        CPU use of each node without the load that is assigned now [cores], shape (n_nodes,); measured if None.
    planned
        Load that the last plan assigned to each node [cores], shape (n_nodes,). It moves only to a considerably
        cheaper node.
    weights
        Weights by which the present traffic is split [%], shape (n_endpoints,); NaN for a new endpoint.
    load
        CPU load of each pool that was planned for [cores], shape (n_pools,); NaN unknown.
    even
        Pools to which it gave equal shares as consolidating saved too little, shape (n_pools,).
    fall_fraction
        Fraction of a fall of load to accept, and of changes that are estimates, see `Pace.fall_fraction`.
    """

    background: FloatArray | None = None
    planned: FloatArray | None = None
    weights: FloatArray | None = None
    load: FloatArray | None = None
    even: BoolArray | None = None
    fall_fraction: float = 1.0

    def of_pools(self, chosen: BoolArray) -> PreviousPlan:
        """Return what a rule needs for some of the pools."""
        return self if self.even is None else replace(self, even=self.even[chosen])
