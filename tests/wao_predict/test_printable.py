"""Text of other programs, made safe to show."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Inlet Temp °C", "Inlet Temp °C"),
        ("吸気温度", "吸気温度"),
        ("a\nb", r"a\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u202eb", r"a\u202eb"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_control_characters_are_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(exclude_characters="\\'")))
def test_any_text_is_printable_and_can_be_read_back(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert ast.literal_eval(f"'{shown}'") == text
