"""Odd endpoints: what is not measured is estimated, and the others are consolidated as before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from tests.wao_predict.traffic.fleets import CAPACITY, curves_of_tables, equal_weights, lookahead, one_pool
from wao_predict import PowerCurves
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic import Limits, Nodes, Note, Pools, PreviousPlan, Reason, Step, TrafficState, advance, weigh
from wao_predict.traffic.estimates import estimated
from wao_predict.traffic.pools import split_watts

NO_FLOOR = Limits(floor=0.0)
KINDS = ("pod", "limit", "node", "curve", "outside", "loop")
"""No CPU sample of the pod, no CPU limit, no CPU sample of the node, no power curve, no node, and an endless loop."""
EACH = 5
COUNT = 20 * EACH


def hundred() -> Pools:
    """Return 100 pods of 0.4 of 2 cores on 20 nodes of two types, which others use to a tenth."""
    curves = curves_of_tables(*["edge_lenovo"] * 10, *["edge_supermicro"] * 10)
    usage = np.full(20, 0.1 * CAPACITY + 0.4 * EACH)
    return one_pool(curves, usage, pods=np.full(COUNT, 0.4), limit=2.0, node=np.repeat(np.arange(20), EACH))


def odd(pools: Pools, kind: str, row: int) -> Pools:
    """Return the pools with one endpoint, or the endpoints of one node, that something is not known of."""
    node, nodes, cpu, limit = pools.node.copy(), pools.nodes, pools.cpu_cores.copy(), pools.cpu_limit.copy()
    usage, watts = nodes.usage_cores.copy(), nodes.curves.watts.copy()
    match kind:
        case "pod":
            cpu[row] = np.nan
        case "limit":
            limit[row] = np.nan
        case "node":
            usage[node[row]] = np.nan
        case "curve":
            watts[node[row]] = np.nan
        case "outside":
            node[row] = -1
        case "loop":
            usage[node[row]] += limit[row] - cpu[row]
            cpu[row] = limit[row]
    there = Nodes(PowerCurves(nodes.curves.knots, watts), nodes.capacity_cores, usage)
    return replace(pools, shape=replace(pools.shape, node=node), nodes=there, cpu_cores=cpu, cpu_limit=limit)


def carrying(weights: np.ndarray) -> int:
    return int((weights > 10.0 / len(weights)).sum())


def settled(pools: Pools, kind: str = "", rows: Iterable[int] = (), limits: Limits | None = None) -> TrafficState:
    """Return the state after some steps in which the CPU of each pod follows its weight."""
    load, background = float(pools.load[0]), pools.background()
    state = TrafficState.empty(len(pools.node), 1)
    shares = equal_weights(pools) / 100.0
    for _ in range(8):
        cpu = shares * load
        usage = background + pools.per_node(cpu)
        seen = replace(pools, cpu_cores=cpu, nodes=replace(pools.nodes, usage_cores=usage))
        for row in rows:
            seen = odd(seen, kind, row)
        state = advance(seen, state, Step(limits=limits or Limits()))
        shares = state.weights / 100.0
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_one_odd_endpoint_of_a_hundred_leaves_the_others_consolidated(kind: str) -> None:
    """All known: 30 endpoints carry the traffic for 242 W, and equal weights cost 949 W."""
    pools = hundred()
    idle = split_watts(replace(pools, expected=np.zeros(1)), equal_weights(pools))
    known = weigh(pools)
    assert carrying(known.weights) == 30
    for rows in ([3], [3, 80]):
        state = settled(pools, kind, rows)
        assert state.reason[0] == Reason.NONE
        assert carrying(state.weights) <= 30 + EACH  # the nodes of both could get an equal share for each endpoint
        most = split_watts(pools, known.weights) - idle + len(rows) / COUNT * 949.0
        assert split_watts(pools, state.weights) - idle <= most


def alone(pools: Pools, others: np.ndarray) -> float:
    """Return the power of all nodes if the other endpoints take the whole load [W]."""
    load, background = float(pools.load[0]), pools.background()
    cpu = np.where(others, load / others.sum(), 0.0)
    usage = background + pools.per_node(cpu)
    known = replace(pools, cpu_cores=cpu, nodes=replace(pools.nodes, usage_cores=usage))
    weights = np.zeros(len(cpu))
    weights[others] = weigh(known.only(others), NO_FLOOR).weights
    return split_watts(pools, weights)


@given(st.integers(0, 10_000), st.integers(3, 20), st.floats(0.02, 0.25), st.sampled_from(KINDS), st.data())
def test_odd_endpoints_never_cost_more_than_their_share(
    seed: int, count: int, part: float, kind: str, data: st.DataObject
) -> None:
    """Compared with the others alone: the watts of their equal shares; 1 % as consolidation is not exact."""
    rows = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=max(1, count // 3), unique=True))
    background, cpu = np.random.default_rng(seed).uniform(0, 10, count), np.full(count, part * CAPACITY)
    pools = one_pool(curves_of(seed, count, DEFAULT_KNOTS), background + cpu, pods=cpu, limit=30.0)
    assume((pools.nodes.load <= 70.0).all())
    idle = pools.nodes.watts(background)
    equal = pools.nodes.watts(background + cpu) - idle
    others = ~np.isin(np.arange(count), rows)
    best = max(split_watts(pools, settled(pools, limits=NO_FLOOR).weights), alone(pools, others))
    share = max(equal[rows].sum(), len(rows) / count * equal.sum())
    made = split_watts(pools, settled(pools, kind, rows, NO_FLOOR).weights)
    assert made <= best + share + 0.01 * equal.sum() + 1e-6


def two(cpu: list[float], limit: float = 10.0) -> Pools:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
    return one_pool(curves, np.full(2, 12.0), pods=np.array(cpu), limit=limit)


@pytest.mark.parametrize(
    ("cpu", "weights", "load"),
    [
        ([2.0, np.nan], None, 4.0),  # without weights: as its sibling
        ([2.0, np.nan], [80.0, 20.0], 2.5),  # as its share of the traffic
        ([2.0, np.nan], [100.0, np.nan], 2.0),  # new, so there is no traffic yet
        ([0.5, np.nan], [11.0, 89.0], 0.5 / 0.11),
        ([2.0, np.nan], [20.0, 80.0], 10.0),
        ([2.0, np.nan], [15.0, 85.0], 12.0),  # not more than its limit
        ([0.1, np.nan], [1.0, 99.0], np.nan),  # too little is measured
        ([2.0, 10.0], [99.0, 1.0], 2.0 / 0.99),  # an endless loop takes no traffic
        ([2.0, 10.0], None, 12.0),  # it may do, if the present weights are not known
        ([0.1, 10.0], [1.0, 99.0], 10.1),  # saturated
    ],
)
def test_the_load_is_estimated_from_what_is_measured(
    cpu: list[float], weights: list[float] | None, load: float
) -> None:
    previous = PreviousPlan(weights=None if weights is None else np.array(weights))
    np.testing.assert_allclose(estimated(two(cpu), previous).pools.load, [load])


@pytest.mark.parametrize(
    ("last", "cpu", "load"),
    [
        (2.0, [2.0, 1.0], 3.0),  # a measured rise counts at once
        (3.0, [1.0, 1.0], 2.75),  # a fall gradually
        (np.nan, [1.0, 1.0], 2.0),
        (3.0, [np.nan, np.nan], 3.0),  # unknown: the last load
        (2.0, [2.0, np.nan], 2.5),  # an estimated rise, gradually
        (2.0, [3.0, np.nan], 3.0),  # the part that is measured, at once
    ],
)
def test_what_is_measured_counts_at_once_and_a_fall_or_an_estimate_gradually(
    last: float, cpu: list[float], load: float
) -> None:
    previous = PreviousPlan(load=np.array([last]), fall_fraction=0.25)
    np.testing.assert_allclose(estimated(two(cpu), previous).pools.load, [load])


def test_a_pod_without_limit_has_the_mean_limit_of_the_others() -> None:
    pools = hundred()
    limit = pools.cpu_limit.copy()
    limit[:3] = [np.nan, 4.0, 0.0]
    known = estimated(replace(pools, cpu_limit=limit), PreviousPlan())
    assert known.pools.cpu_limit[[0, 2]] == pytest.approx([(4.0 + 97 * 2.0) / 98] * 2)
    assert known.note[:3].tolist() == [Note.ASSUMED_LIMIT, Note.NONE, Note.ASSUMED_LIMIT]


def test_an_endpoint_on_a_node_that_is_not_measured_gets_at_most_an_equal_share() -> None:
    """Also where its node is the cheapest one."""
    curves = curves_of_tables("edge_supermicro", "edge_lenovo", "edge_lenovo")
    pods = np.full(3, 2.0)
    pools = one_pool(curves, np.array([np.nan, 5.0, 5.0]), pods=pods)
    made = lookahead(pools, NO_FLOOR)
    assert made.weights[0] == pytest.approx(100.0 / 3.0)
    assert (made.note[0], made.reason[0]) == (Note.NEUTRAL, Reason.NONE)
    known = replace(pools, nodes=replace(pools.nodes, usage_cores=np.full(3, 5.0)))
    assert lookahead(known, NO_FLOOR).weights[0] == pytest.approx(100.0)


def test_a_pod_at_its_limit_gets_no_more_traffic_while_the_others_do() -> None:
    curves = curves_of_tables(*["edge_lenovo"] * 4)
    pods = np.array([10.0, 0.5, 0.5, 0.5])
    made = weigh(one_pool(curves, 2.0 + pods, pods=pods, limit=10.0), NO_FLOOR, PreviousPlan(weights=np.full(4, 25.0)))
    assert (made.weights[0], made.note[0]) == (0.0, Note.AT_LIMIT)
    assert made.pools.load[0] == pytest.approx(2.0)
    assert made.reason[0] == Reason.EVEN
    assert made.weights[1:] == pytest.approx([100.0 / 3.0] * 3)


def test_a_pod_that_is_not_measured_gets_at_most_an_equal_share_also_on_the_cheapest_node() -> None:
    """With most of the traffic on it, hardly anything of the load would be measured."""
    curves = curves_of_tables("edge_supermicro", *["edge_lenovo"] * 3)
    pools = one_pool(curves, np.full(4, 5.0), pods=np.array([np.nan, 1.0, 1.0, 1.0]))
    state = TrafficState.empty(4, 1)
    for _ in range(5):
        state = advance(pools, state, Step(limits=NO_FLOOR))
        assert state.weights[0] == pytest.approx(25.0)
        assert state.load == pytest.approx([4.0])
