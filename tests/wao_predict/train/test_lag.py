"""The delay between load and watts."""

import numpy as np
import pytest

from wao_predict.train.lag import aligned_rows, estimate_lag

RANDOM = np.random.default_rng(1)
LOAD = np.clip(50 + 8 * np.cumsum(RANDOM.normal(0, 1, 900)) % 50, 0, 100)
WATTS = 100 + 90 * (1 - np.exp(-LOAD / 40)) + RANDOM.normal(0, 2, 900)
ONE = [np.arange(900)]


@pytest.mark.parametrize("rows", [-7, -1, 0, 1, 2, 5, 12, 30])
def test_the_delay_is_found_in_noise_and_on_a_bent_curve(rows: int) -> None:
    assert estimate_lag(LOAD, np.roll(WATTS, rows), ONE) == rows


def test_each_recording_has_the_same_delay() -> None:
    parts = [np.arange(300), np.arange(300, 900)]
    watts = np.concatenate([np.roll(WATTS[:300], 3), np.roll(WATTS[300:], 3)])
    assert estimate_lag(LOAD, watts, parts) == 3


@pytest.mark.parametrize(
    ("load", "watts"),
    [
        (RANDOM.permutation(LOAD), np.roll(WATTS, 5)),  # no order of time
        (LOAD[:40], np.roll(WATTS, 5)[:40]),  # too few
        (np.full(900, 50.0), WATTS),
        (LOAD, RANDOM.normal(100, 5, 900)),  # watts that do not depend on load
    ],
)
def test_no_delay_is_guessed(load: np.ndarray, watts: np.ndarray) -> None:
    assert estimate_lag(load, watts, [np.arange(load.size)]) == 0


@pytest.mark.parametrize(("lag", "load", "watts"), [(2, [0, 1, 4], [2, 3, 6]), (-1, [1, 2, 3, 5, 6], [0, 1, 2, 4, 5])])
def test_rows_are_aligned_within_their_recording(lag: int, load: list[int], watts: list[int]) -> None:
    found = aligned_rows([np.arange(4), np.arange(4, 7)], lag)
    assert [rows.tolist() for rows in found] == [load, watts]


def test_a_recording_shorter_than_the_delay_has_no_rows() -> None:
    assert [rows.tolist() for rows in aligned_rows([np.arange(2)], 5)] == [[], []]
