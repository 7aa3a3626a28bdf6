"""The state of the traffic between two steps of the weights, as arrays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, Self

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.traffic.reasons import CodeArray


@dataclass(frozen=True, slots=True, eq=False)
class TrafficState:
    """Weights and plan of all pools after a step. A subclass may have more columns.

    `OF_POOLS` are the columns with one row for each pool; the others have one for each endpoint.

    Attributes
    ----------
    weights
        Damped share of each endpoint of its pool's traffic [%], summing to 100 in each pool; NaN for an endpoint that
        is not weighed yet.
    increase, note
        Of each endpoint, as in `Weights`.
    cpu_cores
        CPU that each endpoint's traffic takes now, measured or estimated [cores]; NaN unknown.
    planned
        CPU load that the rule assigns to each endpoint [cores], 0 for rules without a plan.
    rule, reason
        Of each pool, as in `Weights`.
    load
        CPU load of each pool that was planned for [cores], NaN unknown; the last known one if it is unknown now.
    """

    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    cpu_cores: FloatArray
    planned: FloatArray
    rule: CodeArray
    reason: CodeArray
    load: FloatArray

    OF_POOLS: ClassVar[frozenset[str]] = frozenset({"rule", "reason", "load"})

    @classmethod
    def empty(cls, endpoints: int, pools: int) -> TrafficState:
        """Return the state before the first step."""
        return TrafficState(
            weights=np.full(endpoints, np.nan),
            increase=np.full(endpoints, np.nan),
            note=np.zeros(endpoints, np.int8),
            cpu_cores=np.full(endpoints, np.nan),
            planned=np.zeros(endpoints),
            rule=np.zeros(pools, np.int8),
            reason=np.zeros(pools, np.int8),
            load=np.full(pools, np.nan),
        )

    @classmethod
    def joined(cls, states: Sequence[Self]) -> Self:
        """Return the states of several groups of pools as one; that of a single group as it is."""
        if len(states) == 1:
            return states[0]
        return cls(**{name: np.concatenate([getattr(state, name) for state in states]) for name in cls._columns()})

    def assign(self, other: TrafficState) -> None:
        """Overwrite the columns of this state with those of another one of the same shape."""
        for name in other._columns():
            getattr(self, name)[:] = getattr(other, name)

    def part(self, endpoints: slice | BoolArray, pools: slice | BoolArray) -> Self:
        """Return the state of some pools: as views of consecutive ones (slices), or as copies (masks)."""
        of_pools = self.OF_POOLS
        columns = {name: getattr(self, name)[pools if name in of_pools else endpoints] for name in self._columns()}
        return type(self)(**columns)

    @classmethod
    def _columns(cls) -> list[str]:
        return [item.name for item in fields(cls)]


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
        Fraction of a drop in load to accept, and of changes that are estimates, see `Pace.fall_fraction`.
    """

    background: FloatArray | None = None
    planned: FloatArray | None = None
    weights: FloatArray | None = None
    load: FloatArray | None = None
    even: BoolArray | None = None
    fall_fraction: float = 1.0


class Split(NamedTuple):
    """How a rule splits pools: share and `Note` of each endpoint, rule and `Reason` of each pool."""

    shares: FloatArray
    note: CodeArray
    rule: CodeArray
    reason: CodeArray
