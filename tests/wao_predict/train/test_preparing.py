"""What `wao train` changes in a table before a fit."""

from pathlib import Path

import numpy as np
import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.train.preparing import Preparation, in_units, prepared
from wao_predict.train.table import TrainingTable

RANDOM = np.random.default_rng(0)
LOAD = np.clip(50 + 8 * np.cumsum(RANDOM.normal(0, 1, 400)) % 50, 0, 100)
WATTS = 100 + LOAD + RANDOM.normal(0, 0.5, 400)


def table(load: np.ndarray = LOAD, watts: np.ndarray = WATTS, temp: float = 22.0) -> TrainingTable:
    X = np.column_stack([load, np.full(load.size, temp)])
    return TrainingTable(Path("t.csv"), X, watts, features=("cpu_usage", "inlet_temp"))


@pytest.mark.parametrize(
    ("how", "load", "temp"),
    [
        (Preparation(), 50.0, 22.0),
        (Preparation(load_unit="fraction"), 0.5, 22.0),
        (Preparation(load_unit="cores", cores=32), 16.0, 22.0),
        (Preparation(load_unit="millicores", cores=32), 16_000.0, 22.0),
        (Preparation(temp_unit="fahrenheit"), 50.0, 71.6),
        (Preparation(temp_unit="kelvin"), 50.0, 295.15),
    ],
)
def test_units_are_converted(how: Preparation, load: float, temp: float) -> None:
    made = in_units(table(np.full(3, load), np.full(3, 150.0), temp), how)
    np.testing.assert_allclose(made.X, [[50.0, 22.0]] * 3)


def test_a_load_above_all_cores_is_refused() -> None:
    with pytest.raises(FeatureError, match="cpu_usage reaches 200 % with --load-unit cores and 8 cores"):
        in_units(table(np.array([16.0])), Preparation(load_unit="cores", cores=8))


@pytest.mark.parametrize(
    "wrong", [{"cores": 8}, {"load_unit": "cores"}, {"load_unit": "cores", "cores": 0}, {"lag": 99}]
)
def test_options_that_contradict_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Preparation(**wrong)  # type: ignore[arg-type]


def test_an_estimated_lag_is_compensated_and_a_given_one_used() -> None:
    delayed = table(watts=np.roll(WATTS, 3))
    made = prepared(delayed, Preparation())
    np.testing.assert_allclose(made.watts, WATTS[:-3])
    np.testing.assert_allclose(made.column("cpu_usage"), LOAD[:-3])
    np.testing.assert_allclose(prepared(delayed, Preparation(lag=0)).watts, delayed.watts)


def test_stale_watts_are_dropped_and_steady_ones_kept() -> None:
    load = np.array([10.0, 11, 50, 60, 60, 60, 20])
    watts = np.array([110.0, 110, 110, 160, 160, 160, 160])
    made = prepared(table(load, watts), Preparation(lag=0, drop_repeats=True))
    assert made.column("cpu_usage").tolist() == [10, 11, 60, 60, 60]


def test_outliers_are_dropped_on_request() -> None:
    watts = WATTS.copy()
    watts[7] = 900.0
    assert len(prepared(table(watts=watts), Preparation(lag=0))) == 400
    assert len(prepared(table(watts=watts), Preparation(lag=0, drop_outliers=True))) == 399
