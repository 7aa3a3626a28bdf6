"""Fleets: the exact least increase, and how close placing one by one comes to it."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import CONDITIONS, fleet_of, small_fleet
from wao_predict import Fleet, PowerCurves, UsageError, curves_of_models, load_predictor, power_curves, what_if
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.simulate.placement import simulate


def test_curves_of_several_models_are_those_of_each() -> None:
    curves = curves_of_models(["cloud_dell", "fake", "cloud_dell"], [20.0, 25.0, 30.0], 10.0)
    expected = power_curves(load_predictor("cloud_dell"), [20.0, 30.0], [10.0, 10.0], knots=DEFAULT_KNOTS)
    assert np.allclose(expected.watts, curves.watts[[0, 2]])
    assert set(curves.watts[1]) == {3.14}


def increase_of(fleet: Fleet, cores: np.ndarray) -> float:
    """What more cores in use on each node cost."""
    return float(fleet.with_usage(fleet.usage_cores + cores).watts().sum() - fleet.watts().sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 5), st.sampled_from([0.5, 1.0, 1.7]))
def test_what_if_is_the_least_of_all_placements(seed: int, nodes: int, count: int, cores: float) -> None:
    fleet = small_fleet(seed, nodes)
    room = fleet.room(cores)
    totals = [
        increase_of(fleet, np.array(split) * cores)
        for split in product(range(count + 1), repeat=nodes)
        if sum(split) == count and (np.array(split) <= room).all()
    ]
    if not totals:
        with pytest.raises(UsageError, match="fit"):
            fleet.what_if(cores, count)
        return
    result = fleet.what_if(cores, count)
    assert result.method == "exact"
    assert result.total_increase == pytest.approx(min(totals), abs=1e-9)
    assert len(result.placements) == count
    placed = np.array([result.per_node.get(name, 0) for name in fleet.names])
    assert increase_of(fleet, placed * cores) == pytest.approx(result.total_increase, abs=1e-6)
    assert (np.diff(result.watt_increases) >= -1e-9).all()


def test_an_answer_is_one_document_of_json_types() -> None:
    fleet = small_fleet(3, 2)
    document = fleet.what_if(0.5, 3).as_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["count"] == len(document["watt_increases"]) == 3
    assert document["nodes"] == 2
    assert document["watts_before"] == pytest.approx(fleet.watts().sum())
    assert document["total_increase"] == document["watt_increases"][-1]
    assert document["stock_increase"] == pytest.approx(simulate(fleet, 0.5, 3, ["spread"])[0].increase)


def test_beyond_the_bound_pods_are_placed_one_by_one_and_the_answer_says_so() -> None:
    fleet = fleet_of(cloud_lenovo=3)
    result = fleet.what_if(2.0, 10, exact_work=10)
    assert result.method == "lookahead"
    assert sum(result.per_node.values()) == 10
    assert result.total_increase >= fleet.what_if(2.0, 10).total_increase - 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 60), st.sampled_from([0.25, 0.5, 1.0]))
def test_placing_one_by_one_knows_how_far_from_the_optimum_it_can_be(
    seed: int, nodes: int, count: int, cores: float
) -> None:
    fleet = small_fleet(seed, nodes)
    count = min(count, int(fleet.room(cores).sum()))
    if count == 0:
        return
    best, placed = fleet.what_if(cores, count), fleet.what_if(cores, count, exact_work=0)
    assert best.excess == 0.0
    assert best.total_increase >= placed.total_increase - placed.excess - 1e-6
    assert (best.watt_increases <= placed.watt_increases + 1e-6).all()


def test_lookahead_is_the_optimum_wherever_a_node_is_just_full() -> None:
    """Concave curves: the best average is over all the room of a node, so only the last node can be in progress."""
    fleet = fleet_of(edge_lenovo=4)
    for count in (16, 32, 48, 64):
        assert fleet.what_if(2.0, count, exact_work=0).excess == pytest.approx(0.0, abs=1e-6)
    halfway = fleet.what_if(2.0, 24, exact_work=0)
    assert halfway.total_increase == pytest.approx(fleet.what_if(2.0, 24).total_increase)
    assert halfway.excess > 50.0


def test_a_thousand_nodes_are_answered_exactly() -> None:
    fleet = fleet_of(edge_supermicro=500, cloud_dell=500)
    result = fleet.what_if(2.0, 1000)
    assert result.method == "exact"
    assert len(result.placements) == 1000


@pytest.mark.parametrize(
    ("counts", "pods", "reported"),
    [
        ({"edge_lenovo": 20, "edge_supermicro": 20}, 300, 10_496),
        ({"edge_lenovo": 40}, 150, 12_402),
        ({"edge_lenovo": 10, "edge_supermicro": 10, "cloud_dell": 10, "cloud_lenovo": 10}, 400, 8_939),
    ],
)
def test_lookahead_ends_within_one_percent_of_the_optimum(counts: dict[str, int], pods: int, reported: int) -> None:
    """The fleets on which the reference was measured; `reported` is the optimum found there, at other conditions."""
    outcomes = {outcome.policy: outcome.watts for outcome in simulate(fleet_of(**counts), 2.0, pods)}
    assert outcomes["lookahead"] <= 1.01 * outcomes["optimum"]
    assert outcomes["lookahead"] < 0.8 * outcomes["spread"]
    assert outcomes["optimum"] == pytest.approx(reported, rel=0.03)


def mixed_fleet(seed: int, most: int) -> Fleet:
    """From half of `most` to `most` nodes of each type, under load."""
    draw = np.random.default_rng(seed)
    fleet = fleet_of(**dict(zip(CONDITIONS, draw.integers(max(1, most // 2), most + 1, 4).tolist(), strict=True)))
    return fleet.with_usage(32.0 * draw.uniform(0.001, 0.3, len(fleet.names)))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("cores", [1.0, 2.0, 4.0])
def test_lookahead_stays_within_one_percent_on_racks_of_mixed_servers_under_load(seed: int, cores: float) -> None:
    fleet = mixed_fleet(seed, 12)
    pods = 10 * (seed + 1)
    outcomes = {item.policy: item.watts for item in simulate(fleet, cores, pods, ("lookahead", "optimum"))}
    assert outcomes["lookahead"] <= 1.01 * outcomes["optimum"]


def above_hull(costs: np.ndarray) -> float:
    """How far a node's cost for 0, 1, ... pods is above its lower convex hull at most."""
    gap = 0.0
    for middle in range(1, costs.size - 1):
        for left, right in product(range(middle), range(middle + 1, costs.size)):
            chord = costs[left] + (costs[right] - costs[left]) * (middle - left) / (right - left)
            gap = max(gap, costs[middle] - chord)
    return gap


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 150), st.sampled_from([2.0, 4.0]))
def test_lookahead_is_never_off_by_more_than_one_node_in_progress(
    seed: int, most: int, pods: int, cores: float
) -> None:
    """In a small fleet one node is much: the share can exceed one percent, the watts cannot exceed this."""
    fleet = mixed_fleet(seed, most)
    pods = min(pods, int(fleet.room(cores).sum()))
    if pods == 0:
        return
    outcomes = {item.policy: item.watts for item in simulate(fleet, cores, pods, ("lookahead", "optimum"))}
    gaps = []
    for node, room in enumerate(fleet.room(cores).tolist()):
        load = fleet.cpu_usage[node] + np.arange(room + 1) * cores * 100.0 / 32.0
        gaps.append(above_hull(fleet.curves.at(load, rows=np.full(load.size, node))))
    assert outcomes["lookahead"] <= outcomes["optimum"] + max(gaps) + 1e-6


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="only 16 of 17 pods of 2 cores fit"):
        what_if(PowerCurves(DEFAULT_KNOTS, DEFAULT_KNOTS[None, :] + 1), [32.0], [0.0], cores=2.0, n=17)


