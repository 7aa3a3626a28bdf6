"""The rule `lookahead`: what it saves, and what it must never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from tests.wao_predict.traffic.fleets import (
    CAPACITY,
    FLEETS,
    PUBLISHED,
    curves_of_tables,
    equal_weights,
    lookahead,
    many_pools,
    one_pool,
    saving,
)
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic.estimates import estimated
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.places import per_node
from wao_predict.traffic.pools import Nodes, split_watts
from wao_predict.traffic.reasons import Reason
from wao_predict.traffic.state import PreviousPlan
from wao_predict.traffic.weights import weigh

mixed = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("fleet", "background", "load", "published"),
    [(fleet, background, load, fill) for fleet, background, load, _, fill, _ in PUBLISHED],
)
def test_consolidating_saves_what_is_possible(fleet: str, background: float, load: float, published: float) -> None:
    """0.02 for other draws of the background: the published figures do not come with theirs."""
    found = saving(FLEETS[fleet], background, load)
    assert found["lookahead"] <= published + 0.02
    if load <= 30:  # beyond, the proportional rule drives nodes over the ceiling
        assert found["lookahead"] <= found["proportional"]


@given(mixed, st.integers(2, 8), st.floats(0.5, 60.0))
def test_lookahead_never_costs_more_than_equal_weights(seed: int, count: int, load: float) -> None:
    """Unless equal weights would drive a node over its ceiling while another has room."""
    draw = np.random.default_rng(seed)
    pods = np.full(count, load / count)
    asked = one_pool(curves_of(seed, count, DEFAULT_KNOTS), draw.uniform(0, 10, count) + pods, pods=pods)
    made = lookahead(asked)
    if (asked.nodes.usage_cores <= 0.7 * CAPACITY).all():
        assert split_watts(asked, made.weights) <= split_watts(asked, np.full(count, 100.0 / count)) + 1e-6


@given(mixed, st.integers(2, 8), st.floats(0.5, 100.0))
def test_no_endpoint_is_driven_over_its_ceiling_while_another_has_room(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    pods = np.full(count, load / count)
    background = draw.uniform(0, 25, count)
    asked = one_pool(curves_of(seed, count, DEFAULT_KNOTS), background + pods, pods=pods, limit=20.0)
    made = lookahead(asked, Limits(floor=0.0))
    laid = made.weights / 100 * load
    room = np.minimum(0.7 * 20.0, np.maximum(0.7 * CAPACITY - background, 0))
    if load <= room.sum():
        assert (laid <= room + 1e-6).all()
        assert made.reason[0] != Reason.ALL_FULL
    else:
        assert made.reason[0] in (Reason.ALL_FULL, Reason.SATURATED)


@given(mixed, st.integers(2, 12), st.integers(1, 6), st.floats(0.02, 0.5))
def test_services_do_not_count_on_the_same_free_capacity(seed: int, services: int, endpoints: int, load: float) -> None:
    """Many Services on the same nodes: together they keep to the ceilings, and cost no more than equal weights."""
    pools = many_pools(services, endpoints, nodes=6, load=load, seed=seed)
    nodes, made = pools.nodes, lookahead(pools, Limits(floor=0.0))
    own = per_node(pools.node, pools.cpu_cores, len(nodes))
    laid = per_node(pools.node, made.weights / 100 * pools.load[pools.parts.of], len(nodes))
    reached = nodes.usage_cores - own + laid
    if not np.isin(made.reason, (Reason.ALL_FULL, Reason.SATURATED)).any():
        assert (reached <= np.maximum(0.7 * 64.0, nodes.usage_cores - own) + 1e-6).all()
    equal = per_node(pools.node, equal_weights(pools) / 100 * pools.load[pools.parts.of], len(nodes))
    saturated = (made.reason == Reason.SATURATED).any()  # shared by room: more may be wanted than is measured
    if not saturated and (nodes.usage_cores - own + equal <= 0.7 * 64.0).all():
        assert split_watts(pools, made.weights) <= 1.01 * split_watts(pools, equal_weights(pools))


@given(mixed, st.floats(0.05, 0.5))
def test_the_plan_does_not_depend_on_how_traffic_is_split_now(seed: int, load: float) -> None:
    """So it cannot swing: what it is fed by does not come from it."""
    pools = many_pools(5, 4, nodes=6, load=load, seed=seed)
    nodes, first = pools.nodes, lookahead(pools)
    moved = first.weights / 100 * pools.load[pools.parts.of]
    usage = nodes.usage_cores + per_node(pools.node, moved - pools.cpu_cores, len(nodes))
    after = replace(pools, cpu_cores=moved, nodes=Nodes(nodes.curves, nodes.capacity_cores, usage))
    for asked in (pools, after):
        known = estimated(asked, PreviousPlan())
        assume(not (known.saturated.any() or known.at_limit.any()))
    second = lookahead(after)
    assert np.allclose(first.weights, second.weights, atol=1e-6)


def test_a_service_with_a_saturated_endpoint_is_split_by_free_capacity_at_once() -> None:
    """What is wanted of it is not known: filling would open one more node a sample, and requests would queue."""
    curves = curves_of_tables(*["edge_lenovo"] * 4)
    background, pods = np.array([2.0, 2.0, 2.0, 12.0]), np.array([9.8, 0.1, 0.1, 0.1])
    filled = lookahead(one_pool(curves, background + 0.5 * pods, pods=0.5 * pods, limit=10.0))
    assert filled.reason[0] == Reason.NONE
    assert filled.weights.max() > 80.0
    present = PreviousPlan(weights=np.array([97.0, 1.0, 1.0, 1.0]))
    spread = weigh(one_pool(curves, background + pods, pods=pods, limit=10.0), None, present)
    assert spread.reason[0] == Reason.SATURATED
    assert spread.weights.tolist() == pytest.approx([25.0] * 4)  # each pod may take 7 cores
    on_full_node = one_pool(curves, np.array([31.5, 2.0, 2.0, 2.0]), pods=pods, limit=20.0)
    assert weigh(on_full_node, None, present).reason[0] == Reason.SATURATED


def test_a_node_that_others_fill_says_nothing_of_a_services_load() -> None:
    curves = curves_of_tables(*["edge_lenovo"] * 3)
    made = lookahead(one_pool(curves, np.array([32.0, 2.0, 2.0]), pods=np.array([0.1, 3.0, 3.0])))
    assert made.reason[0] == Reason.NONE
    assert made.weights[0] < 1.0


def test_equal_shares_where_consolidating_saves_too_little() -> None:
    """Where hardly a choice is left, the last node need not be emptier than the others."""
    pods = np.full(4, 0.5 * CAPACITY)
    curves, usage = curves_of_tables(*["edge_lenovo"] * 4), pods + 0.19 * CAPACITY
    made = lookahead(one_pool(curves, usage, pods=pods, limit=CAPACITY))
    assert made.weights.tolist() == pytest.approx([25.0] * 4)
    assert made.reason[0] == Reason.EVEN


def test_near_equal_nodes_do_not_swap_on_noise() -> None:
    curves = curves_of_tables("edge_lenovo", "edge_lenovo")
    pools = one_pool(curves, np.array([5.0, 5.1]), pods=np.array([2.0, 2.0]))
    first = lookahead(pools)
    carried = PreviousPlan(planned=first.weights / 100 * 4.0)
    noisy = replace(pools, nodes=Nodes(curves, pools.nodes.capacity_cores, np.array([5.1, 5.0])))
    assert np.argmax(weigh(noisy).weights) != np.argmax(first.weights)
    assert np.argmax(weigh(noisy, None, carried).weights) == np.argmax(first.weights)


def test_endpoints_of_one_node_share_its_room() -> None:
    pods = np.array([2.0, 2.0, 2.0])
    curves = curves_of_tables("cloud_lenovo", "edge_lenovo")
    made = lookahead(one_pool(curves, np.array([6.0, 4.0]), pods=pods, node=np.array([0, 0, 1])))
    assert made.weights[0] == pytest.approx(made.weights[1])
    assert made.weights[2] < made.weights[0]
