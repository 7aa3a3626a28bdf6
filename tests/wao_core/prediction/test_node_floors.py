"""Floors by node name: nodes come and go, samples are missing, and a history replaces what was not observed."""

from __future__ import annotations

import numpy as np

from wao_core.prediction.node_floors import NodeFloors
from wao_predict.recording.aligning import Series

NAN = float("nan")
HOUR = 3600.0
NAMES = ("a", "b")


def test_the_floor_is_the_lowest_load_so_far() -> None:
    floors = NodeFloors()
    assert floors.update(0.0, NAMES, np.array([4.0, 8.0])).tolist() == [4.0, 8.0]
    assert floors.update(HOUR, NAMES, np.array([6.0, 2.0])).tolist() == [4.0, 2.0]
    assert floors.since.tolist() == [0.0, 0.0]


def test_a_day_later_a_low_load_is_forgotten() -> None:
    floors = NodeFloors()
    floors.update(0.0, NAMES, np.array([1.0, 1.0]))
    for hour in range(1, 27):
        found = floors.update(hour * HOUR, NAMES, np.array([5.0, 6.0]))
    assert found.tolist() == [5.0, 6.0]
    assert floors.since.tolist() == [2 * HOUR, 2 * HOUR]


def test_nodes_keep_their_floors_when_others_come_and_go() -> None:
    floors = NodeFloors()
    floors.update(0.0, NAMES, np.array([1.0, 2.0]))
    found = floors.update(60.0, ("b", "c"), np.array([9.0, 7.0]))
    assert found.tolist() == [2.0, 7.0]
    assert floors.since.tolist() == [0.0, 60.0]


def test_a_node_without_a_sample_has_no_floor() -> None:
    floors = NodeFloors()
    found = floors.update(0.0, NAMES, np.array([NAN, 2.0]))
    np.testing.assert_array_equal(found, [NAN, 2.0])
    np.testing.assert_array_equal(floors.since, [NAN, 0.0])
    found = floors.update(60.0, NAMES, np.array([3.0, NAN]))
    assert found.tolist() == [3.0, 2.0]
    assert floors.since.tolist() == [60.0, 0.0]


def history(*pairs: tuple[float, float]) -> Series:
    """Return loads by the hour."""
    hours, loads = np.array(pairs, dtype=np.float64).T
    return Series.of(hours * HOUR, loads)


def test_a_history_lowers_the_floors_of_present_and_later_nodes() -> None:
    floors = NodeFloors()
    floors.update(10 * HOUR, NAMES, np.array([4.0, 8.0]))
    floors.restore({"a": history((2, 3.0), (3, 1.0)), "c": history((2, 0.5)), "never": history((9, 0.1))})
    assert floors.update(10 * HOUR, NAMES, np.array([4.0, 8.0])).tolist() == [1.0, 8.0]
    assert floors.since.tolist() == [2 * HOUR, 10 * HOUR]
    assert floors.update(11 * HOUR, ("a", "c"), np.array([4.0, 3.0])).tolist() == [1.0, 0.5]
    assert floors.since.tolist() == [2 * HOUR, 2 * HOUR]


def test_a_load_of_the_history_is_forgotten_a_day_after_it_was_measured() -> None:
    floors = NodeFloors()
    floors.update(24 * HOUR, NAMES, np.array([4.0, 4.0]))
    floors.restore({"a": history((3, 1.0), (12, 2.0))})
    assert floors.update(26 * HOUR, NAMES, np.array([4.0, 4.0])).tolist() == [1.0, 4.0]
    assert floors.update(30 * HOUR, NAMES, np.array([4.0, 4.0])).tolist() == [2.0, 4.0]


def test_a_history_that_is_too_old_or_above_the_present_load_changes_nothing() -> None:
    floors = NodeFloors()
    floors.restore({"a": history((1, 0.1)), "b": history((40, 9.0))})
    assert floors.update(48 * HOUR, NAMES, np.array([4.0, 8.0])).tolist() == [4.0, 8.0]
    assert floors.since.tolist() == [48 * HOUR, 40 * HOUR]
