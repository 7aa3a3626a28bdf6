"""Bounded corrections."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import UsageError
from wao_predict.calibration.correction import Bounds, Correction, fit_correction

PREDICTED = np.random.default_rng(0).uniform(100, 300, 400)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1.1, -10.0), (0.85, 20.0), (1.0, 15.0)])
def test_the_true_correction_is_found_in_noise_with_outliers(scale: float, offset: float) -> None:
    measured = scale * PREDICTED + offset + np.random.default_rng(1).normal(0, 2, 400)
    measured[::40] = 900.0
    found = fit_correction(PREDICTED, measured)
    assert abs(found.scale - scale) < 0.02
    assert np.mean(np.abs(found.apply(PREDICTED) - scale * PREDICTED - offset)) < 1.5


def test_a_scale_is_not_guessed_from_a_quiet_server() -> None:
    quiet = np.random.default_rng(2).normal(150, 1, 400)
    assert fit_correction(quiet, 3.0 * quiet - 290.0).scale == 1.0


@given(st.floats(0.1, 10), st.floats(-500, 500), st.integers(2, 60))
def test_a_correction_stays_within_its_bounds(scale: float, offset: float, rows: int) -> None:
    bounds = Bounds(scale=(0.9, 1.1), offset=0.1)
    predicted = PREDICTED[:rows]
    found = fit_correction(predicted, np.maximum(scale * predicted + offset, 1.0), bounds)
    assert 0.9 <= found.scale <= 1.1
    assert abs(found.offset) <= 0.1 * predicted.mean() + 1e-3
    assert (found.apply(predicted) >= 0).all()


def test_power_is_never_negative() -> None:
    assert Correction(1.0, -200.0).apply(np.array([100.0])).tolist() == [0.0]


@pytest.mark.parametrize("wrong", [{"scale": (1.1, 1.2)}, {"scale": (0.0, 1.2)}, {"offset": -0.1}])
def test_bounds_that_exclude_no_correction_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Bounds(**wrong)  # type: ignore[arg-type]
