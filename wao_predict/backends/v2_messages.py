"""Requests and responses of the Open Inference Protocol (V2), with the binary tensor extension. Pure.

Source: https://github.com/kserve/open-inference-protocol, and for binary tensors
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md. Tensors are JSON,
except those of datatype FP16, which JSON cannot carry.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.backends.v2_options import DATATYPES, INTEGERS, ModelOptions
from wao_predict.backends.v2_signature import InputTensor, Signature
from wao_predict.connection import without_userinfo
from wao_predict.errors import ProtocolError, RemoteError
from wao_predict.flow import Response
from wao_predict.json_values import as_text, parse_json

HEADER_LENGTH = "Inference-Header-Content-Length"
_BINARY = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "<i1",
    "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "<u1",
}  # fmt: skip


def encode_request(
    X: FloatArray, signature: Signature, options: ModelOptions, *, request_id: str = ""
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an infer request for rows of shape (n, n_features)."""
    tensors, raw = [], []
    for tensor in signature.inputs:
        values = X[:, list(tensor.features)].reshape(tensor.shape(len(X)))
        described, content = _tensor(tensor, values)
        tensors.append(described)
        raw.append(content)
    body: dict[str, Any] = {"id": request_id} if request_id else {}
    body["inputs"] = tensors
    parameters: dict[str, Any] = {}
    if options.content_type is not None:
        parameters["content_type"] = options.content_type
    if signature.binary_output:
        parameters["binary_data_output"] = True
    if parameters:
        body["parameters"] = parameters
    if options.output_name is not None:
        body["outputs"] = [{"name": options.output_name}]
    text = json.dumps(body, allow_nan=False).encode()
    if not any(raw):
        return {"Content-Type": "application/json"}, text
    return {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(text))}, b"".join([text, *raw])


def _tensor(tensor: InputTensor, values: FloatArray) -> tuple[dict[str, Any], bytes]:
    described: dict[str, Any] = {
        "name": tensor.name,
        "shape": list(values.shape),
        "datatype": tensor.datatype,
    }
    if tensor.datatype == "FP16":
        content = values.astype(_BINARY["FP16"]).tobytes()
        return {**described, "parameters": {"binary_data_size": len(content)}}, content
    if tensor.datatype in INTEGERS:
        return {**described, "data": np.rint(values).astype(np.int64).tolist()}, b""
    return {**described, "data": values.tolist()}, b""


def decode_response(response: Response, n_samples: int, *, output_name: str | None = None) -> FloatArray:
    """Return the watts in an infer response, shape (n_samples,).

    Parameters
    ----------
    output_name
        The output to take; without it "watts" where there is one, else the first.

    Raises
    ------
    RemoteError
        The server answered with an error; the message quotes its text, the summary does not.
    ProtocolError
        The answer is not an infer response for that many rows; the message quotes its beginning.
    """
    if response.status != 200:
        raise refused(response)
    document, raw = _document(response)
    outputs = document.get("outputs") if isinstance(document, Mapping) else None
    if not isinstance(outputs, Sequence) or not outputs or not all(isinstance(item, Mapping) for item in outputs):
        raise _outside(response, "it has no outputs")
    output = _choose(outputs, output_name, response)
    datatype = output.get("datatype")
    if datatype not in DATATYPES:
        raise _outside(response, f"its output {output.get('name')!r:.40} has datatype {datatype!r:.20}, not a number")
    content = _raw_of(outputs, output, raw, response)
    if content is None:
        values = np.array(list(_flatten(output.get("data"), response)), dtype=np.float64)
    else:
        values = _numbers(content, str(datatype), response)
    if len(values) != n_samples:
        raise _outside(response, f"it has {len(values)} values for {n_samples} rows")
    if not np.isfinite(values).all():
        raise _outside(response, "a value is not a finite number")
    return values


def _nan(_: str) -> float:
    return math.nan


