"""Close the gaps in the measurements of endpoints, so that one odd endpoint does not decide for its whole pool. Pure.

Almost every Service has an odd endpoint at some time: each scale-up starts pods that are not measured yet, a node has
no NodeConfig, a pod has no CPU limit, or it is in an endless loop. What is missing is estimated from the other
endpoints of the pool:

* The CPU of a pod that is not measured follows from its share of the pool's traffic.
* The CPU of a pod at its limit says nothing about its traffic: it is estimated in the same way, and the pod gets no
  more traffic. If such pods carry most of the pool's traffic, the whole demand is unknown and the pool is saturated.
* A pod without limit and request has the mean limit of the others.
* A node without power curve or CPU sample has the mean of the other nodes, and gets at most an equal share for each
  endpoint, as more could be too much.
* An endpoint that is not in the cluster keeps an equal share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.curves import PowerCurves
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import CodeArray, Note, Reason
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.state import PreviousPlan

SATURATED = 0.95
"""Load of an endpoint's pod or node from which its demand may exceed its measured load [part of its CPU]."""
CONSIDERABLE = 0.05
"""Part of a full node's CPU that an endpoint must use for the node to say anything about the endpoint's load."""
LEAST_MEASURED = 0.1
"""Part of a pool's traffic that must be measured for the rest to be estimated from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Pools with what could be estimated, and what could not.

    Attributes
    ----------
    pools
        CPU, limits and load are NaN only where nothing is known to estimate them from.
    neutral
        Endpoints that keep an equal share as nothing is known of their node.
    guessed
        Endpoints that get at most an equal share as their node's power curve or load is an estimate, or as they are not
        measured and have had no more than that: what they take could not be seen.
    at_limit
        Endpoints at their CPU limit in pools that are not saturated: they get no more traffic.
    saturated
        Pools whose demand is unknown, as the endpoints at their limit carry most of their traffic, shape (n_pools,).
    reason
        `Reason` why the rule `lookahead` cannot be used for a pool, `Reason.NONE` if it can, shape (n_pools,).
    note
        `Note` of each endpoint.
    """

    pools: Pools
    neutral: BoolArray
    guessed: BoolArray
    at_limit: BoolArray
    saturated: BoolArray
    reason: CodeArray
    note: CodeArray

    def take(self, chosen: BoolArray) -> Estimates:
        """Return some of the pools."""
        if chosen.all():
            return self
        pools, mask = self.pools.take(chosen)
        return Estimates(
            pools=pools,
            neutral=self.neutral[mask],
            guessed=self.guessed[mask],
            at_limit=self.at_limit[mask],
            saturated=self.saturated[chosen],
            reason=self.reason[chosen],
            note=self.note[mask],
        )


def estimated(pools: Pools, previous: PreviousPlan) -> Estimates:
    """Return the pools with estimates of what is not measured.

    Parameters
    ----------
    previous
        Weights, by which the endpoints share the present traffic, and the load that was planned for.
    """
    parts, stated = pools.parts, pools.cpu_limit > 0.0
    limit = np.where(stated, pools.cpu_limit, parts.mean(np.where(stated, pools.cpu_limit, np.nan))[parts.of])
    traffic = _traffic(pools, limit, previous)
    load = _load(parts, traffic, previous)
    made = replace(pools, nodes=_completed(pools.nodes), cpu_cores=traffic.cpu, cpu_limit=limit, expected=load)
    usable = _usable(pools)
    unknown = ~usable & ~traffic.at_limit
    neutral = unknown & ~_usable(made) if unknown.any() else unknown
    little = traffic.shares <= (1.01 / parts.counts)[parts.of]  # 1 % for rounding
    new = little & ~traffic.counted & parts.any(traffic.counted)[parts.of]
    note = np.where(stated, Note.NONE, Note.ASSUMED_LIMIT)
    note = np.where(unknown, Note.NEUTRAL, np.where(traffic.counted, note, Note.ESTIMATED))
    return Estimates(
        pools=made,
        neutral=neutral,
        guessed=(unknown | new) & ~neutral & ~traffic.at_limit,
        at_limit=traffic.at_limit,
        saturated=traffic.saturated,
        reason=_reason(made, parts.any(~neutral & ~traffic.at_limit)),
        note=np.where(traffic.at_limit, Note.AT_LIMIT, note).astype(np.int8),
    )


class _Traffic(NamedTuple):
    """CPU that the traffic of each endpoint takes [cores], and where it is measured; see `Estimates` for the rest."""

    cpu: FloatArray
    counted: BoolArray
    at_limit: BoolArray
    saturated: BoolArray
    shares: FloatArray


