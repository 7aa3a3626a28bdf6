"""Pods that are drawn at a constant load."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict import UsageError
from wao_predict.simulate.trace import Trace
from wao_predict.simulate.workloads import LIFE, PodMix

HOUR = 3600.0


@pytest.mark.parametrize("mix", [PodMix.of_sizes(), PodMix.of_sizes(2.0)], ids=["mixed sizes", "one size"])
def test_the_load_is_the_same_from_the_first_to_the_last_hour(mix: PodMix) -> None:
    traces = [mix.trace(2_000.0, seed=seed, horizon=48 * HOUR) for seed in range(3)]
    for hour in (0, 20, 47):
        moment = (hour + 0.5) * HOUR
        used = [float(t.use[(t.arrival <= moment) & (t.arrival + t.duration > moment)].sum()) for t in traces]
        assert np.mean(used) == pytest.approx(2_000.0, rel=0.06)


def test_drawn_pods_have_the_sizes_and_the_mean_life_of_the_mix() -> None:
    assert PodMix.of_sizes().duration.mean() == pytest.approx(LIFE)
    trace = PodMix.of_sizes(1.5).trace(60.0, seed=1, horizon=24 * HOUR)
    assert set(trace.request) == {1.5}
    assert not trace.movable.any()


def test_a_trace_is_drawn_again_with_the_same_seed() -> None:
    first, again, other = (PodMix.of_sizes().trace(60.0, seed=seed, horizon=HOUR) for seed in (1, 1, 2))
    assert first.arrival.tolist() == again.arrival.tolist()
    assert len(first) != len(other)


def test_pods_of_a_trace_keep_their_use_and_one_that_stays_lasts_as_long_as_the_trace() -> None:
    trace = Trace.of([0, 10, 20], [HOUR, np.inf, 60], [2, 4, 1], use=[1, 3, 0], horizon=2 * HOUR)
    mix = PodMix.of_trace(trace)
    assert mix.request.tolist() == [2, 4]
    assert mix.use.tolist() == [1, 3]
    assert mix.duration.tolist() == [HOUR, 2 * HOUR]


def test_a_load_of_almost_nothing_has_one_pod() -> None:
    assert len(PodMix.of_sizes(1.0).trace(1e-9, seed=0, horizon=HOUR)) == 1


def test_a_mix_without_usable_pods_is_refused() -> None:
    idle = Trace.of([0], [1], [1], use=[0])
    with pytest.raises(UsageError, match="no pod of the table uses CPU"):
        PodMix.of_trace(idle)
    one, none = np.ones(1), np.empty(0)
    for columns in ((none, none, none), (one, np.ones(2), one), (one, one, np.array([np.inf]))):
        with pytest.raises(UsageError):
            PodMix(*columns)
