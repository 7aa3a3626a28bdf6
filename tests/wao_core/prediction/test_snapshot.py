"""A snapshot cannot be changed by those who decide on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.snapshots import snapshot

ARRAYS = (
    "capacity_cores allocatable_cores usage_cores usage_at usage_window inlet_temp inlet_temp_at delta_p delta_p_at"
).split()


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_only(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(snapshot(["a"]), name)[0] = 1.0


def test_curves_are_read_only() -> None:
    made = snapshot(["a"])
    with pytest.raises(ValueError, match="read-only"):
        made.curves.watts[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        made.curves.knots[0] = 1.0


def test_the_index_is_read_only() -> None:
    index: Any = snapshot(["a"]).index
    with pytest.raises(TypeError):
        index["b"] = 1


def test_rows_are_found_by_name() -> None:
    made = snapshot(["a", "b"])
    assert made.rows(("b", "x", "a")).tolist() == [1, -1, 0]
    assert made.rows(()).tolist() == []
