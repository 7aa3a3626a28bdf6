"""The weights of all Services as arrays: one block of consecutive rows for each Service, planned together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_lb.pod_table import PodTable
from wao_predict.traffic.lookahead import background_cores
from wao_predict.traffic.pools import Nodes, Pools, PoolShape
from wao_predict.traffic.reasons import LOOKAHEAD
from wao_predict.traffic.segments import BoolArray, FloatArray, IntArray, Segments
from wao_predict.traffic.steps import Step, TrafficState, advance

SCALE = 10_000
"""Published weights are multiples of 1/10,000 of a percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of endpoints and of their pools, of one Service or of all.

    Attributes
    ----------
    node
        Row of each endpoint's node in the snapshot, -1 unknown.
    pod
        Row of each endpoint's pod in the `PodTable`.
    published
        Published weight of each endpoint, in steps of 1 / SCALE percent; -1 before the first.
    counts, cpu_per_request, lookahead
        Number of endpoints of each pool, CPU that one request takes [cores], and whether it wants the rule lookahead.
    state
        Weights and plan.
    """

    node: IntArray
    pod: IntArray
    published: IntArray
    counts: IntArray
    cpu_per_request: FloatArray
    lookahead: BoolArray
    state: TrafficState

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return several rows as one."""
        return cls(
            node=np.concatenate([part.node for part in parts]),
            pod=np.concatenate([part.pod for part in parts]),
            published=np.concatenate([part.published for part in parts]),
            counts=np.concatenate([part.counts for part in parts]),
            cpu_per_request=np.concatenate([part.cpu_per_request for part in parts]),
            lookahead=np.concatenate([part.lookahead for part in parts]),
            state=TrafficState.joined([part.state for part in parts]),
        )

    def part(self, endpoints: slice, pools: slice) -> Rows:
        """Return consecutive rows, as views."""
        return Rows(
            node=self.node[endpoints],
            pod=self.pod[endpoints],
            published=self.published[endpoints],
            counts=self.counts[pools],
            cpu_per_request=self.cpu_per_request[pools],
            lookahead=self.lookahead[pools],
            state=self.state.part(endpoints, pools),
        )


