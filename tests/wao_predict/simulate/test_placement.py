"""Placement policies: each by its own rule, all comparable."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of, small_fleet
from wao_predict import Fleet, PowerCurves, UsageError
from wao_predict.simulate.placement import POLICIES, simulate

KNOTS = np.array([0.0, 50.0, 100.0])


def fleet(*watts: list[float], cores: float = 10.0) -> Fleet:
    """Idle nodes of ten cores with these watts at 0, 50 and 100 % CPU."""
    names = tuple(f"n{row}" for row in range(len(watts)))
    return Fleet(names, PowerCurves(KNOTS, np.array(watts)), np.full(len(watts), cores), np.zeros(len(watts)))


def placed(nodes: Fleet, policy: str, count: int, cores: float = 1.0) -> list[int]:
    """Pods on each node."""
    (outcome,) = simulate(nodes, cores, count, (policy,))
    return [int(pods) for pods in outcome.per_node]


@pytest.mark.parametrize("policy", list(POLICIES))
def test_every_policy_places_every_pod_where_it_fits(policy: str) -> None:
    for seed in range(5):
        nodes = small_fleet(seed, 6)
        (outcome,) = simulate(nodes, 1.0, 12, (policy,))
        assert outcome.per_node.sum() == 12
        assert (outcome.per_node <= nodes.room(1.0)).all()
        assert outcome.watts == pytest.approx(nodes.watts().sum() + outcome.increase)


def test_nothing_is_below_the_optimum() -> None:
    for seed in range(5):
        watts = {outcome.policy: outcome.watts for outcome in simulate(small_fleet(seed, 6), 1.0, 12)}
        assert watts["optimum"] == pytest.approx(min(watts.values()))
        assert set(POLICIES) == set(watts)


def test_spread_levels_the_share_of_cpu_in_use() -> None:
    nodes = fleet([0, 1, 2], [0, 1, 2], [0, 1, 2]).with_usage([5.0, 0.0, 0.0])
    assert placed(nodes, "spread", 10) == [0, 5, 5]


def test_the_reference_sees_no_difference_below_a_watt() -> None:
    nodes = fleet([100, 104.5, 109], [100, 100.5, 101])  # 0.9 and 0.1 W a pod: both 0 in whole watts
    assert placed(nodes, "marginal", 8) == [0, 8]
    assert min(placed(nodes, "reference", 8)) > 0


def test_the_reference_avoids_the_expensive_first_job() -> None:
    nodes = fleet([100, 200, 210], [100, 160, 220])
    assert placed(nodes, "reference", 10) == [0, 10]
    assert placed(nodes, "lookahead", 10) == [10, 0]


def test_in_a_burst_the_reference_spreads_over_equal_nodes() -> None:
    nodes = fleet_of(edge_lenovo=10)
    seen, burst, least = simulate(nodes, 2.0, 40, ("reference", "reference_burst", "optimum"))
    assert np.count_nonzero(seen.per_node) == np.count_nonzero(least.per_node) == 3
    assert np.count_nonzero(burst.per_node) > 7
    assert burst.watts > 1.3 * least.watts


def test_lookahead_keeps_to_the_node_it_began_with() -> None:
    assert sorted(placed(fleet_of(edge_lenovo=5), "lookahead", 40, 2.0)) == [0, 0, 8, 16, 16]


def test_an_unknown_policy_and_pods_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="no policy 'best'; there are spread"):
        simulate(fleet([1, 2, 3]), 1.0, 1, ("best",))
    with pytest.raises(UsageError, match="11 pods of 1 cores do not fit on these 1 nodes"):
        simulate(fleet([1, 2, 3]), 1.0, 11)
