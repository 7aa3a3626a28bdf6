"""Policies: each by its own rule."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of, small_fleet
from wao_predict.curves import PowerCurves
from wao_predict.fleet import Fleet
from wao_predict.increase import watt_increase
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.policies import POLICIES, SAMPLE_AGE, fit_exponential, policy_of

DRAW = np.random.default_rng
WINDOW = 86_400.0


def nodes_of(fleet: Fleet) -> SimulatedNodes:
    return SimulatedNodes(fleet, floor_window=WINDOW)


def four(load: list[float]) -> SimulatedNodes:
    """Nodes of ten and twenty cores with linear curves, and this load [cores]."""
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 150.0]] * 2))
    return nodes_of(Fleet(tuple("abcd"), curves, np.array([10.0, 10.0, 20.0, 20.0]), np.array(load)))


@pytest.mark.parametrize(("policy", "order"), [("least-allocated", [2, 3, 1, 0]), ("most-allocated", [0, 1, 3, 2])])
def test_kubernetes_compares_the_fraction_of_cpu_requested(policy: str, order: list[int]) -> None:
    nodes = four([5.0, 4.0, 1.0, 2.0])
    assert np.argsort(policy_of(policy)(nodes, DRAW(0)).costs(nodes, 1.0)).tolist() == order


@pytest.mark.parametrize("rule", ["marginal", "lookahead", "floor"])
def test_our_rules_are_the_functions_of_the_scheduler(rule: str) -> None:
    fleet = small_fleet(4, 7)
    nodes = nodes_of(fleet)
    policy = policy_of(rule)(nodes, DRAW(0))
    for node in (2, 5, 2):
        nodes.add(node, 0.5, 0.5)
        expected = watt_increase(
            fleet.curves,
            nodes.load,
            0.5 * nodes.percent,
            rule=rule,  # type: ignore[arg-type]
            floor=nodes.floor,
        )
        np.testing.assert_allclose(policy.costs(nodes, 0.5), expected, rtol=1e-12)


def test_new_curves_change_the_costs() -> None:
    nodes = nodes_of(small_fleet(4, 7))
    for policy in (policy_of(name)(nodes, DRAW(0)) for name in ("peaks", "floor")):
        before = policy.costs(nodes, 1.0).copy()
        nodes.set_curves(PowerCurves(nodes.curves.knots, 2 * nodes.curves.watts))
        assert policy.costs(nodes, 1.0) == pytest.approx(2 * before, rel=1e-6)


def test_peaks_fits_an_exponential_to_each_curve() -> None:
    knots = np.linspace(0.0, 100.0, 41)
    exact = np.array([180 + 40 * np.exp(0.8 * knots / 100), 400 - 90 * np.exp(-4.0 * knots / 100)])
    height, bend = fit_exponential(PowerCurves(knots, exact))
    jump = height * (np.exp(0.6 * bend) - np.exp(0.4 * bend))
    assert jump == pytest.approx(exact[:, 24] - exact[:, 16], rel=0.1)


def test_the_reference_sees_the_load_of_the_last_sample() -> None:
    nodes = nodes_of(fleet_of(edge_lenovo=2))
    policy = policy_of("reference")(nodes, DRAW(0))
    nodes.add(0, 30.0, 30.0)
    early = np.round(policy.costs(nodes, 1.0))
    assert early[0] == pytest.approx(early[1], abs=1)
    nodes.advance(SAMPLE_AGE)
    late = policy.costs(nodes, 1.0)
    assert late[0] < late[1] - 50  # the loaded node is nearly free


def test_the_reference_has_no_preference_below_a_watt() -> None:
    nodes = four([0.0, 0.0, 0.0, 0.0])
    policy = policy_of("reference")(nodes, DRAW(0))
    chosen = [int(np.argmin(policy.costs(nodes, 0.1))) for _ in range(200)]
    assert set(chosen) == {1, 2, 3}  # 1 W on the first node, less than 1 W on each other


def test_random_choices_depend_on_the_seed_alone() -> None:
    nodes = four([0.0] * 4)
    first, again, other = (policy_of("random")(nodes, DRAW(seed)).costs(nodes, 1.0).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_the_stock_scheduler_is_the_first_policy() -> None:
    assert next(iter(POLICIES)) == "least-allocated"