class Block:
    """The rows of one Service; the table moves them when other Services change.

    Attributes
    ----------
    key
        The Service as "namespace/name".
    endpoints, pools
        Its rows of endpoints and of pools.
    """

    __slots__ = ("_table", "endpoints", "key", "pools")

    def __init__(self, table: WeightTable, key: str) -> None:
        self._table, self.key = table, key
        self.endpoints = self.pools = slice(0, 0)

    @property
    def state(self) -> TrafficState:
        """Weights and plan of the Service, as views that are valid until the next plan."""
        return self._table.rows.state.part(self.endpoints, self.pools)

    @property
    def published(self) -> IntArray:
        """The published weights, in steps of 1 / SCALE percent."""
        return self._table.rows.published[self.endpoints]


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The result of a plan.

    Attributes
    ----------
    changed
        The Services whose published weights, rules or reasons changed.
    cores
        Load that the plan assigns to each node [cores].
    background
        CPU use of each node without the load that was assigned [cores].
    """

    changed: list[str]
    cores: FloatArray
    background: FloatArray


class WeightTable:
    """The rows of all Services.

    Parameters
    ----------
    pods
        CPU use and limits of the endpoints' pods.
    max_sample_age
        Seconds after which a CPU sample counts as unknown.
    """

    def __init__(self, pods: PodTable, max_sample_age: float) -> None:
        self._pods, self._max_sample_age = pods, max_sample_age
        self._blocks: list[Block] = []
        self._shape: PoolShape | None = None
        nothing = np.zeros(0, np.int64)
        self.rows = Rows(
            nothing, nothing, nothing, nothing, np.zeros(0), np.zeros(0, np.bool_), TrafficState.empty(0, 0)
        )

    def block(self, key: str) -> Block:
        """Return a block for the Service "namespace/name", without rows until `replace` adds it."""
        return Block(self, key)

    def replace(self, gone: Iterable[Block], fresh: Mapping[Block, Rows]) -> None:
        """Remove blocks, and append new ones with their rows."""
        removed = {id(block) for block in gone}
        kept = [block for block in self._blocks if id(block) not in removed]
        parts = [self.rows.part(*span) for span in _spans(kept)]
        self.rows = Rows.joined([*parts, *fresh.values()]) if parts or fresh else self.rows.part(slice(0), slice(0))
        sizes = [(_length(block.endpoints), _length(block.pools)) for block in kept]
        sizes += [(len(rows.node), len(rows.counts)) for rows in fresh.values()]
        self._blocks = [*kept, *fresh]
        self._place(sizes)
        self._shape = None

    def locate(self, nodes: Iterable[int]) -> None:
        """Set the node of every endpoint anew, block by block: the nodes of the snapshot changed."""
        self.rows.node[:] = np.fromiter(nodes, np.int64, count=len(self.rows.node))
        self._shape = None

    @property
    def keys(self) -> list[str]:
        """The Services in the order of their blocks."""
        return [block.key for block in self._blocks]

    def planned_cores(self, block: Block, nodes: int) -> FloatArray:
        """Return the load that the present plan of one Service assigns to each node [cores]."""
        node, planned = self.rows.node[block.endpoints], self.rows.state.planned[block.endpoints]
        return np.bincount(node[node >= 0], planned[node >= 0], minlength=nodes).astype(np.float64)

    def plan(self, nodes: Nodes, now: float, step: Step, *, last: int | None = None) -> Planned | None:
        """Make one step of the weights of all Services, or of the last ones only; None if these have no endpoints.

        Parameters
        ----------
        now
            Time of the plan [s since the epoch].
        last
            Number of Services to plan, from the end: those that `replace` appended.
        """
        blocks = self._blocks if last is None else self._blocks[len(self._blocks) - last :]
        if not blocks or blocks[0].endpoints.start == len(self.rows.node):
            return None
        endpoints, pool_rows = slice(blocks[0].endpoints.start, None), slice(blocks[0].pools.start, None)
        rows = self.rows.part(endpoints, pool_rows)
        cpu, limit = self._pods.measured(rows.pod, now - self._max_sample_age)
        pools = Pools(self._shape_of(rows), cpu, limit, rows.cpu_per_request)
        state = advance(pools, nodes, rows.lookahead, rows.state, step)
        changed = self._publish(blocks, rows, state)
        return Planned(
            changed=changed,
            cores=pools.shape.per_node(state.planned, len(nodes)),
            background=background_cores(pools, nodes, state.rule == LOOKAHEAD),
        )

    def _shape_of(self, rows: Rows) -> PoolShape:
        """Return the pools of these rows; those of all rows are kept until Services or nodes change."""
        if len(rows.node) < len(self.rows.node):
            return PoolShape(Segments.of_counts(rows.counts), rows.node)
        if self._shape is None:
            self._shape = PoolShape(Segments.of_counts(rows.counts), rows.node)
        return self._shape

    def _publish(self, blocks: Sequence[Block], rows: Rows, state: TrafficState) -> list[str]:
        """Store a state; return the Services whose published weights, rules or reasons changed."""
        published = np.rint(state.weights * SCALE).astype(np.int64)
        weights = np.flatnonzero(published != rows.published)
        codes = np.flatnonzero((state.rule != rows.state.rule) | (state.reason != rows.state.reason))
        changed = np.zeros(len(blocks), dtype=np.bool_)
        first = blocks[0]
        ends = np.array([block.endpoints.stop for block in blocks]) - first.endpoints.start
        pool_ends = np.array([block.pools.stop for block in blocks]) - first.pools.start
        changed[np.searchsorted(ends, weights, side="right")] = True
        changed[np.searchsorted(pool_ends, codes, side="right")] = True
        rows.published[:] = published
        rows.state.assign(state)
        return [blocks[row].key for row in np.flatnonzero(changed).tolist()]

    def _place(self, sizes: Iterable[tuple[int, int]]) -> None:
        endpoint = pool = 0
        for block, (endpoints, pools) in zip(self._blocks, sizes, strict=True):
            block.endpoints, block.pools = slice(endpoint, endpoint + endpoints), slice(pool, pool + pools)
            endpoint, pool = endpoint + endpoints, pool + pools


def _length(rows: slice) -> int:
    return int(rows.stop) - int(rows.start)


def _spans(blocks: Iterable[Block]) -> list[tuple[slice, slice]]:
    """Return the rows of blocks in ascending order, consecutive blocks as one span."""
    spans: list[tuple[slice, slice]] = []
    for block in blocks:
        if spans and (spans[-1][0].stop, spans[-1][1].stop) == (block.endpoints.start, block.pools.start):
            endpoints, pools = spans.pop()
            spans.append((slice(endpoints.start, block.endpoints.stop), slice(pools.start, block.pools.stop)))
        else:
            spans.append((block.endpoints, block.pools))
    return spans
