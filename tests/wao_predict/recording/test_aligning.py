"""Rows of a recording from series with different sample times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.recording.aligning import HOLD, Series, aligned


def series(*pairs: tuple[float, float]) -> Series:
    return Series.of(*np.array(pairs, dtype=np.float64).reshape(-1, 2).T)


def test_load_and_power_are_averaged_and_a_temperature_keeps_its_last_value() -> None:
    rows = aligned(
        "a",
        {
            "cpu_usage": series((5, 10), (12, 30), (25, 50), (29, 70)),
            "inlet_temp": series((1, 22), (20, 23)),
            "watts": series((8, 100), (14, 140), (22, 200), (30, 300)),
        },
        period=15,
    )
    assert [(row.time, dict(row.values)) for row in rows] == [
        (15, {"cpu_usage": 20, "inlet_temp": 22, "watts": 120}),
        (30, {"cpu_usage": 60, "inlet_temp": 23, "watts": 250}),
    ]


def test_a_period_without_a_sample_has_no_row() -> None:
    given = {"cpu_usage": series((5, 10), (50, 20)), "watts": series((5, 100), (20, 110), (50, 120))}
    assert [row.time for row in aligned("a", given, period=15)] == [15, 60]


def test_an_old_temperature_is_missing() -> None:
    late = HOLD + 100.0
    load = series((10, 1), (late, 2))
    rows = aligned("a", {"cpu_usage": load, "watts": load, "inlet_temp": series((5, 20))}, period=20)
    assert [row.time for row in rows] == [20]


def test_rows_that_are_recorded_already_are_left_out() -> None:
    at = np.arange(1.0, 100.0)
    given = {"cpu_usage": Series(at, at), "watts": Series(at, at)}
    assert [row.time for row in aligned("a", given, period=30, after=60)] == [90, 120]


@pytest.mark.parametrize("given", [{}, {"cpu_usage": series(), "watts": series((1, 1))}])
def test_nothing_known_is_no_row(given: dict[str, Series]) -> None:
    assert aligned("a", given, period=15) == []


def test_samples_are_sorted_and_only_finite_ones_count() -> None:
    made = series((3, 30), (1, 10), (2, np.nan), (3, 31))
    assert (made.time.tolist(), made.value.tolist()) == ([1, 3], [10, 31])


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 100)), min_size=1, max_size=40), st.floats(1, 200))
def test_values_stay_within_those_of_the_samples(pairs: list[tuple[float, float]], period: float) -> None:
    made = series(*pairs)
    for row in aligned("a", {"cpu_usage": made, "watts": made}, period=period):
        assert made.value.min() - 1e-6 <= row.values["watts"] <= made.value.max() + 1e-6
