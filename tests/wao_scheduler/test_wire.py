"""The extender's wire format, byte for byte where Go is strict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_scheduler.wire import (
    MOST_NODES,
    ArgsDecoder,
    ExtenderRequestError,
    ScoreEncoder,
    decode_args,
    encode_filter,
)

SAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "extender_wire_samples.json").read_text())


def lower_keys(body: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in body.items()}


def camel_keys(body: dict[str, Any]) -> dict[str, Any]:
    return {key[0].lower() + key[1:]: value for key, value in body.items()}


@pytest.mark.parametrize("name", ["filter_request_nodeCacheCapable_true", "prioritize_request"])
@pytest.mark.parametrize("case", [dict, lower_keys, camel_keys], ids=["Capital", "lower", "camel"])
def test_requests_are_read_in_any_key_case(name: str, case: Any) -> None:
    body = case(SAMPLES[name])
    args = decode_args(json.dumps({**body, "Unknown": {"deep": [1]}}).encode())
    assert list(args.names) == SAMPLES[name]["NodeNames"]
    assert args.pod.name == "web-6d4b-x2"
    assert args.pod.cpu_request == 0.5
    assert args.pod.owner is not None
    assert args.pod.owner.kind == "ReplicaSet"
    assert args.pod.annotations == {"waok8s.github.io/podspread-rate": "0.6"}


def test_whole_nodes_are_read_by_name_and_given_back_whole() -> None:
    body = SAMPLES["filter_request_nodeCacheCapable_false"]
    args = decode_args(json.dumps(body).encode())
    assert list(args.names) == ["n1"]
    answer = json.loads(encode_filter(args, ["n1"], {}))
    assert answer["Nodes"] == body["Nodes"]
    assert answer["NodeNames"] is None


def test_the_filter_answer_is_gos() -> None:
    args = decode_args(json.dumps(SAMPLES["filter_request_nodeCacheCapable_true"]).encode())
    answer = encode_filter(args, ["n1", "n2"], {"n3": "PodSpread: zone z1 already holds its share"})
    assert json.loads(answer) == SAMPLES["filter_response_nodeCacheCapable_true"]


def test_a_filter_that_passes_all_gives_the_names_back_untouched() -> None:
    args = decode_args(json.dumps(SAMPLES["filter_request_nodeCacheCapable_true"]).encode())
    answer = json.loads(encode_filter(args))
    assert answer["NodeNames"] == ["n1", "n2", "n3"]
    assert answer["FailedNodes"] == {}
    assert answer["Error"] == ""


def encoded(encoder: ScoreEncoder, scores: dict[str, int], known: tuple[str, ...] | None = None) -> bytes:
    """Encode with the rows of the names in a table, all of them by default."""
    table = tuple(scores) if known is None else known
    rows = [table.index(name) if name in table else -1 for name in scores]
    values = np.array(list(scores.values()), dtype=np.int64)
    return encoder.encode(list(scores), values, np.array(rows, dtype=np.int64), table)


def test_scores_are_integers_in_gos_case() -> None:
    body = encoded(ScoreEncoder(), {"n1": 10, 'n"2': 9})
    assert body == b'[{"Host":"n1","Score":10},{"Host":"n\\"2","Score":9}]'
    assert json.loads(encoded(ScoreEncoder(), {"n1": 10, "n2": 9})) == SAMPLES["prioritize_response"]
    assert encoded(ScoreEncoder(), {}) == b"[]"
    assert b'"Score":99800}' in encoded(ScoreEncoder(), {"n": 99_800})


SCORES = st.dictionaries(st.text(max_size=3), st.sampled_from([0, 1, 2, 2, 2, 10, 99_800]), max_size=9)


@given(st.lists(st.tuples(SCORES, st.integers(0, 2))), st.tuples(*[st.sets(st.text(max_size=3)).map(tuple)] * 3))
def test_an_answer_depends_neither_on_those_before_it_nor_on_the_nodes_known(
    asked: list[tuple[dict[str, int], int]], tables: tuple[tuple[str, ...], ...]
) -> None:
    encoder = ScoreEncoder()
    for scores, table in asked:
        sent = {name: score for name, score in scores.items() if score} or scores  # a missing host counts as 0
        wanted = [{"Host": name, "Score": score} for name, score in sent.items()]
        assert json.loads(encoded(encoder, scores, tables[table])) == wanted


def test_null_nodes_are_no_candidates() -> None:
    args = decode_args(b'{"Pod":{"metadata":{"name":"p"}},"Nodes":null,"NodeNames":null}')
    assert list(args.names) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not an ExtenderArgs"),
        (b"[]", "not an ExtenderArgs"),
        (b"{}", "has no Pod"),
        (b'{"Pod":null,"NodeNames":[]}', "has no Pod"),
        (b'{"Pod":{"metadata":{"name":"p"}},"NodeNames":[1]}', "not an ExtenderArgs"),
        (b'{"Pod":{"metadata":{"name":"p"}},"NodeNames":"n1"}', "not an ExtenderArgs"),
        (b"\xff\xfe", "not an ExtenderArgs"),
        (b'{"Pod":{"metadata":{"name":5}},"NodeNames":[]}', "not an ExtenderArgs: .*metadata.name"),
        (
            b'{"Pod":{"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"x"}}}]}}}',
            "not an ExtenderArgs: .*containers",
        ),
        (b'{"Pod":' + b'{"a":' * 5000, "not an ExtenderArgs"),
    ],
)
def test_a_body_that_is_none_is_refused_with_what_is_wrong(body: bytes, words: str) -> None:
    with pytest.raises(ExtenderRequestError, match=words):
        decode_args(body)


def test_a_request_that_comes_twice_is_decoded_once() -> None:
    decoder = ArgsDecoder()
    body = json.dumps(SAMPLES["prioritize_request"]).encode()
    first = decoder.decode(body)
    assert decoder.decode(bytes(bytearray(body))) is first
    others = [body.replace(b"web-6d4b-x2", b"web-%d" % number) for number in range(20)]
    assert [decoder.decode(other).pod.name for other in others] == [f"web-{number}" for number in range(20)]
    again = decoder.decode(body)
    assert again is not first, "what was sent long ago is kept"
    assert again == first


def test_a_large_request_is_not_kept() -> None:
    decoder = ArgsDecoder()
    body = json.dumps({**SAMPLES["prioritize_request"], "NodeNames": ["n" * 1000] * 2000}).encode()
    assert decoder.decode(body) is not decoder.decode(body)


@pytest.mark.parametrize("field", ["name", "namespace", "uid"])
def test_a_pod_with_a_name_that_no_api_server_accepts_is_refused(field: str) -> None:
    metadata = {"name": "p", "namespace": "default", "uid": "1", field: "x" * 1_000_000}
    with pytest.raises(ExtenderRequestError, match=rf"Pod.metadata.{field} has 1000000 characters"):
        decode_args(json.dumps({"Pod": {"metadata": metadata}, "NodeNames": []}).encode())


@pytest.mark.parametrize("length", [1, 40], ids=["decoded, then refused", "counted before it is decoded"])
def test_a_request_with_more_nodes_than_the_limit_is_refused(length: int) -> None:
    body = {**SAMPLES["prioritize_request"], "NodeNames": ["n" * length] * MOST_NODES}
    assert len(decode_args(json.dumps(body).encode()).names) == MOST_NODES
    body["NodeNames"].append("n")
    with pytest.raises(ExtenderRequestError, match=f"more than {MOST_NODES} nodes in one request"):
        decode_args(json.dumps(body).encode())
