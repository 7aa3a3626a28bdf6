"""Numbers and ages as people read them; a missing value is a dash."""

from __future__ import annotations

import math

import pytest

from wao_ui.texts import MISSING, ago, clock, number, power, span


@pytest.mark.parametrize("show", [number, power, span, clock])
def test_a_missing_value_is_a_dash_and_never_zero(show: object) -> None:
    assert callable(show)
    assert show(None) == MISSING


def test_numbers_that_are_not_finite_are_missing() -> None:
    assert (number(math.nan), power(math.inf), span(math.nan)) == (MISSING, MISSING, MISSING)


@pytest.mark.parametrize("at", [math.nan, math.inf, 1e15, -1e15, 1e17, 1e20])
def test_a_time_that_no_calendar_has_is_missing(at: float) -> None:
    assert clock(at) == MISSING


def test_an_age_has_one_unit() -> None:
    assert ago(100.0, 103.2) == "3 s ago"
    assert ago(0.0, 3 * 86_400.0) == "3 d ago"
    assert ago(None, 0.0) == MISSING
