"""Values of YAML texts, and texts that are refused before they cost anything."""

from __future__ import annotations

import pytest

from tests.fakes.bad_texts import BAD_TEXTS
from wao_predict.errors import UsageError
from wao_predict.yaml_values import MAX_DEPTH, too_deep, too_many, yaml_documents

NOT_YAML = {name: text for name, text in BAD_TEXTS.items() if name != "a list of letters"}


def test_a_text_has_its_documents() -> None:
    assert yaml_documents("a: 1\n---\n- 2026-11-23\n") == [{"a": 1}, ["2026-11-23"]]


@pytest.mark.parametrize("text", NOT_YAML.values(), ids=NOT_YAML.keys())
def test_a_text_beyond_the_bounds_or_without_meaning_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        yaml_documents(text)


def test_a_refusal_states_the_bound() -> None:
    assert f"deeper than {MAX_DEPTH} levels" in str(too_deep())
    assert "split the file" in str(too_many())
