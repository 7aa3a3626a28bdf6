"""Weights: what they save, and what they must never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_predict.test_fleet import CONDITIONS
from tests.wao_predict.test_increase import curves_of
from wao_lb.weights import Endpoints, Limits, Rule, equal, lookahead, predicted_watts, proportional
from wao_predict import PowerCurves, load_predictor, power_curves
from wao_predict.curves import DEFAULT_KNOTS

CAPACITY = 32.0


def endpoints(
    curves: PowerCurves,
    usage: np.ndarray,
    *,
    pods: np.ndarray | None = None,
    limit: float = 30.0,
    nodes: np.ndarray | None = None,
) -> Endpoints:
    count = len(curves)
    chosen = np.arange(count) if nodes is None else nodes
    used = np.full(len(chosen), np.nan) if pods is None else pods
    return Endpoints(chosen, curves, np.full(count, CAPACITY), usage, used, np.full(len(chosen), limit))


def of_types(*names: str) -> PowerCurves:
    watts = []
    for name in names:
        temperature, pressure = CONDITIONS[name]
        watts.append(power_curves(load_predictor(name), [temperature], [pressure], knots=DEFAULT_KNOTS).watts[0])
    return PowerCurves(DEFAULT_KNOTS, np.array(watts))


def saving(types: list[str], background: float, load: float, *, seeds: int = 8) -> dict[str, float]:
    """Return the increase that a Service's load causes by each rule, relative to equal weights."""
    curves = of_types(*types)
    count = len(types)
    totals = {"prop": 0.0, "fill": 0.0, "equal": 0.0}
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        base = np.clip(draw.uniform(0, 2 * background, count), 0.5, 60.0) / 100 * CAPACITY
        total = load / 100 * CAPACITY * count
        spread = np.full(count, total / count)
        limits = Limits(node_ceiling=80.0, pod_ceiling=100.0, floor=0.0)
        asked = endpoints(curves, base + spread, pods=spread, limit=CAPACITY)
        idle = float(curves.at(100 * base / CAPACITY).sum())
        even = predicted_watts(asked, np.full(count, 1.0), total) - idle
        totals["equal"] += even
        totals["fill"] += predicted_watts(asked, lookahead(asked, 0.1, limits).weights, total) - idle
        shares = np.full(count, 1.0 / count)
        for _ in range(30):  # damped and iterated to rest, as traffic would
            now = endpoints(curves, base + shares * total, pods=shares * total, limit=CAPACITY)
            shares = 0.7 * shares + 0.3 * proportional(now, 0.1, limits).weights / 100
        totals["prop"] += predicted_watts(asked, shares, total) - idle
    return {rule: value / totals["equal"] for rule, value in totals.items()}


@pytest.mark.parametrize(
    ("types", "background", "load", "reported"),
    [
        (["edge_lenovo"] * 5 + ["edge_supermicro"] * 5, 10, 5, 0.23),
        (["edge_lenovo"] * 5 + ["edge_supermicro"] * 5, 10, 30, 0.29),
        (["edge_lenovo"] * 5 + ["edge_supermicro"] * 5, 30, 15, 0.15),
        (["edge_lenovo"] * 10, 10, 15, 0.31),
        (["cloud_dell"] * 5 + ["cloud_lenovo"] * 5, 10, 5, 0.22),
        (["cloud_dell"] * 5 + ["cloud_lenovo"] * 5, 10, 30, 0.22),
    ],
)
def test_filling_saves_what_was_found_possible(
    types: list[str], background: float, load: float, reported: float
) -> None:
    found = saving(types, background, load)
    assert found["fill"] <= reported + 0.12
    assert found["fill"] < found["prop"]
    assert found["fill"] < 1.0


mixed = st.integers(0, 10_000)


