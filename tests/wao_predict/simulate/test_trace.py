"""Traces: what is drawn, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wao_predict import UsageError
from wao_predict.simulate.trace import DAY, SIZES, Trace, daily_trace


@pytest.mark.parametrize("load", [0.1, 0.3, 0.65])
def test_the_pods_of_a_day_need_the_wanted_fraction_of_the_fleet(load: float) -> None:
    trace = daily_trace(640.0, load=load, pods=300, seed=3)
    assert float((trace.use * trace.duration).sum()) / DAY / 640.0 == pytest.approx(load)
    assert trace.offered_cores() < 640.0 * load  # some pods run on after midnight


def test_twice_as_many_pods_arrive_at_noon_as_at_midnight() -> None:
    hours = np.histogram(daily_trace(640.0, pods=200_000, seed=1).arrival, bins=24, range=(0, DAY))[0]
    assert hours[11:13].sum() / (hours[0] + hours[-1]) == pytest.approx(2.0, rel=0.06)


def test_days_repeat_with_other_pods() -> None:
    trace = daily_trace(640.0, pods=1000, days=3, seed=1)
    assert len(trace) == 3000
    assert trace.horizon == 3 * DAY
    assert np.histogram(trace.arrival, bins=3, range=(0, 3 * DAY))[0] == pytest.approx([1000] * 3, rel=0.1)


def test_a_seed_gives_the_same_pods_again_and_another_one_others() -> None:
    first, again, other = (daily_trace(640.0, pods=50, movable=0.7, seed=seed) for seed in (1, 1, 2))
    assert first.arrival.tolist() == again.arrival.tolist()
    assert first.movable.tolist() == again.movable.tolist()
    assert first.arrival.tolist() != other.arrival.tolist()
    assert set(first.request.tolist()) <= set(SIZES)
    assert 0.4 < first.movable.mean() < 0.95


def test_columns_are_sorted_by_arrival_and_end_with_the_last_pod() -> None:
    movable = np.array([True, False], dtype=object)  # as in a column of a data frame
    trace = Trace.of([60.0, 0.0], [10.0, 20.0], [1.0, 2.0], use=[0.5, 0.25], movable=movable)
    assert trace.arrival.tolist() == [0.0, 60.0]
    assert trace.use.tolist() == [0.25, 0.5]
    assert trace.movable.tolist() == [False, True]
    assert trace.horizon == 70.0
    assert Trace.of([5.0], [np.inf], [1.0]).horizon == 5.0


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"arrival": [-1.0]}, "arrival of pod 1 is -1: give a time in seconds, from 0 to 10 years"),
        ({"duration": [1e300]}, r"the simulated time is 1e\+300 s: give a horizon above 0 s and at most 10 years"),
        ({"request": [1e30]}, r"request of pod 1 is 1e\+30: give CPU cores, above 0 to 1,000,000"),
        ({"arrival": [np.nan]}, "arrival of pod 1 is nan"),
        ({"duration": [0.0]}, "duration of pod 1 is 0: give a time above 0 s"),
        ({"request": [0.0]}, "request of pod 1 is 0: give CPU cores, above 0 to 1,000,000"),
        ({"use": [-0.5]}, "use of pod 1 is -0.5"),
        ({"use": [1.0, 2.0]}, "2 values of use for 1 pods"),
        ({"horizon": 0.0}, "the simulated time is 0 s"),
        ({"horizon": "a day"}, "horizon has values that are not numbers"),
        ({"movable": ["no"]}, "movable has values that are not booleans: give True or False for each pod"),
    ],
)
def test_columns_that_cannot_be_used_are_named(columns: dict[str, Any], words: str) -> None:
    usable: dict[str, Any] = {"arrival": [1.0], "duration": [1.0], "request": [1.0]}
    with pytest.raises(UsageError, match=words):
        Trace.of(**usable | columns)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"load": 0.0}, "load: give a number above 0 and at most 1"),
        ({"load": 1.1}, "load"),
        ({"pods": 0}, "pods: give a number at least 1"),
        ({"days": 0}, "days"),
        ({"peak": 0.5}, "peak"),
        ({"movable": 1.5}, "movable: give a number from 0 to 1"),
        ({"pods": 1.5}, "pods is 1.5: give a whole number"),
        ({"days": "3"}, "days is .3.: give a whole number"),
        ({"movable": "all"}, "movable has values that are not numbers"),
    ],
)
def test_what_is_no_number_or_out_of_range_is_named(numbers: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        daily_trace(100.0, **numbers)


def test_pods_that_run_already_come_first() -> None:
    drawn = Trace.of(arrival=[0.0, 5.0], duration=[10.0, 10.0], request=[1.0, 2.0])
    running = replace(Trace.of(arrival=[0.0], duration=[100.0], request=[4.0]), node=np.array([3]))
    both = drawn.after(running)
    assert both.request.tolist() == [4.0, 1.0, 2.0]
    assert both.node is not None
    assert both.node.tolist() == [3, -1, -1]
    assert both.horizon == drawn.horizon
