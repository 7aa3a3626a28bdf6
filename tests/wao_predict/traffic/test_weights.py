"""Weights: what they save, and what they must never do."""

from __future__ import annotations

from typing import Any

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
    many_pools,
    one_pool,
    saving,
    watts,
)
from wao_predict import PowerCurves
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.lookahead import PreviousPlan
from wao_predict.traffic.pools import Nodes, Pools, per_node
from wao_predict.traffic.reasons import NOTE_TEXTS, REASON_TEXTS, RULES, Note, Reason, Rule
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.weights import Weights, saturated, weigh


def lookahead(asked: tuple[Pools, Nodes], limits: Limits | None = None) -> Weights:
    return weigh(*asked, np.ones(len(asked[0]), dtype=np.bool_), limits)


def proportional(asked: tuple[Pools, Nodes], limits: Limits | None = None) -> Weights:
    return weigh(*asked, np.zeros(len(asked[0]), dtype=np.bool_), limits)


@pytest.mark.parametrize(
    ("fleet", "background", "load", "published"),
    [(fleet, background, load, fill) for fleet, background, load, _, fill, _ in PUBLISHED],
)
def test_filling_saves_what_was_found_possible(fleet: str, background: float, load: float, published: float) -> None:
    """0.02 for other draws of the background: the published figures do not come with theirs."""
    found = saving(FLEETS[fleet], background, load)
    assert found["lookahead"] <= published + 0.02
    if load <= 30:  # beyond, the proportional rule drives nodes over the ceiling
        assert found["lookahead"] <= found["proportional"]


mixed = st.integers(0, 10_000)


