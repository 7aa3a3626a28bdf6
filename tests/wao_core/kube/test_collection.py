"""Lists and watch lines: one bad object does not affect the others, and other answers are refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.kube.collection import AnswerError, decode_list, decode_watch_line, objects_of
from wao_core.kube.resources import NODES
from wao_core.source.decoders import collection_of

NODE_COLLECTION = collection_of(NODES)


def test_a_list_reports_the_objects_that_it_cannot_read() -> None:
    bad = {"metadata": {"name": "bad"}, "status": {"capacity": {"cpu": "many"}}}
    items = [{"metadata": {"name": "a"}}, {"metadata": {}}, None, 7, bad, {"metadata": {"name": "b"}}]
    body = {"metadata": {"resourceVersion": "7", "continue": "next"}, "items": items}
    page = decode_list(json.dumps(body).encode(), NODE_COLLECTION)
    assert [record.name for record in page.objects] == ["a", "b"]
    assert "'many' is not a quantity" in page.unreadable["bad"]
    assert (page.resource_version, page.continue_token) == ("7", "next")


def test_the_null_of_an_empty_list_is_no_items() -> None:
    assert decode_list(b'{"metadata":{},"items":null}', NODE_COLLECTION).objects == []


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"null",
            b"[]",
            b"{}",
            b"<html>",
            b"\xff",
            b'{"items":[{',
            b'{"items":{}}',
            b'{"items":[],"metadata":[]}',
        ),
        *(b'{"kind":"Status","items":[]}', b'{"kind":"Status","status":"Failure"}', b"[" * 10_000),
    ],
)
def test_another_answer_than_a_list_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerError):
        decode_list(body, NODE_COLLECTION)
    with pytest.raises(AnswerError):
        objects_of(body, "/api/v1/nodes")


def test_the_objects_of_a_list_are_json_values() -> None:
    assert objects_of(b'{"items":[{"a":1},null,7]}', "/api/v1/nodes") == [{"a": 1}]
    assert objects_of(b'{"items":null}', "/api/v1/nodes") == []


def test_watch_lines_of_all_types() -> None:
    added = decode_watch_line(
        b'{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}', NODE_COLLECTION
    )
    assert added.object is not None
    assert (added.type, added.key, added.object.name, added.resource_version) == ("ADDED", "a", "a", "5")
    mark = decode_watch_line(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}', NODE_COLLECTION)
    assert (mark.key, mark.object, mark.resource_version) == ("", None, "9")
    gone = decode_watch_line(
        b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}', NODE_COLLECTION
    )
    assert (gone.code, gone.reason) == (410, "too old")


def test_an_object_that_cannot_be_read_is_reported_and_can_still_be_deleted() -> None:
    bad = '{"metadata":{"name":"a","resourceVersion":"5"},"status":{"capacity":{"cpu":"many"}}}'
    changed = decode_watch_line(f'{{"type":"MODIFIED","object":{bad}}}'.encode(), NODE_COLLECTION)
    assert (changed.key, changed.object, changed.resource_version) == ("a", None, "5")
    assert "'many' is not a quantity" in changed.reason
    deleted = decode_watch_line(f'{{"type":"DELETED","object":{bad}}}'.encode(), NODE_COLLECTION)
    assert (deleted.key, deleted.reason) == ("a", "")


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"null", b"[]", b"{}", b"<html>", b"\xff", b'{"type":"ADDED"}', b'{"type":"ADDED","object":null}'),
        *(b'{"type":7,"object":{}}', b'{"type":"ADDED","object":{"metadata":{}}}', b'{"type":"OTHER","object":{}}'),
        *(b'{"type":"ADDED","object":{"metadata":{"name":7}}}', b'{"type":"ERROR","object":{"code":"x"}}'),
    ],
)
def test_another_line_than_an_event_is_refused(line: bytes) -> None:
    with pytest.raises(AnswerError):
        decode_watch_line(line, NODE_COLLECTION)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_our_error(body: bytes) -> None:
    with contextlib.suppress(AnswerError):
        decode_list(body, NODE_COLLECTION)
    with contextlib.suppress(AnswerError):
        decode_watch_line(body, NODE_COLLECTION)
