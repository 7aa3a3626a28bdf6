"""Floors and ceilings of shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from tests.wao_predict.traffic.fleets import CAPACITY, one_pool
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic.limits import Limits, with_floor, within_ceilings

CURVES = curves_of(0, 3, DEFAULT_KNOTS)


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=8), st.floats(0.0, 100.0))
def test_each_share_is_at_least_the_floor_and_they_sum_to_one(amounts: list[float], floor: float) -> None:
    count = len(amounts)
    pools = one_pool(curves_of(0, count, DEFAULT_KNOTS), np.zeros(count))
    shares = with_floor(pools, np.array(amounts), floor)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= floor / 100.0 / count - 1e-9).all()


def test_ceilings_in_cores() -> None:
    pools = one_pool(CURVES, np.zeros(3), limit=10.0)
    limits = Limits(node_ceiling=50.0, pod_ceiling=80.0)
    assert limits.node_cores(pools.nodes).tolist() == [0.5 * CAPACITY] * 3
    assert limits.pod_cores(pools).tolist() == [8.0] * 3


def test_the_excess_of_an_endpoint_goes_to_the_others() -> None:
    """10 cores of load; each pod may use 4 at most."""
    pools = one_pool(CURVES, np.full(3, 4.0), pods=np.array([2.0, 3.0, 5.0]), limit=4.0)
    limits, no = Limits(pod_ceiling=100.0), np.array([False])
    shares = within_ceilings(pools, np.array([0.8, 0.1, 0.1]), limits, saturated=no)
    assert shares.tolist() == pytest.approx([0.4, 0.3, 0.3])


@pytest.mark.parametrize("saturated", [True, False])
def test_shares_without_a_known_load_stay_as_they_are(saturated: bool) -> None:
    pools = one_pool(CURVES, np.full(3, 4.0))
    wanted = np.array([0.8, 0.1, 0.1])
    assert (within_ceilings(pools, wanted, Limits(), saturated=np.array([saturated])) == wanted).all()


def test_a_saturated_pool_is_split_by_free_capacity() -> None:
    """The pods may use 4, 4, and, by their node's ceiling, 2 cores."""
    pods = np.array([1.0, 1.0, 1.0])
    pools = one_pool(CURVES, np.array([1.0, 1.0, 0.7 * CAPACITY - 1.0]), pods=pods, limit=4.0)
    limits = Limits(node_ceiling=70.0, pod_ceiling=100.0)
    shares = within_ceilings(pools, np.full(3, 1 / 3), limits, saturated=np.array([True]))
    assert shares.tolist() == pytest.approx([0.4, 0.4, 0.2])
