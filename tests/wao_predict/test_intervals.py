"""Prediction intervals from held-out rows."""

import numpy as np
import pytest

from wao_predict import Predictor, UsageError
from wao_predict.arrays import FloatArray
from wao_predict.backends.fake import FakeBackend
from wao_predict.intervals import LEVELS, Intervals


def drawn(seed: int) -> tuple[FloatArray, FloatArray]:
    """Return loads, and residuals that spread more at higher load."""
    random = np.random.default_rng(seed)
    load = random.uniform(0, 100, 4000)
    return load, random.normal(0, 1 + load / 20, 4000)


LOAD, NOISE = drawn(0)


def made() -> Intervals:
    found = Intervals.of_residuals(LOAD, NOISE)
    assert found is not None
    return found


@pytest.mark.parametrize("level", [0.5, 0.7, 0.9, 0.95])
def test_further_rows_are_covered_in_each_part_of_the_load(level: float) -> None:
    load, noise = drawn(1)
    low, high = made().at(load, level)
    inside = (noise >= low) & (noise <= high)
    for part in (load < 30, load > 70):
        assert abs(inside[part].mean() - level) < 0.04


def test_bands_are_as_narrow_as_the_rows_allow() -> None:
    assert made().edges.tolist() == list(range(0, 101, 10))
    few = Intervals.of_residuals(np.full(50, 12.0), np.ones(50))
    assert few is not None
    assert few.edges.tolist() == [0, 100]
    assert Intervals.of_residuals(LOAD[:39], NOISE[:39]) is None


def test_the_text_of_a_model_file_comes_back() -> None:
    again = Intervals.from_json(made().to_json())
    assert again is not None
    np.testing.assert_allclose(again.high, made().high, atol=1e-3)
    assert again.levels.tolist() == list(LEVELS)
    assert Intervals.from_json("") is None


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"edges": [0, 100], "levels": [0.9], "low": [[-1]], "high": [[1, 2]]}',
        '{"edges": [0, 100], "levels": [0.9], "low": [[2]], "high": [[1]]}',
        '{"edges": [100, 0], "levels": [0.9], "low": [[-1]], "high": [[1]]}',
        '{"edges": [0, 100], "levels": [1.5], "low": [[-1]], "high": [[1]]}',
        '{"edges": [0, 100], "levels": [0.9], "low": [[NaN]], "high": [[1]]}',
    ],
)
def test_a_text_without_valid_intervals_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Intervals.from_json(text)


def test_a_predictor_gives_intervals_of_a_model_that_has_them() -> None:
    class Known(FakeBackend):
        intervals = made()

    rows: FloatArray = np.array([[0.5, 22.0, 5.0], [95.0, 22.0, 5.0]])
    predictor = Predictor(Known(10.0, 1.0))
    found = predictor.predict(rows, interval=0.9)
    np.testing.assert_allclose(found.watts, predictor.predict(rows))
    assert (found.low < found.watts).all()
    assert (found.high > found.watts).all()
    assert found.high[1] - found.low[1] > found.high[0] - found.low[0]
    with pytest.raises(UsageError, match=r"use a share of the rows from 0\.5 to 0\.95"):
        predictor.predict(rows, interval=0.99)
    with pytest.raises(UsageError, match="has no prediction intervals"):
        Predictor(FakeBackend(10.0, 1.0)).predict(rows, interval=0.9)
