"""The weights of all Services as arrays: consecutive rows for each Service, planned together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.pod_table import PodTable
from wao_lb.settings import ServiceSettings
from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.traffic.places import PoolShape
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import LOOKAHEAD, Rule
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.state import TrafficState
from wao_predict.traffic.steps import Step, advance

SCALE = 10_000
"""Published weights are multiples of 1/10,000 of a percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows(TrafficState):
    """Rows of endpoints and of their pools, of one Service or of all: their state, and what it belongs to.

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
    measured_at
        Time of the last plan with a measured pod of each pool [s since the epoch], -inf before the first.
    """

    node: IntArray
    pod: IntArray
    published: IntArray
    counts: IntArray
    cpu_per_request: FloatArray
    lookahead: BoolArray
    measured_at: FloatArray

    OF_POOLS = TrafficState.OF_POOLS | {"counts", "cpu_per_request", "lookahead", "measured_at"}

    @classmethod
    def fresh(cls, pods: Sequence[int], counts: Sequence[int], settings: ServiceSettings) -> Rows:
        """Return the rows of a Service that is not weighed yet: each endpoint's pod, and the pools' sizes."""
        endpoints, pools = len(pods), len(counts)
        state = TrafficState.empty(endpoints, pools)
        return cls(
            **{item.name: getattr(state, item.name) for item in fields(state)},
            node=np.full(endpoints, -1, dtype=np.int64),
            pod=np.array([*pods], dtype=np.int64),
            published=np.full(endpoints, -1, dtype=np.int64),
            counts=np.array([*counts], dtype=np.int64),
            cpu_per_request=np.full(pools, settings.cpu_per_request),
            lookahead=np.full(pools, settings.rule is Rule.LOOKAHEAD),
            measured_at=np.full(pools, -np.inf),
        )


