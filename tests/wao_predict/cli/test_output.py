"""Tables and facts of commands: text of servers is shown as it is, and never interpreted."""

from __future__ import annotations

import pytest

from wao_predict.cli.output import print_facts, print_table

HOSTILE = "[/bold]\x1b]0;owned\x07[link=http://evil]\nn2 \ud800"


@pytest.mark.parametrize("form", ["table", "caption", "facts"])
def test_markup_escape_sequences_and_line_breaks_of_a_server_are_text(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if form == "table":
        print_table(["node"], [[HOSTILE]])
    elif form == "caption":
        print_table(["node" * 30], [["n1"]], caption=HOSTILE)
    else:
        print_facts({"node": HOSTILE})
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[/bold]\\x1b]0;owned\\x07[link=http://evil]\\nn2 \\ud800" in shown
