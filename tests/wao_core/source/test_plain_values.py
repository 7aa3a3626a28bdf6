"""Values of YAML and JSON texts, and texts that are refused before they cost anything."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bad_texts import BAD_TEXTS
from wao_core.errors import ManifestError
from wao_core.source.plain_values import plain_values
from wao_predict.yaml_values import MAX_DEPTH, MAX_NUMBER

NOT_YAML = {name: text for name, text in BAD_TEXTS.items() if name != "a list of letters"}
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc: -é'\"\n")
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab:"), inner), max_leaves=20)


@given(VALUES)
def test_values_that_are_written_come_back(value: object) -> None:
    assert plain_values(yaml.safe_dump(value)) == [value]
    assert plain_values(msgspec.json.encode(value).decode(), json=True) == [value]


def test_a_file_may_have_several_documents_and_empty_ones() -> None:
    assert plain_values("a: 1\n---\n---\n- b\n") == [{"a": 1}, None, ["b"]]


def test_a_file_of_json_may_be_yaml_all_the_same() -> None:
    assert plain_values("# from kubectl\n{a: 1}", json=True) == [{"a": 1}]


@pytest.mark.parametrize("text", ["2026-11-23T20:15:40Z", "2026-11-23"])
def test_a_timestamp_is_text_as_in_the_api(text: str) -> None:
    assert plain_values(f"a: {text}") == [{"a": text}]


@pytest.mark.parametrize("text", NOT_YAML.values(), ids=NOT_YAML.keys())
@pytest.mark.parametrize("json", [False, True])
def test_a_text_beyond_the_bounds_or_without_meaning_is_refused(text: str, json: bool) -> None:
    with pytest.raises(ManifestError):
        plain_values(text, json=json)


@pytest.mark.parametrize(("depth", "taken"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_the_depth_is_bounded(depth: int, taken: bool) -> None:
    text = "[" * depth + "]" * depth
    if taken:
        assert len(plain_values(text)) == 1
        return
    with pytest.raises(ManifestError, match=rf"deeper than {MAX_DEPTH} levels \(line 1\)"):
        plain_values(text)


@pytest.mark.parametrize(("digits", "taken"), [(MAX_NUMBER, True), (MAX_NUMBER + 1, False)])
def test_the_length_of_a_number_is_bounded(digits: int, taken: bool) -> None:
    if taken:
        assert plain_values("9" * digits) == [10**digits - 1]
        return
    with pytest.raises(ManifestError, match="put text in quotes"):
        plain_values("9" * digits)


def test_an_alias_may_be_used_where_it_stays_small() -> None:
    assert plain_values("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}") == [
        {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}
    ]


def test_the_place_of_a_mistake_is_in_the_message() -> None:
    with pytest.raises(ManifestError, match=r"\(line 2, column \d\)"):
        plain_values("a: 1\nb: ]\n")
