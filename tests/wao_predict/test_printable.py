"""Text of other programs is shown without changing a line, a log or a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.printable import printable, say


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Inlet Temp 22 \u00b0C", "Inlet Temp 22 \u00b0C"),
        ("\u6e29\u5ea6 caf\u00e9", "\u6e29\u5ea6 caf\u00e9"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m\x07", "\\x1b[31m\\x07"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_only_what_changes_lines_directions_or_terminals_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_printable_line_that_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown) == shown


def test_a_line_for_the_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("warning: node a\x1b[2J\nerror: forged")
    assert capsys.readouterr().err == "warning: node a\\x1b[2J\\nerror: forged\n"