class WeightTable:
    """The rows of all Services by "namespace/name", and the load that their plan assigns to each node.

    Parameters
    ----------
    pods
        CPU use and limits of the endpoints' pods.
    max_sample_age
        Seconds after which a CPU sample counts as unknown.
    """

    def __init__(self, pods: PodTable, max_sample_age: float) -> None:
        self._pods, self._max_sample_age = pods, max_sample_age
        self._rows = Rows.fresh([], [], ServiceSettings(Rule.LOOKAHEAD, 0.0))
        self._shape: PoolShape | None = None
        self._places: dict[str, int] = {}  # the place of each Service among the others, in order
        self._node_names: dict[str, Sequence[str]] = {}
        self._at = self._pools_at = np.zeros(1, np.int64)  # the first row of each Service, and the end
        self._located = 0  # the number of Services whose nodes have been looked up: the others are the last ones
        self._index: Mapping[str, int] = {}  # the row of each node by name
        self._planned: FloatArray = np.zeros(0)
        self._background: FloatArray | None = None  # before the first plan, and if there are no endpoints

    @property
    def keys(self) -> list[str]:
        """The Services in the order of their rows."""
        return [*self._places]

    def rows(self, key: str) -> Rows:
        """Return the rows of a Service, as views that are valid until the table changes."""
        place = self._places[key]
        return self._part(place, place + 1)

    def fingerprint(self, key: str) -> bytes:
        """Return bytes that change exactly when a published weight, a rule or a reason of a Service does.

        Cheaper than its rows, as a plan may change thousands of Services.
        """
        place, rows = self._places[key], self._rows
        pools, endpoints = slice(*self._pools_at[place : place + 2]), slice(*self._at[place : place + 2])
        return rows.rule[pools].tobytes() + rows.reason[pools].tobytes() + rows.published[endpoints].tobytes()

    def replace(
        self, gone: Collection[str], fresh: Mapping[str, Rows], node_names: Mapping[str, Sequence[str]]
    ) -> None:
        """Remove Services with their plans, and append the rows of new ones, with the name of each endpoint's node."""
        removed = sorted(self._places[key] for key in gone)
        if not removed and not fresh:
            return
        for place in removed:
            rows = self._part(place, place + 1)
            self._planned = self._planned - self._shape_of(rows).per_node(rows.planned, len(self._planned))
        kept = [*zip([0, *(place + 1 for place in removed)], [*removed, len(self._places)], strict=True)]
        parts = [*(self._part(first, end) for first, end in kept), *fresh.values()]
        sizes = [[len(rows.node) for rows in fresh.values()], [len(rows.counts) for rows in fresh.values()]]
        self._at, self._pools_at = (
            np.cumsum([0, *np.delete(np.diff(at), removed), *added], dtype=np.int64)
            for at, added in zip((self._at, self._pools_at), sizes, strict=True)
        )
        keys = [*(key for key in self._places if key not in gone), *fresh]
        self._places = {key: place for place, key in enumerate(keys)}
        self._located -= sum(place < self._located for place in removed)
        for key in gone:
            del self._node_names[key]
        self._node_names.update(node_names)
        self._rows, self._shape = Rows.joined(parts), None

    def plan(self, snapshot: ClusterSnapshot, step: Step) -> list[str]:
        """Make one step of the weights of all Services; return those whose published weights changed.

        A change of rule or reason counts, too.
        """
        self._follow(snapshot)
        step = replace(step, planned=self._planned)
        changed, self._background, self._planned = self._advance(0, snapshot, step)
        return changed

    def plan_fresh(self, snapshot: ClusterSnapshot, step: Step) -> list[str]:
        """Plan the Services that are new since the last plan, with the plans of the others unchanged."""
        first = self._located
        self._follow(snapshot)
        others = None if self._background is None else self._background + self._planned
        step = replace(step, planned=self._planned, background=others)
        changed, _, planned = self._advance(first, snapshot, step)
        self._planned = self._planned + planned
        return changed

    def _follow(self, snapshot: ClusterSnapshot) -> None:
        """Look up the nodes of new Services, and after a change of the nodes those of all."""
        if snapshot.index != self._index:
            before = [self._index.get(name, -1) for name in snapshot.names]
            self._planned = np.append(self._planned, 0.0)[before]
            self._index, self._background, self._located = snapshot.index, None, 0
        rows = self._part(self._located, len(self._places))
        if len(rows.node):
            keys = self.keys[self._located :]
            rows.node[:] = snapshot.rows([name for key in keys for name in self._node_names[key]])
            self._shape = None
        self._located = len(self._places)

    def _advance(
        self, first: int, snapshot: ClusterSnapshot, step: Step
    ) -> tuple[list[str], FloatArray | None, FloatArray]:
        """Plan the Services from a place on.

        Returns those that changed, and of each node the CPU use without the load assigned, and that load [cores].
        """
        rows, now = self._part(first, len(self._places)), snapshot.taken_at
        if not len(rows.node):
            return [], None, np.zeros(len(snapshot))
        cpu, limit = self._pods.measured(rows.pod, now - self._max_sample_age)
        shape = self._shape_of(rows)
        rows.measured_at[shape.parts.any(np.isfinite(cpu))] = now
        rows.load[now - rows.measured_at > self._max_sample_age] = np.nan
        nodes = Nodes(snapshot.curves, snapshot.capacity_cores, self._usage(snapshot))
        state = advance(Pools(shape, nodes, cpu, limit, rows.cpu_per_request, rows.lookahead), rows, step)
        changed = self._publish(first, rows, state)
        moved = np.where((state.rule == LOOKAHEAD)[shape.parts.of], np.nan_to_num(state.cpu_cores), 0.0)
        background = np.maximum(nodes.usage_cores - shape.per_node(moved, len(nodes)), 0.0)
        return changed, background, shape.per_node(state.planned, len(nodes))

    def _usage(self, snapshot: ClusterSnapshot) -> FloatArray:
        """Return the CPU use of each node [cores]; a sample that is too old is unknown."""
        with np.errstate(invalid="ignore"):
            fresh = snapshot.taken_at - snapshot.usage_at <= self._max_sample_age
        return np.where(fresh, snapshot.usage_cores, np.nan)

    def _part(self, first: int, end: int) -> Rows:
        """Return the rows of the Services from one place to before another, as views."""
        return self._rows.part(slice(self._at[first], self._at[end]), slice(self._pools_at[first], self._pools_at[end]))

    def _shape_of(self, rows: Rows) -> PoolShape:
        """Return the pools of these rows; those of all rows are kept until Services or nodes change."""
        if len(rows.node) < len(self._rows.node):
            return PoolShape(Segments.of_counts(rows.counts), rows.node)
        if self._shape is None:
            self._shape = PoolShape(Segments.of_counts(rows.counts), rows.node)
        return self._shape

    def _publish(self, first: int, rows: Rows, state: TrafficState) -> list[str]:
        """Store the state of the Services from a place on; return those whose published weights changed."""
        published = np.rint(state.weights * SCALE).astype(np.int64)
        weights = np.flatnonzero(published != rows.published) + self._at[first]
        codes = np.flatnonzero((state.rule != rows.rule) | (state.reason != rows.reason)) + self._pools_at[first]
        changed = np.zeros(len(self._places), dtype=np.bool_)
        changed[np.searchsorted(self._at[1:], weights, side="right")] = True
        changed[np.searchsorted(self._pools_at[1:], codes, side="right")] = True
        rows.published[:] = published
        rows.assign(state)
        return [key for key, moved in zip(self._places, changed.tolist(), strict=True) if moved]