def _document(response: Response) -> tuple[Any, bytes]:
    """Return the JSON of a response, and the binary tensors after it."""
    stated = response.headers.get(HEADER_LENGTH.lower(), "")
    length = len(response.body)
    if stated:
        if not (stated.isascii() and stated.isdigit() and len(stated) < 12) or int(stated) > length:
            raise _outside(response, f"its {HEADER_LENGTH} is {stated!r:.20}")
        length = int(stated)
    try:
        return parse_json(response.body[:length], constant=_nan), response.body[length:]
    except ValueError:
        raise _outside(response, "it is not JSON") from None


def _raw_of(outputs: Sequence[Any], wanted: Mapping[str, Any], raw: bytes, response: Response) -> bytes | None:
    """Return the binary content of an output, or None where its data are JSON."""
    start = 0
    for output in outputs:
        parameters = output.get("parameters")
        size = parameters.get("binary_data_size") if isinstance(parameters, Mapping) else None
        if size is None:
            if output is wanted:
                return None
            continue
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(raw) - start:
            raise _outside(response, "a binary tensor is longer than the answer")
        if output is wanted:
            return raw[start : start + size]
        start += size
    return None


def _numbers(content: bytes, datatype: str, response: Response) -> FloatArray:
    kind = np.dtype(_BINARY[datatype])
    if len(content) % kind.itemsize:
        raise _outside(response, f"a binary tensor of {len(content)} bytes is not of datatype {datatype}")
    return np.frombuffer(content, dtype=kind).astype(np.float64)


def _choose(outputs: Sequence[Mapping[str, Any]], wanted: str | None, response: Response) -> Mapping[str, Any]:
    by_name = {str(item.get("name")): item for item in outputs}
    if wanted is None:
        return by_name.get("watts", outputs[0])
    if wanted not in by_name:
        raise _outside(response, f"it has no output {wanted!r:.40}, only {', '.join(by_name)[:100]}")
    return by_name[wanted]


def _flatten(data: object, response: Response, depth: int = 0) -> Iterator[float]:
    if isinstance(data, bool) or depth > 4:
        raise _outside(response, "its data are not numbers")
    if isinstance(data, int | float):
        try:
            yield float(data)
        except OverflowError:
            raise _outside(response, "a value is not a finite number") from None
    elif isinstance(data, list):
        for item in data:
            yield from _flatten(item, response, depth + 1)
    else:
        raise _outside(response, f"its data has {type(data).__name__} instead of numbers")


def error_text(response: Response) -> str:
    """Return the text of a server's error, from {"error"}, {"detail"} or plain text; at most 200 characters."""
    try:
        document = parse_json(response.body)
    except ValueError:
        document = None
    said: object = response.body[:400].decode(errors="replace")
    if isinstance(document, Mapping):
        said = document.get("error") or document.get("detail") or document.get("message") or said
    return " ".join(as_text(said).split())[:200]


def stated_limit(response: Response) -> int | None:
    """Return the batch limit in the text of a refusal, as Triton states it, or None.

    Examples
    --------
    >>> stated_limit(Response(400, b'{"error": "inference request batch-size must be <= 8 for power"}'))
    8
    """
    found = re.search(r"batch.?size must be <= (\d{1,6})\b", error_text(response), re.IGNORECASE)
    return int(found[1]) if found else None


def refused(response: Response, doubt: str = "") -> RemoteError:
    """Return the error of an answer with another status than 200; `doubt` is what may be the cause."""
    endpoint = without_userinfo(response.url)
    hint = "; check the name and the version of the model" if response.status == 404 else ""
    detail = error_text(response)
    return RemoteError(
        f"{endpoint} answered {response.status}{hint}",
        endpoint=endpoint,
        status_code=response.status,
        detail=f"{detail} ({doubt})" if doubt else detail,
    )


def _outside(response: Response, why: str) -> ProtocolError:
    endpoint = without_userinfo(response.url)
    quoted = response.body[:200].decode(errors="replace")
    return ProtocolError(
        f"the answer of {endpoint} is not a V2 infer response",
        endpoint=endpoint,
        status_code=response.status,
        detail=f"{why}: {quoted}",
    )
