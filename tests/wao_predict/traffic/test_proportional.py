"""The rule `proportional`: the reference's ratio, neutral weights, and ceilings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from tests.wao_predict.traffic.fleets import (
    CAPACITY,
    lookahead,
    one_pool,
    proportional,
)
from wao_predict import PowerCurves
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.places import per_node
from wao_predict.traffic.pools import Pools
from wao_predict.traffic.reasons import NOTE_TEXTS, RULES, Note, Reason, Rule

mixed = st.integers(0, 10_000)


@given(mixed, st.integers(2, 8), st.floats(0.5, 100.0))
def test_the_proportional_rule_keeps_to_the_ceilings_too_where_the_load_is_known(
    seed: int, count: int, load: float
) -> None:
    draw = np.random.default_rng(seed)
    pods = draw.dirichlet(np.ones(count)) * load
    background, node = draw.uniform(0, 25, count), draw.integers(0, count, count)
    usage = background + per_node(node, pods, count)
    pools = one_pool(curves_of(seed, count, DEFAULT_KNOTS), usage, pods=pods, limit=20.0, node=node)
    laid = proportional(pools, Limits(floor=0.0)).weights / 100 * load
    free = np.maximum(0.7 * CAPACITY - background, 0.0)
    room = np.minimum(0.7 * 20.0, free[node] / np.bincount(node, minlength=count)[node])
    if load <= room.sum():
        assert (laid <= room + 1e-6).all()
        assert (per_node(node, laid, count) <= free + 1e-6).all()


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
        assert "equal share" in NOTE_TEXTS[Note(made.note[2])]


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


def test_nothing_known_is_equal() -> None:
    unknown = PowerCurves(DEFAULT_KNOTS, np.full((2, DEFAULT_KNOTS.size), np.nan))
    made = proportional(one_pool(unknown, np.ones(2)))
    assert RULES[made.rule[0]] is Rule.EQUAL
    assert made.weights.tolist() == [50.0, 50.0]


def two_of_five(**more: Any) -> Pools:
    """Return 5 pods: two nodes run at 40 %, where their curve is nearly flat, and three at 5 %, where it is steep."""
    curves = PowerCurves(np.array([0.0, 35.0, 100.0]), np.array([[100.0, 300.0, 305.0]] * 5))
    return one_pool(curves, np.array([0.4, 0.4, 0.05, 0.05, 0.05]) * CAPACITY, **more)


def test_the_slope_at_the_present_load_is_only_the_rule_of_who_wants_it() -> None:
    assert proportional(two_of_five()).weights[:2].sum() > 95.0


@pytest.mark.parametrize("limit", [30.0, np.nan])
def test_weights_are_near_equal_until_the_load_is_known(limit: float) -> None:
    made = lookahead(two_of_five(limit=limit))
    assert (RULES[made.rule[0]], made.reason[0]) == (Rule.PROPORTIONAL, Reason.POD_NOT_MEASURED)
    assert made.weights.max() <= 2.0 * made.weights.min() + 1e-9


def test_without_limits_the_average_increase_up_to_the_ceiling_counts() -> None:
    pools = two_of_five(limit=np.nan, pods=np.full(5, 1.0))
    made = lookahead(pools, Limits(floor=0.0))
    assert made.reason[0] == Reason.NO_LIMIT
    ceiling = np.full(5, 0.7 * CAPACITY)
    usage = pools.nodes.usage_cores
    average = (pools.nodes.watts(ceiling) - pools.nodes.watts(usage)) / (ceiling - usage)
    assert made.weights == pytest.approx(100.0 / average / (1.0 / average).sum())