@given(mixed, st.integers(1, 12), st.floats(0.1, 200.0))
def test_shares_sum_to_a_hundred_and_nobody_starves(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    pods = draw.dirichlet(np.ones(count)) * load
    asked = one_pool(curves_of(seed, count, DEFAULT_KNOTS), draw.uniform(0, 32, count) + pods, pods=pods)
    for made in (proportional(asked), lookahead(asked)):
        assert made.weights.sum() == pytest.approx(100.0)
        assert (made.weights >= 2.0 / count - 1e-9).all()


@given(mixed, st.integers(2, 8), st.floats(0.5, 60.0))
def test_lookahead_never_costs_more_than_equal_weights(seed: int, count: int, load: float) -> None:
    """Unless equal weights would drive a node over its ceiling while another has room."""
    draw = np.random.default_rng(seed)
    pods = np.full(count, load / count)
    asked = one_pool(curves_of(seed, count, DEFAULT_KNOTS), draw.uniform(0, 10, count) + pods, pods=pods)
    made = lookahead(asked)
    if (asked[1].usage_cores <= 0.7 * CAPACITY).all():
        assert watts(*asked, made.weights) <= watts(*asked, np.full(count, 100.0 / count)) + 1e-6


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


@given(mixed, st.integers(2, 8), st.floats(0.5, 100.0))
def test_the_proportional_rule_keeps_to_the_ceilings_too_where_the_load_is_known(
    seed: int, count: int, load: float
) -> None:
    draw = np.random.default_rng(seed)
    pods = draw.dirichlet(np.ones(count)) * load
    background, node = draw.uniform(0, 25, count), draw.integers(0, count, count)
    usage = background + per_node(node, pods, count)
    pools, nodes = one_pool(curves_of(seed, count, DEFAULT_KNOTS), usage, pods=pods, limit=20.0, node=node)
    laid = proportional((pools, nodes), Limits(floor=0.0)).weights / 100 * load
    free = np.maximum(0.7 * CAPACITY - background, 0.0)
    room = np.minimum(0.7 * 20.0, free[node] / np.bincount(node, minlength=count)[node])
    if load <= room.sum():
        assert (laid <= room + 1e-6).all()
        assert (per_node(node, laid, count) <= free + 1e-6).all()


@given(mixed, st.integers(2, 12), st.integers(1, 6), st.floats(0.02, 0.5))
def test_services_do_not_count_on_the_same_room(seed: int, services: int, endpoints: int, load: float) -> None:
    """Many Services on the same nodes: together they keep to the ceilings, and cost no more than equal weights."""
    pools, nodes = many_pools(services, endpoints, nodes=6, load=load, seed=seed)
    made = lookahead((pools, nodes), Limits(floor=0.0))
    own = per_node(pools.node, pools.cpu_cores, len(nodes))
    laid = per_node(pools.node, made.weights / 100 * pools.load[pools.parts.of], len(nodes))
    reached = nodes.usage_cores - own + laid
    if not np.isin(made.reason, (Reason.ALL_FULL, Reason.SATURATED)).any():
        assert (reached <= np.maximum(0.7 * 64.0, nodes.usage_cores - own) + 1e-6).all()
    equal = per_node(pools.node, equal_weights(pools) / 100 * pools.load[pools.parts.of], len(nodes))
    saturated = (made.reason == Reason.SATURATED).any()  # shared by room: more may be wanted than is measured
    if not saturated and (nodes.usage_cores - own + equal <= 0.7 * 64.0).all():
        assert watts(pools, nodes, made.weights) <= 1.01 * watts(pools, nodes, equal_weights(pools))


@given(mixed, st.floats(0.05, 0.5))
def test_the_plan_does_not_depend_on_how_traffic_is_split_now(seed: int, load: float) -> None:
    """So it cannot swing: what it is fed by does not come from it."""
    pools, nodes = many_pools(5, 4, nodes=6, load=load, seed=seed)
    first = lookahead((pools, nodes))
    moved = first.weights / 100 * pools.load[pools.parts.of]
    usage = nodes.usage_cores + per_node(pools.node, moved - pools.cpu_cores, len(nodes))
    after = Pools(pools.shape, moved, pools.cpu_limit, pools.cpu_per_request)
    there = Nodes(nodes.curves, nodes.capacity_cores, usage)
    assume(not saturated(pools, nodes).any())
    assume(not saturated(after, there).any())
    second = lookahead((after, there))
    assert np.allclose(first.weights, second.weights, atol=1e-6)


def test_a_saturated_endpoint_spreads_its_service_by_room_at_once() -> None:
    """What is wanted of it is not known: filling would open one more node a sample, and requests would queue."""
    curves = curves_of_tables(*["edge_lenovo"] * 4)
    background, pods = np.array([2.0, 2.0, 2.0, 12.0]), np.array([9.8, 0.1, 0.1, 0.1])
    filled = lookahead(one_pool(curves, background + 0.5 * pods, pods=0.5 * pods, limit=10.0))
    assert filled.reason[0] == Reason.NONE
    assert filled.weights.max() > 80.0
    spread = lookahead(one_pool(curves, background + pods, pods=pods, limit=10.0))
    assert spread.reason[0] == Reason.SATURATED
    assert spread.weights.tolist() == pytest.approx([25.0] * 4)  # each pod may take 7 cores
    on_full_node = one_pool(curves, np.array([31.5, 2.0, 2.0, 2.0]), pods=pods, limit=20.0)
    assert lookahead(on_full_node).reason[0] == Reason.SATURATED


def test_a_node_that_others_fill_says_nothing_of_a_services_load() -> None:
    curves = curves_of_tables(*["edge_lenovo"] * 3)
    made = lookahead(one_pool(curves, np.array([32.0, 2.0, 2.0]), pods=np.array([0.1, 3.0, 3.0])))
    assert made.reason[0] == Reason.NONE
    assert made.weights[0] < 1.0


def test_filling_that_saves_nothing_is_left_for_equal_shares() -> None:
    """Where hardly a choice is left, the last node need not be emptier than the others."""
    pods = np.full(4, 0.5 * CAPACITY)
    curves, usage = curves_of_tables(*["edge_lenovo"] * 4), pods + 0.19 * CAPACITY
    made = lookahead(one_pool(curves, usage, pods=pods, limit=CAPACITY))
    assert made.weights.tolist() == pytest.approx([25.0] * 4)
    assert made.reason[0] == Reason.EVEN


def test_equals_do_not_swap_on_noise() -> None:
    curves = curves_of_tables("edge_lenovo", "edge_lenovo")
    pools, nodes = one_pool(curves, np.array([5.0, 5.1]), pods=np.array([2.0, 2.0]))
    first = lookahead((pools, nodes))
    carried = first.weights / 100 * 4.0
    noisy = Nodes(curves, nodes.capacity_cores, np.array([5.1, 5.0]))
    chosen = np.array([True])
    assert np.argmax(weigh(pools, noisy, chosen).weights) != np.argmax(first.weights)
    assert np.argmax(weigh(pools, noisy, chosen, None, PreviousPlan(planned=carried)).weights) == np.argmax(
        first.weights
    )


def test_the_references_ratio_in_floats() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0], [0.0, 200.0]]))
    made = proportional(one_pool(curves, np.zeros(2)))
    assert made.weights.tolist() == pytest.approx([200 / 3, 100 / 3])


