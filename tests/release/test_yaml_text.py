"""Edits of YAML text: only the values change; comments, order and blank lines stay."""

from __future__ import annotations

import re

import pytest

from release.chart.yaml_text import YamlText

TEXT = """\
# of two
spec:
  replicas: 2  # a pair
  args:
  - --a=wao-system
  # the last one
  - --b
  resources:
    limits: {memory: 1Gi}
  config: |
    url: x.wao-system.svc
    other: wao-system-x
"""


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    text = YamlText(TEXT)
    text.replace(("spec", "replicas"), "{{ n }}")
    assert text.edited() == TEXT.replace("replicas: 2 ", "replicas: {{ n }} ")


def test_an_entry_is_replaced_with_all_its_lines() -> None:
    text = YamlText(TEXT)
    text.replace_entry(("spec", "resources"), "resources:\n{{- x }}")
    assert text.edited() == TEXT.replace("  resources:\n    limits: {memory: 1Gi}\n", "  resources:\n{{- x }}\n")


def test_what_is_inserted_after_a_list_item_comes_in_the_order_of_the_calls() -> None:
    text = YamlText(TEXT)
    text.insert_after(("spec", "args", -1), "- --c")
    text.insert_after(("spec", "args", -1), "- --d")
    assert text.edited() == TEXT.replace("  - --b\n", "  - --b\n  - --c\n  - --d\n")


def test_a_block_of_text_is_wrapped_as_a_whole() -> None:
    text = YamlText(TEXT)
    text.wrap(("spec", "config"), "{{- if x }}", "{{- end }}")
    head, _, config = TEXT.partition("  config:")
    assert text.edited() == f"{head}{{{{- if x }}}}\n  config:{config}{{{{- end }}}}\n"


def test_a_pattern_is_replaced_in_values_but_not_where_a_value_was_replaced() -> None:
    text = YamlText("# wao-system\nwao-system: a\nb: wao-system\nc: [wao-system, 1]\n")
    text.replace(("b",), "kept wao-system")
    text.substitute(re.compile("wao-system"), "{{ n }}")
    assert text.edited() == "# wao-system\nwao-system: a\nb: kept wao-system\nc: [{{ n }}, 1]\n"


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="spec/none"):
        YamlText(TEXT).replace(("spec", "none"), "x")
