"""The weights of all Services as arrays: one block of consecutive rows for each Service, planned together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_lb.pod_table import PodTable
from wao_predict.traffic.lookahead import background_cores
from wao_predict.traffic.pools import Nodes, Pools, PoolShape, per_node
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
    number
        Place among the blocks of the table; -1 before it is added.
    """

    __slots__ = ("_table", "key", "number")

    def __init__(self, table: WeightTable, key: str) -> None:
        self._table, self.key, self.number = table, key, -1

    @property
    def rows(self) -> Rows:
        """The rows of the Service, as views that are valid until the table changes."""
        return self._table.rows_of(self.number, self.number + 1)

    def fingerprint(self) -> bytes:
        """Return bytes that change exactly when a published weight, a rule or a reason does."""
        return self._table.fingerprint(self.number)


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
        nothing, state = np.zeros(0, np.int64), TrafficState.empty(0, 0)
        self._rows = Rows(nothing, nothing, nothing, nothing, np.zeros(0), np.zeros(0, np.bool_), state)
        self._shape: PoolShape | None = None
        self._blocks: list[Block] = []
        self._at = self._pools_at = np.zeros(1, np.int64)  # the first row of each block, and the end

    def block(self, key: str) -> Block:
        """Return a block for the Service "namespace/name", without rows until `replace` adds it."""
        return Block(self, key)

    def rows_of(self, first: int, end: int) -> Rows:
        """Return the rows of the blocks with numbers from `first` to before `end`, as views."""
        endpoints, pools = self._at[first], self._pools_at[first]
        return self._rows.part(slice(endpoints, self._at[end]), slice(pools, self._pools_at[end]))

    def fingerprint(self, number: int) -> bytes:
        """Return the fingerprint of one block; cheaper than its rows, as a plan may change thousands of blocks."""
        pools, state = slice(self._pools_at[number], self._pools_at[number + 1]), self._rows.state
        published = self._rows.published[self._at[number] : self._at[number + 1]]
        return state.rule[pools].tobytes() + state.reason[pools].tobytes() + published.tobytes()

    def replace(self, gone: Iterable[Block], fresh: Mapping[Block, Rows]) -> None:
        """Remove blocks, and append new ones with their rows."""
        removed = sorted(block.number for block in gone)
        if not removed and not fresh:
            return
        kept = [*zip([0, *(number + 1 for number in removed)], [*removed, len(self._blocks)], strict=True)]
        parts = [*(self.rows_of(first, end) for first, end in kept), *fresh.values()]
        sizes = [[len(rows.node) for rows in fresh.values()], [len(rows.counts) for rows in fresh.values()]]
        self._at, self._pools_at = (
            np.cumsum([0, *np.delete(np.diff(at), removed), *added], dtype=np.int64)
            for at, added in zip((self._at, self._pools_at), sizes, strict=True)
        )
        self._blocks = [*(block for first, end in kept for block in self._blocks[first:end]), *fresh]
        for number, block in enumerate(self._blocks):
            block.number = number
        self._rows, self._shape = Rows.joined(parts), None

    def locate(self, nodes: Iterable[int]) -> None:
        """Replace the node of every endpoint, block by block, after the nodes of the snapshot changed."""
        self._rows.node[:] = np.fromiter(nodes, np.int64, count=len(self._rows.node))
        self._shape = None

    @property
    def keys(self) -> list[str]:
        """The Services in the order of their blocks."""
        return [block.key for block in self._blocks]

    def planned_cores(self, block: Block, nodes: int) -> FloatArray:
        """Return the load that the present plan of one Service assigns to each node [cores]."""
        rows = block.rows
        known = rows.node >= 0
        return per_node(rows.node[known], rows.state.planned[known], nodes)

    def plan(self, nodes: Nodes, now: float, step: Step, *, last: int | None = None) -> Planned | None:
        """Make one step of the weights of all Services, or of the last ones only; None if these have no endpoints.

        Parameters
        ----------
        now
            Time of the plan [s since the epoch].
        last
            Number of Services to plan, from the end: those that `replace` appended.
        """
        first = 0 if last is None else len(self._blocks) - last
        rows = self.rows_of(first, len(self._blocks))
        if not len(rows.node):
            return None
        cpu, limit = self._pods.measured(rows.pod, now - self._max_sample_age)
        pools = Pools(self._shape_of(rows), cpu, limit, rows.cpu_per_request)
        state = advance(pools, nodes, rows.lookahead, rows.state, step)
        changed = self._publish(first, rows, state)
        return Planned(
            changed=changed,
            cores=pools.shape.per_node(state.planned, len(nodes)),
            background=background_cores(pools, nodes, state.rule == LOOKAHEAD),
        )

    def _shape_of(self, rows: Rows) -> PoolShape:
        """Return the pools of these rows; those of all rows are kept until Services or nodes change."""
        if len(rows.node) < len(self._rows.node):
            return PoolShape(Segments.of_counts(rows.counts), rows.node)
        if self._shape is None:
            self._shape = PoolShape(Segments.of_counts(rows.counts), rows.node)
        return self._shape

    def _publish(self, first: int, rows: Rows, state: TrafficState) -> list[str]:
        """Store the state of the blocks from `first` on; return the Services whose published weights changed.

        A change of rule or reason counts, too.
        """
        published = np.rint(state.weights * SCALE).astype(np.int64)
        weights = np.flatnonzero(published != rows.published) + self._at[first]
        codes = np.flatnonzero((state.rule != rows.state.rule) | (state.reason != rows.state.reason))
        changed = np.zeros(len(self._blocks), dtype=np.bool_)
        changed[np.searchsorted(self._at[1:], weights, side="right")] = True
        changed[np.searchsorted(self._pools_at[1:], codes + self._pools_at[first], side="right")] = True
        rows.published[:] = published
        rows.state.assign(state)
        return [self._blocks[number].key for number in np.flatnonzero(changed).tolist()]
