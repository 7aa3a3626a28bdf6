"""Quantities, equal to Go's."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

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
        ("1Ei", "1152921504606846976"),
        ("+1.5e-3", "0.0015"),
        ("1e0003", "1000"),
        ("1" * 60, "1" * 60),
        (10**200, "1" + "0" * 200),
    ],
)
def test_quantities_are_exact(text: str | float, value: str) -> None:
    assert Decimal(value) == parse_quantity(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1\n", "1,5", "0x10", "1K", "NaN", "Inf", "+Inf", "1ki", "m", "+", ".", "1mm", "1e", "1ee3", "1e+"),
        *("1e1.5", "--1", "1i", "1EI", "1e3i", "\u0661", "\u00b2", True, None, [], float("nan"), float("inf")),
    ],
)
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)  # type: ignore[arg-type]


digits = st.text("0123456789", min_size=1, max_size=70)
numbers = st.one_of(
    digits,
    st.builds("{}.{}".format, digits, st.one_of(digits, st.just(""))),
    st.builds(".{}".format, digits),
)
signs = st.sampled_from(["", "+", "-"])
SUFFIXES = {
    **dict(
        zip(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"], (Fraction(1000) ** i for i in range(-3, 7)), strict=True)
    ),
    **dict(zip(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], (Fraction(1024) ** i for i in range(1, 7)), strict=True)),
}


def exactly(number: str) -> Fraction:
    """The value of a number of the grammar."""
    whole, _, part = number.partition(".")
    return Fraction(int((whole + part) or "0"), 10 ** len(part))


def agree(value: Decimal, expected: Fraction) -> bool:
    """Whether they agree to 59 significant digits."""
    return abs(Fraction(value) - expected) <= abs(expected) / 10**59


@given(signs, numbers, st.sampled_from(sorted(SUFFIXES)))
def test_every_number_with_every_suffix_of_the_grammar_is_read(sign: str, number: str, suffix: str) -> None:
    """The grammar of k8s.io/apimachinery/pkg/api/resource/quantity.go."""
    expected = exactly(number) * SUFFIXES[suffix] * (-1 if sign == "-" else 1)
    assert agree(parse_quantity(f"{sign}{number}{suffix}"), expected)


@given(signs, numbers, st.sampled_from("eE"), st.sampled_from(["", "+"]), st.integers(-999, 999))
def test_every_number_with_every_exponent_is_read(sign: str, number: str, e: str, plus: str, exponent: int) -> None:
    shown = f"{plus}{exponent}" if exponent >= 0 else str(exponent)
    expected = exactly(number) * Fraction(10) ** exponent * (-1 if sign == "-" else 1)
    assert agree(parse_quantity(f"{sign}{number}{e}{shown}"), expected)


@given(st.one_of(st.text(max_size=30), st.text("0123456789+-.eEinumkKMGTP", max_size=30), st.integers(), st.floats()))
def test_any_value_is_read_or_refused_with_our_error(value: str | float) -> None:
    try:
        read = parse_quantity(value)
    except QuantityError:
        return
    assert read.is_finite()
    assert int(read) is not None


@pytest.mark.parametrize(
    "absurd",
    [
        "1e1000",
        "1e-1000",
        "1E99999999999999999999",
        "1e" + "9" * 900,
        "9" * 10_000,
        "1." + "0" * 10_000,
        10**20_000,
        -(10**9_999),
    ],
    ids=range(8),
)
def test_an_absurd_size_is_refused_at_once(absurd: str | int) -> None:
    with pytest.raises(QuantityError) as raised:
        parse_quantity(absurd)
    assert len(str(raised.value)) < 200


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=9))
def test_writing_and_reading_agree(value: Decimal) -> None:
    assert value == parse_quantity(format_quantity(value))


def test_cores_are_positive() -> None:
    assert cores("250m") == 0.25
    assert cores("1Ei") == 2.0**60
    with pytest.raises(QuantityError, match="negative"):
        cores("-1")


@pytest.mark.parametrize("huge", ["9e999", "1000Ei", 1e308])
def test_cores_are_finite(huge: str | float) -> None:
    assert cores(huge) == 2.0**63
