"""The features of a model: names, ranges, and what is said of values outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import UsageError
from wao_predict.features import MAX_FEATURES, FeatureRanges, checked_features, outside_text

finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=20))
def test_clipping_moves_exactly_the_rows_outside(rows: list[tuple[float, float, float]]) -> None:
    ranges = FeatureRanges(cpu_usage=(0.0, 100.0), inlet_temp=(15.0, 40.0), delta_p=(0.0, 9.5))
    X = np.array(rows)
    clipped = ranges.clip(X)
    assert not ranges.outside(clipped).any()
    assert ranges.outside(X).tolist() == (clipped != X).any(axis=1).tolist()


@pytest.mark.parametrize("pair", [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("nan"))])
def test_a_range_from_high_to_low_is_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="of cpu_usage: give the lowest value first"):
        FeatureRanges(cpu_usage=pair)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["inlet_temp"], "cpu_usage is needed"),
        ([], "cpu_usage is needed"),
        (["cpu_usage", "cpu_usage"], "different names"),
        (["cpu_usage", ""], "different names"),
        (["cpu_usage", *map(str, range(MAX_FEATURES))], "at most 32"),
    ],
)
def test_names_that_cannot_be_those_of_a_power_model_are_refused(names: Sequence[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checked_features(names)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("inlet_temp", [22.0, np.nan], ""),
        (
            "inlet_temp",
            [295.15],
            "inlet_temp of 295.15 degC in row 0 is outside 0 to 50 degC (kelvin? 295.15 is 22 degC)",
        ),
        ("cpu_usage", [-1.0, 5.0, 51.0], "cpu_usage of -1 % in row 0 and 1 other row are outside 0 to 50 %"),
        ("gpu", [51.0, 52.0, 53.0], "gpu of 51 in row 0 and 2 other rows are outside 0 to 50"),
    ],
)
def test_values_outside_are_described_with_unit_and_likely_mistake(name: str, values: list[float], text: str) -> None:
    assert outside_text(name, np.array(values), 0.0, 50.0) == text
