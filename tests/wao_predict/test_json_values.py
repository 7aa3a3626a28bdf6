"""JSON of servers that nobody vouches for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.json_values import MOST_VALUES, as_text, has_more_values, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_a_value_comes_back_in_every_encoding_of_json(value: object, encoding: str) -> None:
    body = json.dumps(value).encode(encoding)
    assert parse_json(body) == value
    assert parse_json(body, lenient=True) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"[" * 100_000, b'{"a":' * 100_000, b"[1]" + b"," * (MOST_VALUES + 1), b"\xff\xff"],
    ids=["empty", "unfinished", "HTML", "deep list", "deep mapping", "many values", "bytes"],
)
def test_what_is_no_json_or_too_much_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'{"a": "x\ty"}', {"a": "x\ty"}), (b'{"a": 1}\0\0\n', {"a": 1}), (b'{"a": "\xb0C"}', {"a": "\ufffdC"})],
)
def test_a_lenient_reader_accepts_what_some_bmcs_send(body: bytes, value: object) -> None:
    assert parse_json(body, lenient=True) == value
    with pytest.raises(ValueError):
        parse_json(body)


def test_constants_that_are_no_json_are_decided_by_the_caller() -> None:
    assert parse_json(b'{"a": NaN, "b": -Infinity}', constant=lambda name: None) == {"a": None, "b": None}


@given(VALUES)
def test_values_are_counted_with_commas_and_brackets_only(value: object) -> None:
    body = json.dumps(value).encode()
    marks = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    assert has_more_values(body, marks - 1) is (marks > marks - 1)
    assert not has_more_values(body, marks)


def test_a_value_is_shown_as_json_and_text_as_it_is() -> None:
    assert as_text("no, really") == "no, really"
    assert as_text({"error": [1, None]}) == '{"error": [1, null]}'
    nested: object = 1
    for _ in range(100_000):
        nested = [nested]
    assert as_text(nested) == "a value that is nested too deeply"
