"""Pools and nodes for tests and benchmarks, made by hand or from the published power tables."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from tests.fakes.fleets import curves_of
from wao_predict import PowerCurves
from wao_predict.curves import DEFAULT_KNOTS, monotone
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.places import PoolShape, per_node
from wao_predict.traffic.pools import Nodes, Pools, split_watts
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.weights import Weights, weigh

CAPACITY = 32.0
TABLES = Path(__file__).parents[3] / "examples" / "data" / "power"
CONDITIONS = {"edge": (25, 3), "cloud": (21, 12)}
"""Inlet temperature [degC] and pressure [Pa], near the mean of what each kind of server was measured at."""

FLEETS = {
    "5 edge_lenovo + 5 edge_supermicro": ["edge_lenovo"] * 5 + ["edge_supermicro"] * 5,
    "10 edge_lenovo": ["edge_lenovo"] * 10,
    "5 cloud_dell + 5 cloud_lenovo": ["cloud_dell"] * 5 + ["cloud_lenovo"] * 5,
}
EDGE, LENOVO, CLOUD = FLEETS
PUBLISHED = (
    (EDGE, 10, 5, 0.89, 0.23, 0.21),
    (EDGE, 10, 15, 0.65, 0.20, 0.20),
    (EDGE, 10, 30, 0.80, 0.29, 0.29),
    (EDGE, 10, 50, 0.88, 0.65, 0.64),
    (EDGE, 30, 5, 0.32, 0.05, 0.05),
    (EDGE, 30, 15, 0.63, 0.15, 0.14),
    (EDGE, 30, 30, 0.79, 0.41, 0.41),
    (LENOVO, 10, 5, 0.85, 0.25, 0.25),
    (LENOVO, 10, 15, 0.56, 0.31, 0.27),
    (LENOVO, 10, 30, 0.98, 0.44, 0.44),
    (LENOVO, 10, 50, 1.00, 0.74, 0.74),
    (CLOUD, 10, 5, 0.61, 0.22, 0.21),
    (CLOUD, 10, 15, 0.47, 0.21, 0.21),
    (CLOUD, 10, 30, 0.55, 0.22, 0.22),
    (CLOUD, 10, 50, 0.83, 0.59, 0.60),
    (CLOUD, 30, 5, 0.41, 0.18, 0.16),
    (CLOUD, 30, 15, 0.57, 0.21, 0.20),
    (CLOUD, 30, 30, 0.79, 0.41, 0.41),
)
"""Increase in watts that a Service's load causes, relative to equal weights, as found when the rule was designed:
fleet, mean background and load [%], the reference's rule, filling, the exact optimum."""


@cache
def table_curve(name: str) -> np.ndarray:
    """Return the watts of a published table at its kind's conditions, made monotone; its 0.1 % means 0."""
    temperature, pressure = CONDITIONS[name.partition("_")[0]]
    table = np.loadtxt(TABLES / f"{name}.csv", delimiter=",", skiprows=1)
    return monotone(table[(table[:, 1] == temperature) & (table[:, 2] == pressure), 3])


def curves_of_tables(*names: str) -> PowerCurves:
    return PowerCurves(DEFAULT_KNOTS, np.array([table_curve(name) for name in names]))


def one_pool(
    curves: PowerCurves,
    usage: np.ndarray,
    *,
    pods: np.ndarray | None = None,
    limit: float = 30.0,
    node: np.ndarray | None = None,
    per_request: float = 0.1,
) -> Pools:
    """Return one Service, with an endpoint on each node by default. All CPU in cores."""
    rows = np.arange(len(curves)) if node is None else node
    used = np.full(len(rows), np.nan) if pods is None else pods
    shape = PoolShape(Segments(np.zeros(1, dtype=np.int64), len(rows)), rows)
    nodes = Nodes(curves, np.full(len(curves), CAPACITY), usage)
    return Pools(shape, nodes, used, np.full(len(rows), limit), np.array([per_request]), np.array([True]))


def many_pools(
    services: int, endpoints: int, *, nodes: int, load: float = 0.3, seed: int = 0, curves: PowerCurves | None = None
) -> Pools:
    """Return Services whose endpoints are spread at random; `load` is what they take of all CPU."""
    draw = np.random.default_rng(seed)
    rows = np.concatenate([draw.choice(nodes, endpoints, replace=endpoints > nodes) for _ in range(services)])
    count, capacity = len(rows), 64.0
    cpu = draw.uniform(0.1, 1.0, count)
    cpu *= load * nodes * capacity / cpu.sum()
    background = capacity * draw.uniform(0.0, 0.15, nodes)
    shape = PoolShape(Segments(np.arange(services) * endpoints, count), rows)
    chosen = curves or curves_of(seed, nodes, DEFAULT_KNOTS)
    there = Nodes(chosen, np.full(nodes, capacity), background + per_node(rows, cpu, nodes))
    limit, wanted = np.full(count, 4.0 * nodes * capacity / count), np.ones(services, dtype=np.bool_)
    return Pools(shape, there, cpu, limit, np.full(services, 0.1), wanted)


def equal_weights(pools: Pools) -> np.ndarray:
    return (100.0 / pools.parts.counts)[pools.parts.of]


def saving(types: list[str], background: float, load: float, *, seeds: int = 20) -> dict[str, float]:
    """Return the increase that a Service's load causes by each rule, relative to equal weights.

    The way of the published comparison: background loads of that mean [%] (normal, a third of it wide), no node above
    80 %, the proportional rule damped and iterated to rest.
    """
    curves = curves_of_tables(*types)
    count, totals = len(types), {"proportional": 0.0, "lookahead": 0.0, "equal": 0.0}
    limits = Limits(node_ceiling=80.0, pod_ceiling=100.0, floor=0.0)
    for seed in range(seeds):
        base = np.clip(np.random.default_rng(seed).normal(background, background / 3, count), 0.0, 80.0)
        base *= CAPACITY / 100
        spread = np.full(count, load / 100 * CAPACITY)
        pools = one_pool(curves, base + spread, pods=spread, limit=CAPACITY * 10)
        idle = float(pools.nodes.watts(base).sum())
        totals["equal"] += split_watts(pools, equal_weights(pools)) - idle
        totals["lookahead"] += split_watts(pools, lookahead(pools, limits).weights) - idle
        shares = np.full(count, 1.0 / count)
        for _ in range(40):
            pods = shares * spread.sum()
            now = one_pool(curves, base + pods, pods=pods, limit=CAPACITY * 10)
            shares = 0.7 * shares + 0.3 * proportional(now, limits).weights / 100
        totals["proportional"] += split_watts(pools, 100.0 * shares) - idle
    return {rule: value / totals["equal"] for rule, value in totals.items()}


def lookahead(pools: Pools, limits: Limits | None = None) -> Weights:
    return weigh(replace(pools, lookahead=np.ones(len(pools), dtype=np.bool_)), limits)


def proportional(pools: Pools, limits: Limits | None = None) -> Weights:
    return weigh(replace(pools, lookahead=np.zeros(len(pools), dtype=np.bool_)), limits)
