"""Plans of moves: what they save, and the budgets that they keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fleets import fleet_of, small_fleet
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.rebalance import Budgets, RebalanceNodes, RebalancePlan, RebalancePods, plan_moves
from wao_predict.simulate.placement import simulate

CONCAVE = PowerCurves(np.array([0.0, 10.0, 100.0]), np.tile([100.0, 150.0, 160.0], (4, 1)))
ANY = Budgets(moves=100, minimum_age=0.0, minimum_saving=0.0)


def pods_on(nodes: list[int], *, request: float = 1.0, **fields: Any) -> RebalancePods:
    """One pod per entry, on that node, which uses what it requests."""
    count = len(nodes)
    given: dict[str, Any] = {
        "node": np.array(nodes, dtype=np.int64),
        "request": np.full(count, request),
        "use": np.full(count, request),
        "movable": np.ones(count, dtype=np.bool_),
        "age": np.full(count, 3600.0),
        "workload": np.arange(count),
    }
    return RebalancePods(**given | fields)


def nodes_with(pods: RebalancePods, curves: PowerCurves = CONCAVE, **fields: Any) -> RebalanceNodes:
    """Nodes of 10 cores that run these pods and nothing else."""
    count = len(curves)
    sums = [np.bincount(pods.node, weights=values, minlength=count) for values in (pods.request, pods.use)]
    return RebalanceNodes(
        **{
            "curves": curves,
            "capacity": np.full(count, 10.0),
            "requested": sums[0],
            "used": sums[1],
            "floor": np.zeros(count),
            **fields,
        }
    )


def sources(plan: RebalancePlan) -> list[int]:
    return [source for source, _ in plan.drains()]


def test_the_emptiest_nodes_are_drained_onto_the_fullest() -> None:
    pods = pods_on([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    plan = plan_moves(nodes_with(pods), pods, ANY)
    assert sources(plan) == [0, 1, 2]
    assert {move.target for move in plan.moves} == {3}
    assert plan.saved == pytest.approx(plan.watts_before - plan.watts_after)


def test_a_node_with_a_pod_that_stays_is_not_drained_as_a_whole() -> None:
    pods = pods_on([0, 0, 1, 1, 1], movable=np.array([True, False, True, True, True]))
    plan = plan_moves(nodes_with(pods), pods, ANY)
    assert sources(plan) == [1]  # onto node 0, which runs anyway
    assert {move.target for move in plan.moves} == {0}


def test_without_whole_nodes_movable_pods_leave_a_node_on_which_others_stay() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 300.0], [100.0, 150.0]]))
    pods = pods_on([0, 0, 1], movable=np.array([True, False, False]))
    assert plan_moves(nodes_with(pods, curves), pods, ANY).moves == ()
    partly = Budgets(moves=100, minimum_age=0.0, minimum_saving=0.0, whole_nodes=False)
    (move,) = plan_moves(nodes_with(pods, curves), pods, partly).moves
    assert (move.pod, move.source, move.target) == (0, 0, 1)
    assert move.saved == pytest.approx(20.0 - 5.0)


@pytest.mark.parametrize(
    ("budgets", "drained"),
    [
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves=1), [0]),
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves=2), [0]),  # the next node has two pods
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves=3), [0, 1]),
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves=0), []),
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves_per_node=1), [0]),
        (Budgets(minimum_age=0.0, minimum_saving=0.0, moves_per_workload=1), [0]),
        (Budgets(minimum_age=0.0, minimum_saving=60.0), []),
        (Budgets(minimum_age=7200.0, minimum_saving=0.0), []),
    ],
)
def test_budgets_limit_the_plan(budgets: Budgets, drained: list[int]) -> None:
    pods = pods_on([0, 1, 1, 2, 2, 2], workload=np.array([0, 1, 1, 2, 2, 2]))
    curves = CONCAVE.take(np.arange(3))
    assert sources(plan_moves(nodes_with(pods, curves), pods, budgets)) == drained


def test_pods_go_only_where_they_are_allowed_and_fit() -> None:
    pods = pods_on([0, 1, 2], group=np.array([0, 0, 0]), allowed=np.array([[True, False, True]]))
    plan = plan_moves(nodes_with(pods, CONCAVE.take(np.arange(3))), pods, ANY)
    assert plan.moves
    assert all(move.target != 1 for move in plan.moves)
    tight = nodes_with(pods, CONCAVE.take(np.arange(3)), capacity=np.full(3, 1.0))
    assert plan_moves(tight, pods, ANY).moves == ()


def test_further_resources_such_as_memory_limit_the_moves() -> None:
    pods = pods_on([0, 1], needs=np.array([[8.0], [8.0]]))
    nodes = nodes_with(pods, CONCAVE.take(np.arange(2)), room=np.array([[4.0], [4.0]]))
    assert plan_moves(nodes, pods, ANY).moves == ()
    roomy = nodes_with(pods, CONCAVE.take(np.arange(2)), room=np.array([[4.0], [8.0]]))
    assert [(move.source, move.target) for move in plan_moves(roomy, pods, ANY).moves] == [(0, 1)]


def test_nodes_that_are_closed_neither_receive_nor_give() -> None:
    pods = pods_on([0, 1, 2])
    closed = {"receives": np.array([True, False, False]), "gives": np.array([True, False, True])}
    plan = plan_moves(nodes_with(pods, CONCAVE.take(np.arange(3)), **closed), pods, ANY)
    assert [(move.source, move.target) for move in plan.moves] == [(2, 0)]


def test_without_a_node_that_receives_pods_nothing_moves_idle_ones_included() -> None:
    pods = pods_on([0, 1], use=np.zeros(2))
    assert plan_moves(nodes_with(pods, receives=np.zeros(4, dtype=np.bool_)), pods, ANY).moves == ()


def test_nodes_without_curve_or_load_take_no_part() -> None:
    curves = PowerCurves(CONCAVE.knots, np.vstack([np.full(3, np.nan), CONCAVE.watts[:3]]))
    pods = pods_on([0, 1, 2])
    nodes = nodes_with(pods, curves, used=np.array([1.0, 1.0, np.nan, 0.0]))
    assert all(move.source == 1 and move.target == 3 for move in plan_moves(nodes, pods, ANY).moves)


def test_a_pod_is_not_moved_to_an_equal_node() -> None:
    pods = pods_on([0])
    assert plan_moves(nodes_with(pods), pods, ANY).moves == ()


def test_an_empty_fleet_has_an_empty_plan() -> None:
    nodes = RebalanceNodes(
        curves=PowerCurves(CONCAVE.knots, np.empty((0, 3))),
        capacity=np.empty(0),
        requested=np.empty(0),
        used=np.empty(0),
    )
    assert plan_moves(nodes, pods_on([])).moves == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Budgets(moves=-1), "moves is -1: give a number from 0"),
        (lambda: Budgets(minimum_saving=float("nan")), "minimum_saving is nan"),
        (lambda: nodes_with(pods_on([0]), floor=np.zeros(1)), "1 values of floor for 4 nodes"),
        (lambda: pods_on([0, 1], age=np.zeros(1)), "1 values of age for 2 pods"),
        (lambda: pods_on([0], group=np.array([0])), "group and allowed: give both or neither"),
    ],
)
def test_wrong_input_is_named(make: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_a_fragmented_fleet_of_real_curves_comes_near_the_optimal_packing() -> None:
    fleet = fleet_of(edge_lenovo=6, edge_supermicro=6)
    pods = pods_on([row for row in range(12) for _ in range(4)], request=2.0)
    nodes = nodes_with(pods, fleet.curves, capacity=np.full(12, 32.0))
    plan = plan_moves(nodes, pods, ANY)
    (best,) = simulate(fleet, 2.0, 48, ["optimum"])
    assert plan.watts_after <= best.watts * 1.015


@st.composite
def fleets(draw: st.DrawFn) -> tuple[RebalanceNodes, RebalancePods, Budgets]:
    """Nodes with curves of all shapes, some of them closed, with pods that fit."""
    count = draw(st.integers(1, 6))
    fleet = small_fleet(draw(st.integers(0, 1000)), count)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    total = draw(st.integers(0, 20))
    node, request = rng.integers(0, count, total), rng.choice([0.0, 0.25, 0.5, 1.0], total)
    use = request * rng.choice([0.0, 0.5, 1.0], total)
    base = fleet.usage_cores * rng.integers(0, 2, count)
    requested = base + np.bincount(node, weights=request, minlength=count)
    pods = pods_on(
        node.tolist(),
        request=request,  # type: ignore[arg-type]
        use=use,
        movable=rng.random(total) < 0.8,
        age=rng.uniform(0, 1200, total),
        workload=rng.integers(-1, 3, total),
        group=rng.integers(0, 2, total),
        allowed=rng.random((2, count)) < 0.9,
        needs=rng.uniform(0, 2, (total, 1)),
    )
    nodes = RebalanceNodes(
        curves=fleet.curves,
        capacity=fleet.capacity_cores,
        requested=requested,
        used=base + np.bincount(node, weights=use, minlength=count),
        floor=base,
        receives=rng.random(count) < 0.9,
        gives=rng.random(count) < 0.9,
        room=rng.uniform(0, 8, (count, 1)),
    )
    budgets = Budgets(
        moves=draw(st.integers(0, 12)),
        moves_per_node=draw(st.none() | st.integers(0, 5)),
        moves_per_workload=draw(st.none() | st.integers(0, 3)),
        minimum_saving=draw(st.sampled_from([0.0, 2.0])),
        minimum_age=600.0,
        whole_nodes=draw(st.booleans()),
    )
    return nodes, pods, budgets


@given(fleets(), st.sampled_from(["floor", "lookahead", "marginal"]))
def test_every_plan_saves_power_and_keeps_its_limits(
    given: tuple[RebalanceNodes, RebalancePods, Budgets], rule: Any
) -> None:
    nodes, pods, budgets = given
    plan = plan_moves(nodes, pods, budgets, rule=rule)
    assert plan_moves(nodes, pods, budgets, rule=rule).moves == plan.moves, "deterministic"
    assert plan.watts_after <= plan.watts_before
    assert plan.saved == pytest.approx(plan.watts_before - plan.watts_after, abs=1e-6)
    assert len(plan.moves) <= budgets.moves
    requested, room = nodes.requested.copy(), nodes.room.copy()  # type: ignore[union-attr]
    by_workload: dict[int, int] = {}
    for source, moves in plan.drains():
        assert nodes.gives[source]  # type: ignore[index]
        assert sum(move.saved for move in moves) >= budgets.minimum_saving
        assert budgets.moves_per_node is None or len(moves) <= budgets.moves_per_node
        if budgets.whole_nodes:
            assert {move.pod for move in moves} == set(np.flatnonzero(pods.node == source).tolist())
        assert source not in {move.target for move in plan.moves}, "a node gives or receives"
        for move in moves:
            assert move.saved > 0 or pods.use[move.pod] == 0
            assert pods.movable[move.pod]
            assert pods.age[move.pod] >= budgets.minimum_age
            assert pods.allowed[pods.group[move.pod], move.target]  # type: ignore[index]
            assert nodes.receives[move.target]  # type: ignore[index]
            requested[[move.source, move.target]] += np.array([-1, 1]) * pods.request[move.pod]
            room[move.target] -= pods.needs[move.pod]  # type: ignore[index]
            workload = int(pods.workload[move.pod])
            by_workload[workload] = by_workload.get(workload, 0) + 1
    targets = sorted({move.target for move in plan.moves})
    assert (requested[targets] <= nodes.capacity[targets] + 1e-6).all()
    assert (room[targets] >= -1e-9).all()
    by_workload.pop(-1, None)
    assert budgets.moves_per_workload is None or max(by_workload.values(), default=0) <= budgets.moves_per_workload
