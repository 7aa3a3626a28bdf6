"""Entries of the weight book as one batch of arrays: weighed together, results handed back to each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.entries import SCALE, Entry, Standing
from wao_lb.podtable import PodTable
from wao_lb.settings import LbSettings
from wao_predict.traffic.damping import damped, eased
from wao_predict.traffic.lookahead import Limits
from wao_predict.traffic.pools import Nodes, Pools, Shape
from wao_predict.traffic.segments import BoolArray, FloatArray, IntArray, Segments
from wao_predict.traffic.weights import RULES, Before, Reason, Rule, Weights, background, weigh

_LOOKAHEAD = RULES.index(Rule.LOOKAHEAD)
SLACK = 1e-3
"""How far weights may drive a node or an endpoint over its ceiling before they go on at once [part of its CPU]."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What is decided for a batch.

    Attributes
    ----------
    made
        What the rules say.
    weights
        What is published: the rules' weights, damped [%].
    planned
        CPU that the rules lay on each endpoint [cores], 0 where the rule plans none.
    load
        CPU of each pool that was planned for [cores]; where none is measured now, the last one.
    """

    made: Weights
    weights: FloatArray
    planned: FloatArray
    load: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Entries with usable endpoints, and what of them stays the same until endpoints or nodes come or go.

    Attributes
    ----------
    names
        The nodes that rows refer to.
    at, pool_at
        Where each entry's endpoints and pools begin, with the end appended.
    shape
        Pools and nodes of the endpoints.
    pod_rows
        Row of each endpoint's pod in the pod table.
    lookahead
        Which pools want that rule.
    given
        What the entries hold since the last `hand_back`, put together. Who gives one anything else makes a new batch.
    """

    entries: tuple[Entry, ...]
    names: tuple[str, ...]
    at: IntArray
    pool_at: IntArray
    shape: Shape
    pod_rows: IntArray
    cpu_per_request: FloatArray
    lookahead: BoolArray
    given: dict[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry], snapshot: ClusterSnapshot) -> Batch:
        """Lay entries beside each other; those without usable endpoints are left out."""
        kept = tuple(entry for entry in entries if entry.usable)
        index = snapshot.index
        nodes = [index.get(member.endpoint.node_name or "", -1) for entry in kept for member in entry.usable]
        pools = [len(entry.counts) for entry in kept]
        counts = np.array([count for entry in kept for count in entry.counts], dtype=np.int64)
        return cls(
            entries=kept,
            names=snapshot.names,
            at=_offsets([len(entry.usable) for entry in kept]),
            pool_at=_offsets(pools),
            shape=Shape(Segments(np.cumsum(counts) - counts, int(counts.sum())), np.array(nodes, dtype=np.int64)),
            pod_rows=np.concatenate([entry.pod_rows for entry in kept]) if kept else np.zeros(0, dtype=np.int64),
            cpu_per_request=np.repeat([entry.choice.cpu_per_request for entry in kept], pools),
            lookahead=np.repeat([entry.choice.rule is Rule.LOOKAHEAD for entry in kept], pools).astype(np.bool_),
        )

    def pools(self, table: PodTable, now: float, max_age: float, believed: float) -> Pools:
        """Return the pools with the pods' CPU of now; of a fall of load a part is believed, see `damping.eased`."""
        rows = self.pod_rows
        uses = table.uses[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            fresh = now - table.sampled_at[rows] <= max_age
            used, limit = table.cpu_cores[rows] / uses, table.cpu_limit[rows] / uses
        cpu = np.where(fresh, used, np.nan)
        expected = eased(self.gather("load"), self.shape.parts.sum(cpu), believed)
        return Pools(self.shape, cpu, limit, self.cpu_per_request, expected)

    def gather(self, name: str) -> NDArray[Any]:
        """Return one array of the entries' standings, put together."""
        if name in self.given:
            return self.given[name]
        if name == "shown":
            return np.concatenate([entry.shown for entry in self.entries])
        return np.concatenate([getattr(entry.standing, name) for entry in self.entries])

    def planned(self, nodes: int) -> FloatArray:
        """Return the CPU that the standing plan of these entries lays on each node [cores]."""
        if not self.entries:
            return np.zeros(nodes)
        return self.shape.per_node(self.gather("planned"), nodes)

    def hand_back(self, decision: Decision) -> list[Entry]:
        """Give each entry its part of the results; return those whose published weights or reasons are others."""
        if not self.entries:
            return []
        made, weights, planned, load = decision.made, decision.weights, decision.planned, decision.load
        shown = np.rint(weights * SCALE).astype(np.int64)
        moved = np.logical_or.reduceat(shown != self.gather("shown"), self.at[:-1]) | np.logical_or.reduceat(
            (made.rule != self.gather("rule")) | (made.reason != self.gather("reason")), self.pool_at[:-1]
        )
        ends, pool_ends = self.at.tolist(), self.pool_at.tolist()
        for row, entry in enumerate(self.entries):
            here, pools = slice(ends[row], ends[row + 1]), slice(pool_ends[row], pool_ends[row + 1])
            entry.shown = shown[here]
            entry.standing = Standing(
                weights[here],
                made.increase[here],
                made.note[here],
                planned[here],
                made.rule[pools],
                made.reason[pools],
                load[pools],
            )
        self.given.update(shown=shown, weights=weights, planned=planned, rule=made.rule, reason=made.reason, load=load)
        return [self.entries[row] for row in np.flatnonzero(moved)]


def nodes_of(snapshot: ClusterSnapshot, now: float, max_age: float) -> Nodes:
    """Return the nodes of a snapshot; a CPU sample that is too old is unknown."""
    with np.errstate(invalid="ignore"):
        usage = np.where(now - snapshot.usage_at <= max_age, snapshot.usage_cores, np.nan)
    return Nodes(snapshot.curves, snapshot.capacity_cores, usage)


def decide(batch: Batch, pools: Pools, nodes: Nodes, settings: LbSettings, *, part: float, before: Before) -> Decision:
    """Weigh a batch.

    Parameters
    ----------
    part
        Part of the way towards the rules' weights that the present ones go. Pools whose weights would drive an
        endpoint over its ceiling on that way, which the rules' weights would not, go all of it.
    """
    reason = batch.gather("reason")
    made = weigh(pools, nodes, batch.lookahead, settings.limits, replace(before, even=reason == Reason.EVEN))
    last, trifle = batch.gather("weights"), settings.pace.trifle
    at_once = _relieved(pools, nodes, made, last, settings) | (reason == Reason.NOTHING_KNOWN)
    weights = damped(pools.parts, last, made.weights, part, at_once=at_once, trifle=trifle)
    over = _overdriven(pools, nodes, weights, made.weights, settings.limits)
    weights = np.where(over[pools.parts.of], made.weights, weights)
    laid = (made.rule == _LOOKAHEAD)[pools.parts.of]
    planned = np.where(laid, made.weights / 100.0 * pools.load[pools.parts.of], 0.0)
    return Decision(made, weights, planned, np.where(np.isnan(pools.load), batch.gather("load"), pools.load))


def own_background(pools: Pools, nodes: Nodes, made: Weights) -> FloatArray:
    """Return the CPU use of each node without the load that was laid out [cores]."""
    return background(pools, nodes, made.rule == _LOOKAHEAD)


def _relieved(pools: Pools, nodes: Nodes, made: Weights, last: FloatArray, settings: LbSettings) -> BoolArray:
    """Return the pools that leave an endpoint which is over a ceiling now: that must not wait."""
    limits, parts = settings.limits, pools.parts
    with np.errstate(invalid="ignore"):
        over = pools.at_node(nodes.percent(nodes.usage_cores)) > limits.node_ceiling
        over |= pools.cpu_cores > limits.pod_cores(pools)
        leaves = last - made.weights > settings.pace.trifle * (100.0 / parts.counts)[parts.of]
    relieved: BoolArray = parts.any(over & leaves) & np.isfinite(pools.load)
    return relieved


def _overdriven(pools: Pools, nodes: Nodes, weights: FloatArray, target: FloatArray, limits: Limits) -> BoolArray:
    """Return the pools that must take their target's weights, so that none of these drives an endpoint over a ceiling.

    Those that drive a node, or an endpoint, over its ceiling further than the targets do, and then those that do so
    beside the targets of the former.
    """
    of, node, count = pools.parts.of, pools.node, len(nodes)
    known = np.isfinite(pools.load)[of] & (node >= 0)
    load = np.where(known, pools.load[of], 0.0) / 100.0
    driven, aim = weights * load, target * load
    others = nodes.usage_cores - pools.shape.per_node(np.where(known, pools.cpu_cores, 0.0), count)
    reached = others + pools.shape.per_node(driven, count)
    more = np.flatnonzero(known & (weights > target + 1e-9))
    chosen = np.zeros(len(pools), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        wanted = others + pools.shape.per_node(aim, count)
        most = np.maximum(limits.node_cores(nodes), wanted) + SLACK * nodes.capacity_cores
        room = np.maximum(limits.pod_cores(pools), aim) + SLACK * pools.cpu_limit
        over = (driven > room)[more] | (reached > most)[node[more]]
        while over.any():
            chosen[of[more[over]]] = True
            reached = others + pools.shape.per_node(np.where(chosen[of], aim, driven), count)
            more = more[~chosen[of[more]]]
            over = (reached > most)[node[more]]
    return chosen


def _offsets(counts: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
