"""The Open Inference Protocol: what is sent, which answers are understood, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from wao_predict import ProtocolError, RemoteError
from wao_predict.backends.v2_messages import decode_response, encode_request, stated_limit
from wao_predict.backends.v2_options import ModelOptions
from wao_predict.backends.v2_signature import InputTensor, Signature
from wao_predict.flow import Response

URL = "https://models.example/v2/models/power/infer"
X = np.array([[10.0, 22.0, 0.2], [50.0, 25.0, 10.0]])


def test_a_request_carries_all_rows_in_the_references_form() -> None:
    headers, body = encode_request(X, Signature(), ModelOptions(), request_id="7")
    assert headers == {"Content-Type": "application/json"}
    assert json.loads(body) == {
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


def test_what_is_stated_goes_into_the_request() -> None:
    options = ModelOptions(output_name="predict", content_type="np")
    _, body = encode_request(X, Signature(), options)
    document = json.loads(body)
    assert document["outputs"] == [{"name": "predict"}]
    assert document["parameters"] == {"content_type": "np"}


@pytest.mark.parametrize(
    ("dims", "shape", "data"),
    [
        ((-1, 3), [1, 3], [[10.0, 22.0, 0.2]]),
        ((3,), [3], [10.0, 22.0, 0.2]),
        ((-1, 1, 3), [1, 1, 3], [[[10.0, 22.0, 0.2]]]),
    ],
    ids=str,
)
def test_data_are_nested_as_the_shape_says(dims: tuple[int, ...], shape: list[int], data: list[Any]) -> None:
    _, body = encode_request(X[:1], Signature((InputTensor(dims=dims),)), ModelOptions())
    (tensor,) = json.loads(body)["inputs"]
    assert (tensor["shape"], tensor["data"]) == (shape, data)


def test_integers_are_rounded() -> None:
    _, body = encode_request(X, Signature((InputTensor(datatype="INT32"),)), ModelOptions())
    assert json.loads(body)["inputs"][0]["data"] == [[10, 22, 0], [50, 25, 10]]


def test_half_precision_is_binary_because_json_cannot_carry_it() -> None:
    signature = Signature((InputTensor(datatype="FP16"),), binary_output=True)
    headers, body = encode_request(X, signature, ModelOptions())
    length = int(headers["Inference-Header-Content-Length"])
    document = json.loads(body[:length])
    assert headers["Content-Type"] == "application/octet-stream"
    assert document["inputs"][0]["parameters"] == {"binary_data_size": 12}
    assert document["parameters"] == {"binary_data_output": True}
    assert np.frombuffer(body[length:], "<f2").reshape(2, 3) == pytest.approx(X, rel=1e-3)


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


def binary(outputs: list[dict[str, Any]], raw: bytes, length: str | None = None) -> Response:
    text = json.dumps({"outputs": outputs}).encode()
    return Response(200, text + raw, {"inference-header-content-length": length or str(len(text))}, URL)


def sized(size: int, **fields: Any) -> dict[str, Any]:
    return {**output(None), **fields, "parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(("datatype", "kind"), [("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8"), ("INT64", "<i8")])
def test_a_binary_output_is_read_among_others(datatype: str, kind: str) -> None:
    label = sized(5, name="label", datatype="BYTES")
    watts = sized(2 * int(kind[2]), name="watts", datatype=datatype)
    response = binary([label, watts], b"\x01\0\0\0x" + np.array([174, 248]).astype(kind).tobytes())
    assert decode_response(response, 2).tolist() == [174.0, 248.0]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (binary([output(None)], b"", length="nine"), "Content-Length is 'nine'"),
        (binary([output(None)], b"", length="9999"), "Content-Length is '9999'"),
        (binary([output(None)], b"", length="9" * 5000), "Content-Length is"),
        (binary([sized(16)], b"\0" * 8), "longer than the answer"),
        (binary([sized(-8)], b"\0" * 8), "longer than the answer"),
        (binary([sized(7)], b"\0" * 7), "not of datatype FP64"),
        (binary([sized(8)], b"\0" * 8), "1 values for 2 rows"),
    ],
)
def test_a_binary_answer_outside_the_protocol_is_refused(response: Response, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode_response(response, 2)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("[request id: 1] inference request batch-size must be <= 8 for 'power'", 8),
        ("Batch size must be <= 16", 16),
        ("inference request batch-size must be >= 1 for 'power'", None),
        ("one row only", None),
    ],
)
def test_the_limit_of_a_batch_is_read_from_a_refusal(text: str, limit: int | None) -> None:
    assert limit == stated_limit(Response(400, json.dumps({"error": text}).encode(), {}, URL))
