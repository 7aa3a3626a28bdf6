"""The weights of all Services, planned together on the measurements of nodes and pods."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.pod_table import PodTable
from wao_lb.rows import Block, Rows
from wao_lb.settings import LbSettings
from wao_predict.arrays import FloatArray
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import LOOKAHEAD
from wao_predict.traffic.steps import Step, advance


class WeightTable:
    """The rows of all Services by "namespace/name", and the load that their plan assigns to each node.

    New Services are in a `Block` of their own until the next plan of all Services, so that adding one costs the same in
    a table of thousands.

    Parameters
    ----------
    pods
        CPU use and limits of the endpoints' pods.
    settings
        Limits, pace, and the age after which a CPU sample counts as unknown.
    """

    def __init__(self, pods: PodTable, settings: LbSettings) -> None:
        self._pods, self._settings = pods, settings
        self._blocks: dict[str, Block] = {}  # which has the rows of each Service
        self._whole: Block | None = None  # the block of all Services, until one is replaced
        self._fresh: list[Block] = []  # blocks of Services that are not planned yet
        self._index: Mapping[str, int] = {}  # the row of each node by name
        self._planned: FloatArray = np.zeros(0)
        self._background: FloatArray | None = None  # before the first plan, and if there are no endpoints
        self._stepped_at = self._planned_at = -np.inf  # times of snapshots

    @property
    def keys(self) -> Collection[str]:
        """The Services of the table."""
        return self._blocks.keys()

    def rows(self, key: str) -> Rows:
        """Return the rows of a Service, as views that are valid until the table changes."""
        return self._blocks[key].part(key)

    def replace(self, gone: Collection[str], fresh: Mapping[str, Rows]) -> None:
        """Remove Services with their plans, and add the rows of new ones."""
        for key in gone:
            rows = self._blocks.pop(key).part(key)
            there = rows.node >= 0
            np.subtract.at(self._planned, rows.node[there], rows.planned[there])
        if fresh:
            block = Block.of_services(fresh)
            self._blocks.update(dict.fromkeys(fresh, block))
            self._fresh.append(block)
        if gone or fresh:
            self._whole = None

    def plan(self, snapshot: ClusterSnapshot) -> dict[str, bytes]:
        """Make one step of the weights of all Services.

        Returns
        -------
        dict of str to bytes
            The Services whose published weights, rule or reason changed, each with a value that differs for others.
        """
        now, pace = snapshot.taken_at, self._settings.pace
        block = self._all(snapshot)
        step = Step(
            fraction=pace.fraction(now - self._stepped_at),
            fall_fraction=pace.fall_fraction(now - self._planned_at),
            limits=self._settings.limits,
            trifle=pace.trifle,
            planned=self._planned,
        )
        self._planned_at = now
        if step.fraction > 0.0:
            self._stepped_at = now
        changed, self._background, self._planned = self._advance(block, snapshot, step)
        return changed

    def plan_fresh(self, snapshot: ClusterSnapshot) -> dict[str, bytes]:
        """Plan the Services that are new since the last plan, with the plans of the others unchanged; see `plan`.

        Parameters
        ----------
        snapshot
            One with the nodes of the last plan.
        """
        step = Step(
            fraction=0.0,
            fall_fraction=0.0,
            limits=self._settings.limits,
            trifle=self._settings.pace.trifle,
            planned=self._planned,
            background=None if self._background is None else self._background + self._planned,
        )
        changed, _, planned = self._advance(self._located(snapshot), snapshot, step)
        self._planned = self._planned + planned
        return changed

    def _all(self, snapshot: ClusterSnapshot) -> Block | None:
        """Return the block of all Services, with the nodes of a snapshot; None without Services."""
        self._located(snapshot)
        if self._whole is None:
            self._whole = self._join([*dict.fromkeys(self._blocks.values())])
        if snapshot.index != self._index:
            before = [self._index.get(name, -1) for name in snapshot.names]
            self._planned = np.append(self._planned, 0.0)[before]
            self._index = snapshot.index
            if self._whole is not None:
                self._whole.locate(snapshot)
        return self._whole

    def _located(self, snapshot: ClusterSnapshot) -> Block | None:
        """Return the block of the Services that are not planned yet, with the nodes of a snapshot; None without any."""
        block, self._fresh = self._join(self._fresh), []
        if block is not None:
            block.locate(snapshot)
        return block

    def _join(self, blocks: Sequence[Block]) -> Block | None:
        """Move the Services of some blocks to one block, and return it; Services that were replaced are left out."""
        present = [np.array([self._blocks.get(key) is block for key in block.keys]) for block in blocks]
        kept = [block.only(chosen) for block, chosen in zip(blocks, present, strict=True) if chosen.any()]
        if not kept:
            return None
        joined = Block.joined(kept)
        self._blocks.update(dict.fromkeys(joined.keys, joined))
        return joined

    def _advance(
        self, block: Block | None, snapshot: ClusterSnapshot, step: Step
    ) -> tuple[dict[str, bytes], FloatArray | None, FloatArray]:
        """Plan the Services of a block.

        Returns those that changed, and of each node the CPU use without the load assigned, and that load [cores].
        """
        if block is None or not len(block.rows):
            return {}, None, np.zeros(len(snapshot))
        pools = self._pools(block, snapshot)
        state = advance(pools, block.rows, step)
        changed = block.publish(state)
        moved = np.where((state.rule == LOOKAHEAD)[pools.parts.of], np.nan_to_num(state.cpu_cores), 0.0)
        background = np.maximum(pools.nodes.usage_cores - pools.per_node(moved), 0.0)
        return changed, background, pools.per_node(state.planned)

    def _pools(self, block: Block, snapshot: ClusterSnapshot) -> Pools:
        """Return the pools of a block with present measurements. A sample, or a load, that is too old is unknown."""
        rows, now, max_age = block.rows, snapshot.taken_at, self._settings.max_sample_age
        cpu, limit = self._pods.measured(rows.pod, now - max_age)
        rows.measured_at[block.shape.parts.any(np.isfinite(cpu))] = now
        rows.load[now - rows.measured_at > max_age] = np.nan
        with np.errstate(invalid="ignore"):
            usage = np.where(now - snapshot.usage_at <= max_age, snapshot.usage_cores, np.nan)
        nodes = Nodes(snapshot.curves, snapshot.capacity_cores, usage)
        return Pools(block.shape, nodes, cpu, limit, rows.cpu_per_request, rows.lookahead)
