"""Holding out: whole planes of a grid, whole blocks of a log, and the error figures."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wao_predict import UsageError
from wao_predict.train.holdout import ErrorFigures, HeldOut, Holdout, evaluate, holdout_masks

GRID = np.array(list(itertools.product(range(0, 101, 10), range(15, 24), range(6))), dtype=np.float64)
LOG = np.random.default_rng(0).uniform((0, 15, 0), (100, 40, 9), (200, 3))


def test_of_a_grid_whole_inner_planes_are_held_out() -> None:
    masks = holdout_masks(GRID)
    assert list(masks) == ["cpu_usage planes", "inlet_temp planes", "delta_p planes"]
    for (name, mask), column in zip(masks.items(), GRID.T, strict=True):
        held = set(column[mask])
        assert held.isdisjoint(column[~mask]), name
        assert min(column) not in held
        assert max(column) not in held


def test_of_a_log_every_fifth_block_is_held_out() -> None:
    (mask,) = holdout_masks(LOG).values()
    assert 0.15 < mask.mean() < 0.25
    assert np.count_nonzero(np.diff(mask.astype(int))) == 20


def test_a_log_is_no_grid() -> None:
    with pytest.raises(UsageError, match="not a grid"):
        holdout_masks(LOG, "planes")


def test_nothing_is_held_out_on_request_and_a_tiny_table_is_reported() -> None:
    assert holdout_masks(LOG, "none") == {}
    with pytest.raises(UsageError, match="too few"):
        holdout_masks(LOG[:5])
    unknown: Holdout = "random"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="use one of"):
        holdout_masks(LOG, unknown)


@given(st.integers(10, 3000))
def test_some_rows_are_held_out_and_most_stay(rows: int) -> None:
    (mask,) = holdout_masks(np.zeros((rows, 3)) + np.arange(rows)[:, None]).values()
    assert 0 < mask.sum() < rows / 3


def test_a_model_never_sees_the_rows_it_is_asked_for() -> None:
    class Remembers:
        def fit(self, X: NDArray[np.float64], y: NDArray[np.float64]) -> None:
            self.seen = {tuple(row) for row in X}

        def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            assert not self.seen & {tuple(row) for row in X}
            return np.full(len(X), 110.0)

    asked: list[str] = []
    held_out = evaluate(
        lambda name: asked.append(name) or Remembers(),  # type: ignore[func-returns-value]
        GRID,
        np.full(len(GRID), 100.0),
        holdout_masks(GRID),
    )
    assert asked == ["cpu_usage planes", "inlet_temp planes", "delta_p planes"]
    assert held_out.figures()["all"].mape == pytest.approx(10.0)


def test_error_figures_of_a_known_case() -> None:
    figures = ErrorFigures.of(np.array([110.0, 190.0]), np.array([100.0, 200.0]))
    assert figures == ErrorFigures(rows=2, mae=10.0, rmse=10.0, mape=7.5)


def test_errors_are_reported_by_cpu_band_and_by_group() -> None:
    X = np.array([[10.0, 20, 1], [29.9, 20, 1], [30.0, 20, 1], [100.0, 20, 1]])
    held_out = HeldOut(X, np.full(4, 100.0), np.array([101.0, 103, 104, 108]), np.array(["a", "a", "b", "b"]))
    found = {name: figures.mape for name, figures in held_out.figures().items()}
    assert found == pytest.approx({"all": 4, "0-30 % CPU": 2, "30-100 % CPU": 6, "a": 2, "b": 6})


def test_a_band_without_rows_is_left_out() -> None:
    held_out = HeldOut(np.array([[50.0, 20, 1]]), np.array([100.0]), np.array([99.0]), np.array(["a"]))
    assert list(held_out.figures()) == ["all", "30-100 % CPU"]
