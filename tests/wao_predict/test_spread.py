"""The spread baseline: what the same pods would cost on all nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.curves import PowerCurves
from wao_predict.spread import Baseline, SpreadNodes, SpreadPods, spread_baseline


def nodes(*usage: float, **fields: Any) -> SpreadNodes:
    """Return nodes of 10 cores, 100 W idle and 200 W at full load, of which the last half of the rise costs little."""
    count = len(usage)
    values: dict[str, Any] = {
        "curves": PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 180.0, 200.0]] * count)),
        "capacity_cores": np.full(count, 10.0),
        "allocatable_cores": np.full(count, 10.0),
        "usage_cores": np.array(usage),
        "off_watts": np.full(count, np.nan),
        "open": np.full(count, True),
        "room": np.full(count, 110),
    }
    return SpreadNodes(**(values | {name: np.array(value) for name, value in fields.items()}))


def pods(*places: int, cores: float = 1.0, **fields: Any) -> SpreadPods:
    values: dict[str, Any] = {
        "nodes": np.array(places, dtype=np.int64),
        "cores": np.full(len(places), cores),
        "movable": np.full(len(places), True),
    }
    return SpreadPods(**(values | {name: np.array(value) for name, value in fields.items()}))


def test_pods_on_one_node_save_what_they_would_cost_on_two() -> None:
    baseline = spread_baseline(nodes(8.0, 0.0), pods(0, 0))
    assert (baseline.present.tolist(), baseline.spread.tolist()) == ([192.0, 100.0], [164.0, 164.0])
    assert baseline.saved_watts == pytest.approx(36.0)


def test_a_spread_cluster_saves_nothing() -> None:
    assert spread_baseline(nodes(4.0, 4.0), pods(0, 1)).saved_watts == 0.0


def test_a_node_that_sleeps_is_on_and_takes_pods_in_the_baseline() -> None:
    baseline = spread_baseline(nodes(8.0, 0.0, off_watts=[np.nan, 8.0]), pods(0, 0))
    assert (baseline.present.tolist(), baseline.spread.tolist()) == ([192.0, 8.0], [164.0, 164.0])


def test_pods_of_daemon_sets_and_on_closed_nodes_stay() -> None:
    assert spread_baseline(nodes(8.0, 0.0), pods(0, 0, movable=[False, False])).saved_watts == 0.0
    assert spread_baseline(nodes(8.0, 0.0, open=[False, True]), pods(0, 0)).saved_watts == 0.0
    assert spread_baseline(nodes(8.0, 0.0, open=[True, False]), pods(0, 0)).saved_watts == 0.0


def test_a_pod_that_fits_nowhere_else_stays() -> None:
    full = nodes(8.0, 0.0, allocatable_cores=[0.5, 0.5])
    assert spread_baseline(full, pods(0, 0)).saved_watts == 0.0


def test_a_node_takes_no_more_pods_than_it_may_have() -> None:
    baseline = spread_baseline(nodes(8.0, 0.0, room=[110, 1]), pods(0, 0, 0, 0))
    assert baseline.spread[1] == pytest.approx(100.0 + 2.0 * 16.0)


def test_the_use_of_a_node_without_requests_stays() -> None:
    baseline = spread_baseline(nodes(8.0, 2.0), pods(0, 0))
    assert baseline.spread.tolist() == pytest.approx([164.0, 184.0])  # 4 and 2 + 4 cores


def test_the_measured_saving_does_not_contain_the_error_of_the_model() -> None:
    """Meters that show 10 % more than the model at every load show 10 % more saving."""
    baseline = spread_baseline(nodes(8.0, 0.0), pods(0, 0))
    assert baseline.measured_saved_watts(1.1 * baseline.present) == pytest.approx(1.1 * baseline.saved_watts)


def test_a_node_without_a_meter_counts_as_predicted() -> None:
    """Else the load that the baseline moves to or from it would count on one node only."""
    baseline = Baseline(np.array([192.0, 8.0]), np.array([164.0, 164.0]), np.array([True, False]))
    assert baseline.measured_saved_watts(np.array([np.nan, 10.0])) == pytest.approx(164.0 - 192.0 + 154.0)
    assert baseline.measured_saved_watts(np.array([np.nan, np.nan])) == baseline.saved_watts


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.1, 0.5, 2.0]), st.booleans()), max_size=40), st.data())
def test_the_load_of_the_fleet_is_the_same(chosen: list[tuple[int, float, bool]], data: st.DataObject) -> None:
    """With straight curves the power depends on the load alone."""
    usage = data.draw(st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5))
    straight = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 1100.0]] * 5))
    fleet = replace(nodes(*usage), curves=straight)
    places, cores, movable = (list(column) for column in zip(*chosen, strict=True)) if chosen else ([], [], [])
    found = SpreadPods(np.array(places, dtype=np.int64), np.array(cores, dtype=float), np.array(movable, dtype=bool))
    assert spread_baseline(fleet, found).saved_watts == pytest.approx(0.0, abs=1e-6)
