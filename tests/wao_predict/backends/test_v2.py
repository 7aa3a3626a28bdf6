"""The Open Inference Protocol: what is sent, which answers are understood, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from wao_predict import ProtocolError, RemoteError, UsageError
from wao_predict.backends.v2 import V2Backend, decode_response, encode_request, infer_url
from wao_predict.flow import Request, Response, run
from wao_predict.testing import MockTransport

URL = "https://models.example/v2/models/power/infer"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (URL, URL),
        ("http://h/v2/models/power", "http://h/v2/models/power/infer"),
        ("http://h/v2/models/power/versions/v0.1.0/infer", "http://h/v2/models/power/versions/v0.1.0/infer"),
        ("http://h:8080/seldon/ns/v2/models/p/versions/1", "http://h:8080/seldon/ns/v2/models/p/versions/1/infer"),
        ("https://h/prefix/v2/models/p/infer?tenant=a", "https://h/prefix/v2/models/p/infer?tenant=a"),
        ("https://h/v2/models/p/", "https://h/v2/models/p/infer"),
    ],
)
def test_the_url_keeps_prefix_version_and_query(endpoint: str, expected: str) -> None:
    assert expected == infer_url(endpoint)


@pytest.mark.parametrize("endpoint", ["ftp://h/x", "models/power", "https://", "http://h:99999/x"])
def test_a_url_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError):
        infer_url(endpoint)


def test_a_request_carries_all_rows_in_the_references_form() -> None:
    body = json.loads(encode_request(np.array([[10.0, 22.0, 0.2], [50.0, 25.0, 10.0]]), request_id="7"))
    assert body == {
        "id": "7",
        "inputs": [
            {
                "name": "predict-prob",
                "shape": [2, 3],
                "datatype": "FP32",
                "data": [[10.0, 22.0, 0.2], [50.0, 25.0, 10.0]],
            }
        ],
    }


def answer(outputs: Any, status: int = 200) -> Response:
    return Response(status, json.dumps({"model_name": "power", "outputs": outputs}).encode(), {}, URL)


def output(data: Any, *, name: str = "predict", shape: Any = (2, 1), datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    "outputs",
    [
        [output([174.9, 248.0])],
        [output([[174.9], [248.0]])],
        [output([174.9, 248.0], shape=[2], datatype="FP32")],
        [output([1, 2], name="other"), output([174.9, 248.0], name="watts")],
    ],
    ids=["flat", "nested", "FP32", "by name"],
)
def test_nested_and_flat_outputs_are_understood(outputs: Any) -> None:
    assert decode_response(answer(outputs), 2).tolist() == [174.9, 248.0]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer([]), "no outputs"),
        (answer([output([1.0])]), "1 values for 2 rows"),
        (answer([output(["x", "y"])]), "str instead of numbers"),
        (answer([output([1.0, None])]), "NoneType instead of numbers"),
        (answer([output([1.0, 2.0], datatype="BYTES")]), "datatype 'BYTES'"),
        (answer([output([True, False])]), "not numbers"),
        (Response(200, b"<html>busy</html>", {}, URL), "not JSON: <html>"),
        (Response(200, b'{"outputs":[{"name":"a","datatype":"FP64","data":[NaN,1]}]}', {}, URL), "not a finite"),
        (Response(200, b"[1,2]", {}, URL), "no outputs"),
    ],
)
def test_an_answer_outside_the_protocol_is_quoted(response: Response, words: str) -> None:
    with pytest.raises(ProtocolError, match=words.replace("(", r"\(")):
        decode_response(response, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "model power is not ready"}', "model power is not ready"),
        (b'{"detail": [{"loc": ["inputs"], "msg": "field required"}]}', "field required"),
        (b"Internal Server Error", "Internal Server Error"),
        (b"x" * 10_000, "x" * 100),
    ],
    ids=["error", "detail", "plain", "long"],
)
def test_a_refusal_says_what_the_server_said(body: bytes, said: str) -> None:
    with pytest.raises(RemoteError) as raised:
        decode_response(Response(500, body, {}, URL), 1)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 500
    assert raised.value.status_code == 500


class Server(MockTransport):
    """A V2 server that refuses requests of more than `batch` rows with `refusal`."""

    def __init__(self, *, batch: int, refusal: Response | None = None, first_only: bool = False) -> None:
        super().__init__(self.answer)
        self.batch, self.refusal, self.first_only = batch, refusal, first_only
        self.rows: list[int] = []
        self.ids: list[str] = []

    def answer(self, request: Request) -> Response:
        document = json.loads(request.body or b"")
        rows = document["inputs"][0]["data"]
        self.rows.append(len(rows))
        self.ids.append(document["id"])
        if len(rows) > self.batch and not self.first_only:
            return self.refusal or Response(400, b'{"error":"one row only"}', {}, request.url)
        data = [row[0] * 2 for row in (rows[:1] if self.first_only else rows)]
        return answer([output(data, shape=[len(data)])])


X = np.array([[10.0, 20, 5], [20.0, 20, 5], [30.0, 20, 5]])


def test_one_request_for_all_rows() -> None:
    server = Server(batch=100)
    assert run(V2Backend(URL).flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert server.rows == [3]


@pytest.mark.parametrize(
    "server",
    [
        Server(batch=1),
        Server(batch=1, refusal=Response(500, b"Internal Server Error", {}, URL)),
        Server(batch=1, first_only=True),
    ],
    ids=["400", "500", "answers the first row only"],
)
def test_a_server_that_refuses_a_batch_is_asked_row_by_row_from_then_on(server: Server) -> None:
    backend = V2Backend(URL)
    assert run(backend.flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert backend.batch_refused
    asked = len(server.rows)
    assert run(backend.flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert server.rows[asked:] == [1, 1, 1]
    assert len(set(server.ids)) == len(server.ids)


def test_a_broken_server_is_not_taken_for_one_that_refuses_batches() -> None:
    server = Server(batch=0, refusal=Response(500, b"down", {}, URL))
    backend = V2Backend(URL)
    with pytest.raises(RemoteError, match="down"):
        run(backend.flow(X), server)
    assert not backend.batch_refused
    assert server.rows == [3, 1]


@pytest.mark.parametrize("status", [401, 403, 404, 501, 503])
def test_a_refusal_that_is_not_about_the_batch_stands(status: int) -> None:
    server = Server(batch=0, refusal=Response(status, b'{"error":"no"}', {}, URL))
    with pytest.raises(RemoteError) as raised:
        run(V2Backend(URL).flow(X), server)
    assert raised.value.status_code == status
    assert server.rows == [3]


def test_large_batches_are_cut() -> None:
    server = Server(batch=10_000)
    watts = run(V2Backend(URL).flow(np.tile(X[:1], (10_000, 1))), server)
    assert watts.size == 10_000
    assert server.rows == [4096, 4096, 1808]


def test_no_rows_need_no_request() -> None:
    server = Server(batch=1)
    assert run(V2Backend(URL).flow(np.empty((0, 3))), server).size == 0
    assert server.rows == []