def _traffic(pools: Pools, limit: FloatArray, previous: PreviousPlan) -> _Traffic:
    parts, of, full = pools.parts, pools.parts.of, _full(pools)
    measured = np.isfinite(pools.cpu_cores) & ~full
    if measured.all():
        nothing = np.zeros(len(pools), dtype=np.bool_)
        return _Traffic(pools.cpu_cores, measured, full, nothing, np.zeros(len(measured)))
    shares, weighed = _traffic_shares(parts, previous.weights)
    seen, busy = parts.sum(np.where(measured, shares, 0.0)), parts.sum(np.where(full, shares, 0.0))
    saturated = parts.any(full) & (busy >= seen)
    with np.errstate(invalid="ignore", divide="ignore"):
        demand = parts.sum(np.where(measured, pools.cpu_cores, 0.0)) / seen
    last = np.full(len(pools), np.nan) if previous.load is None else previous.load
    demand = np.where(saturated, 0.0, np.where(seen >= LEAST_MEASURED, demand, last))
    own = shares * demand[of]
    counted = np.isfinite(pools.cpu_cores) & (measured | saturated[of] | ~weighed[of])
    cpu = np.where(counted, pools.cpu_cores, np.where(own > limit, limit, own))
    return _Traffic(cpu, counted, full & ~saturated[of], saturated, shares)


def _completed(nodes: Nodes) -> Nodes:
    """Return the nodes with the mean curve and the mean load of the known ones where they are unknown."""
    load, curves = nodes.load, nodes.curves
    measured, known = np.isfinite(load), curves.known
    if measured.any() and not measured.all():
        usage = np.where(measured, nodes.usage_cores, nodes.capacity_cores * load[measured].mean() / 100.0)
        nodes = replace(nodes, usage_cores=usage)
    if known.any() and not known.all():
        watts = np.where(known[:, None], curves.watts, curves.watts[known].mean(axis=0))
        nodes = replace(nodes, curves=PowerCurves(curves.knots, watts))
    return nodes


def _full(pools: Pools) -> BoolArray:
    """Return the endpoints at the limit of their CPU, or on a node that is."""
    with np.errstate(invalid="ignore"):
        pod = pools.cpu_cores >= SATURATED * pools.cpu_limit
        part = pools.cpu_cores >= CONSIDERABLE * pools.node_capacity
        node = pools.node_load >= 100.0 * SATURATED
    full: BoolArray = (pod & (pools.cpu_limit > 0.0)) | (node & part)
    return full


def _traffic_shares(parts: Segments, weights: FloatArray | None) -> tuple[FloatArray, BoolArray]:
    """Return each endpoint's share of its pool's present traffic, and the pools whose weights are known.

    A new endpoint has no traffic yet. Without weights the shares are equal.
    """
    equal = (1.0 / parts.counts)[parts.of]
    if weights is None:
        return equal, np.zeros(len(parts), dtype=np.bool_)
    present = np.nan_to_num(weights)
    total = parts.sum(present)
    known = total > 0.0
    return np.where(known[parts.of], present / np.where(known, total, 1.0)[parts.of], equal), known


def _load(parts: Segments, traffic: _Traffic, previous: PreviousPlan) -> FloatArray:
    """Return the load of each pool to plan for [cores]: a rise takes effect immediately where it is measured.

    A fall, and a change that is partly an estimate, take effect gradually. A sample of a new pod is missing for a
    while, and those of the others lag behind the traffic that it takes over.
    """
    demand, last = parts.sum(traffic.cpu), previous.load
    if last is None:
        return demand
    certain = parts.sum(np.where(traffic.counted, traffic.cpu, 0.0))
    with np.errstate(invalid="ignore"):
        gradual = ((demand < last) | parts.any(~traffic.counted)) & np.isfinite(last)
        load: FloatArray = np.where(gradual, last + previous.fall_fraction * (demand - last), demand)
        return np.maximum(load, certain)


def _usable(pools: Pools) -> BoolArray:
    """Return the endpoints whose node has a power curve and a CPU sample."""
    return pools.has_curve & np.isfinite(pools.node_load)


def _reason(pools: Pools, some: BoolArray) -> CodeArray:
    """Return the `Reason` why the rule `lookahead` cannot be used, for pools that have some usable endpoint or not."""
    parts, found = pools.parts, np.zeros(len(pools), np.int8)
    checks = [
        (Reason.NO_LIMIT, parts.any(np.isnan(pools.cpu_limit))),
        (Reason.NO_LOAD, pools.load <= 1e-6),
        (Reason.POD_NOT_MEASURED, np.isnan(pools.load)),
    ]
    if not some.all():
        checks.append((Reason.NO_CURVE, ~some & parts.any(~pools.has_curve & (pools.node >= 0))))
        checks.append((Reason.NODE_NOT_MEASURED, ~some & parts.any(~np.isfinite(pools.node_load))))
        checks.append((Reason.NODE_UNKNOWN, ~some & parts.any(pools.node < 0)))
    for reason, where in checks:  # later checks are more specific
        found[where] = reason
    return found
