"""Tables and facts of commands: text of servers is shown as it is, and never interpreted."""

from __future__ import annotations

import pytest

from wao_predict.cli.output import camel_case, fact_lines, print_facts, print_table

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


def test_facts_fit_a_terminal_and_are_one_line_each_elsewhere() -> None:
    facts = {"pod": "default/a", "why": "n1 adds 0.1 W, the least of 48 candidates", "url": "https://" + "a" * 30}
    shown = list(fact_lines(facts, 30))
    assert shown[1:3] == ["why  n1 adds 0.1 W, the least", "     of 48 candidates"]
    assert shown[3].endswith("a" * 30)
    assert len(list(fact_lines(facts, None))) == 3


def test_json_has_the_names_of_fields_in_camel_case_and_keeps_names_that_are_data() -> None:
    document = {"rows": [{"watts_before": 1, "per_node": {"node_a": 2}}], "ranges": {"cpu_usage": [0, 100]}}
    assert camel_case(document) == {
        "rows": [{"wattsBefore": 1, "perNode": {"node_a": 2}}],
        "ranges": {"cpu_usage": [0, 100]},
    }


def test_a_table_has_the_digits_of_each_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["node", "load", "watts"], [["a", 1.25, 1_234.5], ["b", None, 2.0]], digits={"load": 1})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["node", "load", "watts"], ["a", "1.2", "1,234.50"], ["b", "-", "2.00"]]
