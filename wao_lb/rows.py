"""The weights of Services as arrays, with consecutive rows for each Service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.settings import ServiceSettings
from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.traffic.places import PoolShape
from wao_predict.traffic.reasons import Rule
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.state import TrafficState

SCALE = 10_000
"""Published weights are multiples of 1/10,000 of a percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows(TrafficState):
    """Rows of endpoints and of their pools, of one Service or of several: their state, and what it belongs to.

    Attributes
    ----------
    node_name, node
        Name of each endpoint's node, and its row in the snapshot, -1 unknown.
    pod
        Row of each endpoint's pod in the `PodTable`.
    published
        Published weight of each endpoint, in steps of 1 / SCALE percent; -1 before the first.
    counts, cpu_per_request, lookahead
        Number of endpoints of each pool, CPU that one request takes [cores], and whether it wants the rule lookahead.
    measured_at
        Time of the last plan with a measured pod of each pool [s since the epoch], -inf before the first.
    """

    node_name: NDArray[np.object_]
    node: IntArray
    pod: IntArray
    published: IntArray
    counts: IntArray
    cpu_per_request: FloatArray
    lookahead: BoolArray
    measured_at: FloatArray

    OF_POOLS = TrafficState.OF_POOLS | {"counts", "cpu_per_request", "lookahead", "measured_at"}

    @classmethod
    def fresh(
        cls, pods: Sequence[int], node_names: Sequence[str], counts: Sequence[int], settings: ServiceSettings
    ) -> Rows:
        """Return the rows of a Service that is not weighed yet: each endpoint's pod and node, and the pools' sizes."""
        endpoints, pools = len(pods), len(counts)
        state = TrafficState.empty(endpoints, pools)
        return cls(
            **{item.name: getattr(state, item.name) for item in fields(state)},
            node_name=np.array([*node_names], dtype=np.object_),
            node=np.full(endpoints, -1, dtype=np.int64),
            pod=np.array([*pods], dtype=np.int64),
            published=np.full(endpoints, -1, dtype=np.int64),
            counts=np.array([*counts], dtype=np.int64),
            cpu_per_request=np.full(pools, settings.cpu_per_request),
            lookahead=np.full(pools, settings.rule is Rule.LOOKAHEAD),
            measured_at=np.full(pools, -np.inf),
        )

    def __len__(self) -> int:
        return len(self.node)


class Block:
    """The rows of some Services by "namespace/name".

    Parameters
    ----------
    keys
        The Services in the order of their rows.
    rows
        The rows of all of them.
    endpoints, pools
        Number of endpoints and of pools of each Service, shape (n_services,).
    """

    def __init__(self, keys: Sequence[str], rows: Rows, endpoints: IntArray, pools: IntArray) -> None:
        self.rows = rows
        self._places = {key: place for place, key in enumerate(keys)}
        self._endpoints, self._pools = endpoints, pools
        self._at, self._pools_at = ([0, *np.cumsum(counts).tolist()] for counts in (endpoints, pools))

    @classmethod
    def of_services(cls, services: Mapping[str, Rows]) -> Block:
        """Return the block of some Services, at least one."""
        rows = [*services.values()]
        endpoints, pools = np.array([len(part) for part in rows]), np.array([len(part.counts) for part in rows])
        return cls([*services], Rows.joined(rows), endpoints, pools)

    @classmethod
    def joined(cls, blocks: Sequence[Block]) -> Block:
        """Return the Services of several blocks, at least one, as one block with copies of their rows."""
        if len(blocks) == 1:
            return blocks[0]
        return cls(
            [key for block in blocks for key in block.keys],
            Rows.joined([block.rows for block in blocks]),
            np.concatenate([block._endpoints for block in blocks]),
            np.concatenate([block._pools for block in blocks]),
        )

    @property
    def keys(self) -> Sequence[str]:
        """The Services in the order of their rows."""
        return [*self._places]

    @cached_property
    def shape(self) -> PoolShape:
        """The pools of the Services, and their nodes; valid until `locate`."""
        return PoolShape(Segments.of_counts(self.rows.counts), self.rows.node)

    def only(self, chosen: BoolArray) -> Block:
        """Return some of the Services, with copies of their rows; this block if it is all of them."""
        if chosen.all():
            return self
        rows = self.rows.part(np.repeat(chosen, self._endpoints), np.repeat(chosen, self._pools))
        keys = [key for key, kept in zip(self._places, chosen.tolist(), strict=True) if kept]
        return Block(keys, rows, self._endpoints[chosen], self._pools[chosen])

    def part(self, key: str) -> Rows:
        """Return the rows of one Service, as views."""
        place = self._places[key]
        return self.rows.part(slice(*self._at[place : place + 2]), slice(*self._pools_at[place : place + 2]))

    def locate(self, snapshot: ClusterSnapshot) -> None:
        """Look up each endpoint's node in a snapshot with other nodes."""
        self.rows.node[:] = snapshot.rows(self.rows.node_name.tolist())
        self.__dict__.pop("shape", None)

    def publish(self, state: TrafficState) -> dict[str, bytes]:
        """Store the state of all Services; return those whose published weights, rule or reason changed.

        The value of each is different for other weights, rules and reasons.
        """
        rows, published = self.rows, np.rint(state.weights * SCALE).astype(np.int64)
        endpoints = np.flatnonzero(published != rows.published)
        pools = np.flatnonzero((state.rule != rows.rule) | (state.reason != rows.reason))
        changed = np.concatenate(
            [
                np.searchsorted(self._at[1:], endpoints, side="right"),
                np.searchsorted(self._pools_at[1:], pools, side="right"),
            ]
        )
        rows.published[:] = published
        rows.assign(state)
        keys = self.keys
        return {keys[place]: self._fingerprint(place) for place in np.unique(changed).tolist()}

    def _fingerprint(self, place: int) -> bytes:
        rows = self.rows
        pools, endpoints = slice(*self._pools_at[place : place + 2]), slice(*self._at[place : place + 2])
        return rows.rule[pools].tobytes() + rows.reason[pools].tobytes() + rows.published[endpoints].tobytes()