@pytest.mark.parametrize(("cores", "count"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)])
def test_nonsense_sizes_are_refused(cores: float, count: int) -> None:
    with pytest.raises(UsageError, match="positive size"):
        fleet_of(cloud_lenovo=1).what_if(cores, count)


@pytest.mark.parametrize(
    ("names", "watts", "capacity", "usage", "words"),
    [
        (("a", "b"), [1.0, np.nan], [1.0, 1.0], [0.0, 0.0], r"no power curve of b \(1 in all\)"),
        (("a", "b"), [1.0, 1.0], [1.0, 0.0], [0.0, 0.0], "no CPU capacity of b"),
        (("a", "b"), [1.0, 1.0], [1.0, 1.0], [np.nan, np.nan], r"no CPU use of a, b \(2 in all\)"),
        (("a", "a"), [1.0, 1.0], [1.0, 1.0], [0.0, 0.0], "same name"),
        (("a",), [1.0, 1.0], [1.0, 1.0], [0.0, 0.0], "2 curves for 1 nodes"),
    ],
)
def test_a_node_that_cannot_be_counted_is_named(
    names: tuple[str, ...], watts: list[float], capacity: list[float], usage: list[float], words: str
) -> None:
    curves = PowerCurves(DEFAULT_KNOTS, np.tile(np.array(watts)[:, None], (1, 41)))
    with pytest.raises(UsageError, match=words):
        Fleet(names, curves, np.array(capacity), np.array(usage))


@pytest.mark.parametrize("count", [2**63, -(2**64), 10**400])
def test_a_number_of_pods_that_numpy_cannot_count_is_refused(count: int) -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0]]))
    with pytest.raises(UsageError, match="n has more than 64 bits: give a smaller number"):
        what_if(curves, [10.0], [0.0], cores=1.0, n=count)