def test_an_unknown_node_is_neutral_never_the_best() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0], [0.0, 200.0], [np.nan, np.nan]]))
    for asked in (one_pool(curves, np.zeros(3)), one_pool(curves, np.zeros(3), node=np.array([0, 1, -1]))):
        made = proportional(asked)
        assert made.weights[1] < made.weights[2] < made.weights[0]
        assert made.weights[2] == pytest.approx(100 / 3)
        assert "neutral weight" in NOTE_TEXTS[Note(made.note[2])]


def test_an_overloaded_node_gets_less_although_its_curve_is_flat() -> None:
    watts = np.array([[100.0, 300.0, 300.0], [100.0, 300.0, 300.0]])
    curves = PowerCurves(np.array([0.0, 60.0, 100.0]), watts)
    pods = np.array([3.0, 3.0])
    asked = one_pool(curves, np.array([0.95, 0.3]) * CAPACITY, pods=pods)
    for made in (proportional(asked), lookahead(asked)):
        assert made.weights[0] < made.weights[1]
    assert proportional(asked).note[0] == Note.OVERLOADED
    full = one_pool(curves, np.array([1.0, 0.3]) * CAPACITY)
    assert proportional(full).note[0] == Note.FULL
    assert proportional(full).weights[0] < 2.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pods": np.array([np.nan, 1.0])}, "CPU of an endpoint's pod is not measured"),
        ({"pods": np.ones(2), "limit": np.nan}, "neither a CPU limit nor a request"),
        ({"node": np.array([0, -1]), "pods": np.ones(2)}, "node of an endpoint is unknown"),
        ({"pods": np.zeros(2)}, "has no load"),
        ({"pods": np.ones(2), "usage": np.array([np.nan, 2.0])}, "CPU of an endpoint's node is not measured"),
        ({"pods": np.ones(2), "curves": 1}, "has no power curve"),
    ],
)
def test_lookahead_falls_back_with_a_reason(change: dict[str, Any], words: str) -> None:
    curves = curves_of(1, 2, DEFAULT_KNOTS)
    if change.pop("curves", None):
        curves = PowerCurves(DEFAULT_KNOTS, np.where(np.arange(2)[:, None] == 1, np.nan, curves.watts))
    made = lookahead(one_pool(curves, change.pop("usage", np.full(2, 2.0)), **change))
    assert RULES[made.rule[0]] is Rule.PROPORTIONAL
    assert words in REASON_TEXTS[Reason(made.reason[0])]


def test_a_service_that_falls_back_leaves_the_others_alone() -> None:
    pools, nodes = many_pools(3, 4, nodes=6, load=0.2)
    cpu = pools.cpu_cores.copy()
    cpu[5] = np.nan
    made = lookahead((Pools(pools.shape, cpu, pools.cpu_limit, pools.cpu_per_request), nodes))
    assert [RULES[code] for code in made.rule] == [Rule.LOOKAHEAD, Rule.PROPORTIONAL, Rule.LOOKAHEAD]
    assert np.allclose(pools.parts.sum(made.weights), 100.0)


def test_endpoints_of_one_node_share_its_room() -> None:
    pods = np.array([2.0, 2.0, 2.0])
    curves = curves_of_tables("cloud_lenovo", "edge_lenovo")
    made = lookahead(one_pool(curves, np.array([6.0, 4.0]), pods=pods, node=np.array([0, 0, 1])))
    assert made.weights[0] == pytest.approx(made.weights[1])
    assert made.weights[2] < made.weights[0]


def test_nothing_known_is_equal() -> None:
    unknown = PowerCurves(DEFAULT_KNOTS, np.full((2, DEFAULT_KNOTS.size), np.nan))
    made = proportional(one_pool(unknown, np.ones(2)))
    assert RULES[made.rule[0]] is Rule.EQUAL
    assert made.weights.tolist() == [50.0, 50.0]


@given(st.lists(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6), min_size=1, max_size=5), st.floats(0.0, 100.0))
def test_water_filling_keeps_to_the_caps_and_is_even_below_them(caps: list[list[float]], total: float) -> None:
    counts = np.array([len(part) for part in caps])
    parts = Segments(np.cumsum(counts) - counts, int(counts.sum()))
    flat = np.array([cap for part in caps for cap in part])
    filled = parts.level(flat, np.full(len(caps), total))
    assert (filled <= flat + 1e-9).all()
    for part, used, room in zip(np.split(filled, parts.start[1:]), parts.sum(filled), parts.sum(flat), strict=True):
        assert used == pytest.approx(min(total, room), abs=1e-6)
        water = part.max()
        index = int(np.flatnonzero([np.array_equal(part, other) for other in np.split(filled, parts.start[1:])])[0])
        below = part < water - 1e-6
        assert np.allclose(part[below], np.array(caps[index])[below])