@given(mixed, st.integers(1, 12), st.floats(0.1, 200.0))
def test_shares_sum_to_a_hundred_and_nobody_starves(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    curves = curves_of(seed, count, DEFAULT_KNOTS)
    pods = draw.dirichlet(np.ones(count)) * load
    asked = endpoints(curves, draw.uniform(0, 32, count) + pods, pods=pods)
    for made in (proportional(asked, 0.1), lookahead(asked, 0.1)):
        assert made.weights.sum() == pytest.approx(100.0)
        assert (made.weights >= 2.0 / count - 1e-9).all()
        assert len(made.reasons) == count


@given(mixed, st.integers(2, 8), st.floats(0.5, 60.0))
def test_lookahead_never_costs_more_than_equal_weights(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    curves = curves_of(seed, count, DEFAULT_KNOTS)
    pods = np.full(count, load / count)
    asked = endpoints(curves, draw.uniform(0, 10, count) + pods, pods=pods)
    made = lookahead(asked, 0.1)
    if made.reason != "all endpoints are at their ceiling":
        even = predicted_watts(asked, np.ones(count), load)
        assert predicted_watts(asked, made.weights, load) <= even + 1e-6


@given(mixed, st.integers(2, 8), st.floats(0.5, 40.0))
def test_no_endpoint_is_driven_over_its_ceiling_while_another_has_room(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    curves = curves_of(seed, count, DEFAULT_KNOTS)
    pods = np.full(count, load / count)
    usage = draw.uniform(0, 12, count) + pods
    limits = Limits(floor=0.0)
    asked = endpoints(curves, usage, pods=pods, limit=20.0)
    made = lookahead(asked, 0.1, limits)
    if made.rule is not Rule.LOOKAHEAD or made.reason:
        return
    laid = made.weights / 100 * load
    background = usage - pods
    room = np.minimum(0.7 * 20.0, np.maximum(0.7 * CAPACITY - background, 0))
    assert (laid <= room + 1e-6).all()


def test_the_references_ratio_in_floats() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0], [0.0, 200.0]]))
    made = proportional(endpoints(curves, np.zeros(2)), 0.1, Limits(floor=0.0))
    assert made.weights.tolist() == pytest.approx([200 / 3, 100 / 3])


def test_an_unknown_node_is_neutral_never_the_best() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0], [0.0, 200.0], [np.nan, np.nan]]))
    made = proportional(endpoints(curves, np.zeros(3)), 0.1)
    assert made.weights[1] < made.weights[2] < made.weights[0]
    assert "neutral weight" in made.reasons[2]
    outside = proportional(endpoints(curves, np.zeros(3), nodes=np.array([0, 1, -1])), 0.1)
    assert outside.weights[1] < outside.weights[2] < outside.weights[0]


def test_an_overloaded_node_gets_less_although_its_curve_is_flat() -> None:
    watts = np.array([[100.0, 300.0, 300.0], [100.0, 300.0, 300.0]])
    curves = PowerCurves(np.array([0.0, 60.0, 100.0]), watts)
    made = proportional(endpoints(curves, np.array([0.95, 0.3]) * CAPACITY), 0.1)
    assert made.weights[0] < made.weights[1]
    assert "over its ceiling" in made.reasons[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pods": np.array([np.nan, 1.0])}, "CPU of an endpoint's pod is not measured"),
        ({"nodes": np.array([0, -1]), "pods": np.ones(2)}, "node of an endpoint is unknown"),
        ({"pods": np.zeros(2)}, "has no load"),
    ],
)
def test_lookahead_falls_back_with_a_reason(change: dict[str, np.ndarray], words: str) -> None:
    made = lookahead(endpoints(curves_of(1, 2, DEFAULT_KNOTS), np.ones(2), **change), 0.1)  # type: ignore[arg-type]
    assert made.rule is Rule.PROPORTIONAL
    assert words in made.reason


def test_endpoints_of_one_node_share_its_room() -> None:
    curves = of_types("cloud_lenovo", "edge_lenovo")
    pods = np.array([2.0, 2.0, 2.0])
    made = lookahead(endpoints(curves, np.array([6.0, 4.0]), pods=pods, nodes=np.array([0, 0, 1])), 0.1)
    assert made.weights[0] == pytest.approx(made.weights[1])
    assert made.weights[2] < made.weights[0]


def test_nothing_known_is_equal() -> None:
    unknown = PowerCurves(DEFAULT_KNOTS, np.full((2, DEFAULT_KNOTS.size), np.nan))
    made = proportional(endpoints(unknown, np.ones(2)), 0.1)
    assert made.rule is Rule.EQUAL
    assert made.weights.tolist() == [50.0, 50.0]
    assert equal(endpoints(unknown, np.ones(2)), np.full(2, np.nan)).weights.sum() == 100.0
