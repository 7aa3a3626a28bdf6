"""Quantities, equal to Go's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.errors import QuantityError
from wao_predict.quantity import cores, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (25.5, "25500m"),
        (0, "0"),
        (-0.0, "0"),
        (-2.5, "-2500m"),
        (1000, "1k"),
        (1500, "1500"),
        (1234.567, "1234567m"),
        (123000, "123k"),
        (1e6, "1M"),
        (25.123456, "25123456u"),
        (1e-6, "1u"),
        (1e-9, "1n"),
        (1e-30, "0"),
        (0.1, "100m"),
        (9e15, "9P"),
    ],
)
def test_the_canonical_form_is_gos(value: float, text: str) -> None:
    assert text == format_quantity(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 9.3e15, 1e19])
def test_a_value_that_clients_would_misread_is_not_written(value: float) -> None:
    with pytest.raises(QuantityError):
        format_quantity(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("156340384n", "0.156340384"),
        ("500m", "0.5"),
        ("2", "2"),
        ("1e3", "1000"),
        ("12E6", "12000000"),
        ("2Ki", "2048"),
        ("1.5Gi", "1610612736"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-3k", "-3000"),
        (0.5, "0.5"),
        (3, "3"),
        ("1E", "1000000000000000000"),
    ],
)
def test_quantities_are_exact(text: str | float, value: str) -> None:
    assert Decimal(value) == parse_quantity(text)


@pytest.mark.parametrize(
    "text", ["", " 1", "1,5", "0x10", "1K", "NaN", "Inf", "+Inf", "1ki", "m", "1mm", "1e", True, None]
)
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)  # type: ignore[arg-type]


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=9))
def test_writing_and_reading_agree(value: Decimal) -> None:
    assert value == parse_quantity(format_quantity(value))


def test_cores_are_positive() -> None:
    assert cores("250m") == 0.25
    with pytest.raises(QuantityError, match="negative"):
        cores("-1")
