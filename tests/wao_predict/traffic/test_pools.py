"""Pools made by hand: sizes, errors, smoothing, and the power of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wao_predict import PowerCurves, UsageError
from wao_predict.traffic import Nodes, Pools, ServiceTraffic, split_watts

CURVES = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
NODES = Nodes(CURVES, np.full(2, 10.0), np.full(2, 2.0))


def test_services_become_consecutive_pools() -> None:
    services = [ServiceTraffic([0, 1], [1.0, 2.0], 4.0), ServiceTraffic([1, -1, 0], [1.0, np.nan, 1.0], [1, 2, 3], 0.5)]
    pools = Pools.of_services(services, NODES)
    assert (len(pools), pools.parts.counts.tolist()) == (2, [2, 3])
    assert pools.node.tolist() == [0, 1, 1, -1, 0]
    assert pools.cpu_limit.tolist() == [4.0, 4.0, 1.0, 2.0, 3.0]
    np.testing.assert_allclose(pools.load, [3.0, np.nan])
    np.testing.assert_allclose(pools.at_node(np.array([5.0, 6.0])), [5.0, 6.0, 6.0, np.nan, 5.0])
    assert pools.per_node(np.ones(5)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"node": []}, "service 0: no endpoints"),
        ({"node": [0, 2]}, r"service 0, node: rows are -1 \(unknown\) to 1, got \[0, 2\]"),
        ({"cpu_cores": [1.0, 1.0, 1.0]}, "service 0, cpu_cores: 3 values for 2 endpoints"),
        ({"cpu_limit": []}, "service 0, cpu_limit: 0 values for 2 endpoints"),
        ({"rule": "equal"}, "service 0, rule: write lookahead or proportional, got 'equal'"),
    ],
)
def test_errors_name_the_service_and_the_field(service: dict[str, Any], words: str) -> None:
    fields: dict[str, Any] = {"node": [0, 1], "cpu_cores": [1.0, 1.0], "cpu_limit": 4.0}
    with pytest.raises(UsageError, match=words):
        Pools.of_services([ServiceTraffic(**(fields | service))], NODES)


def test_no_services_are_no_pools() -> None:
    assert len(Pools.of_services([], NODES)) == 0


def test_the_power_of_a_split_counts_the_load_where_it_goes() -> None:
    pools = Pools.of_services([ServiceTraffic([0, 1], [1.0, 1.0], 4.0)], NODES)
    assert split_watts(pools, [50.0, 50.0]) == pytest.approx(260.0)
    assert split_watts(pools, [100.0, 0.0]) == pytest.approx(250.0)
