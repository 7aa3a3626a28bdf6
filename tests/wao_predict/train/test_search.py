"""The search for a size and seed. Training itself is in test_session.py."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skl2onnx", reason="training needs an extra")

from wao_predict import UsageError
from wao_predict.train import TrainingPlan
from wao_predict.train.search import Trial, Tried, candidates, search
from wao_predict.train.table import TrainingTable

pytestmark = pytest.mark.train
TABLE = TrainingTable(
    Path("t.csv"), np.linspace(0, 100, 60)[:, None], np.linspace(100, 200, 60), features=("cpu_usage",)
)


def scored(work: Callable[[Trial], Tried], trials: Sequence[Trial]) -> Iterator[Tried]:
    """Give each plan an error by its size and seed, in place of training."""
    for trial in reversed(trials):
        yield Tried(trial.plan, {(32, 0): 1.0, (16, 1): 1.0}.get((trial.plan.hidden, trial.plan.seed), 2.0))


def test_the_smallest_error_wins_and_of_equal_ones_the_smaller_network() -> None:
    seen: list[Tried] = []
    best = search(TABLE, TrainingPlan(), 10, executor=scored, on_tried=seen.append)
    assert (best.plan.hidden, best.plan.seed) == (16, 1)
    assert len(seen) == 10
    assert len({(made.hidden, made.seed) for made in candidates(TrainingPlan(), 10)}) == 10


@pytest.mark.parametrize("plan", [TrainingPlan(holdout="none"), TrainingPlan(route="sklearn")])
def test_a_plan_that_cannot_be_compared_is_refused(plan: TrainingPlan) -> None:
    with pytest.raises(UsageError, match="held-out rows"):
        search(TABLE, plan, 2, executor=scored)


def test_a_real_search_trains_and_measures() -> None:
    pytest.importorskip("torch", reason="training needs the extra train")
    best = search(TABLE, TrainingPlan(epochs=20), 2, executor=lambda work, trials: map(work, trials))
    assert 0 < best.mape < 20
