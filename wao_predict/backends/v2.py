"""Open Inference Protocol (V2) over REST: https://github.com/kserve/open-inference-protocol.

Encoding and decoding are pure functions; `V2Backend.flow` combines them. One request carries all rows. A server that
refuses a batch gets one request per row from then on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.connection import origin_of, without_userinfo
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import ProtocolError, RemoteError
from wao_predict.flow import MIB, Flow, Request, Response
from wao_predict.json_values import as_text, parse_json

INPUT_NAME = "predict-prob"
"""The reference's input name; most servers take any."""
MAX_ROWS = 4096
"""Most rows of one request; larger batches are split."""
_NUMBERS = ("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")


def infer_url(endpoint: str) -> str:
    """Return the infer URL of an endpoint.

    URLs that end in /infer are returned unchanged, with or without a version and behind any path prefix. /infer is
    appended to the URL of a model (".../v2/models/power" or ".../versions/v1"). The query is kept.
    """
    origin_of(endpoint)
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    if not path.endswith("/infer"):
        path += "/infer"
    return urlunsplit(parts._replace(path=path))


def encode_request(X: FloatArray, *, input_name: str = INPUT_NAME, request_id: str = "") -> bytes:
    """Return the body of an infer request for rows of shape (n, 3): nested data, FP32."""
    tensor = {
        "name": input_name,
        "shape": list(X.shape),
        "datatype": "FP32",
        "data": [[float(value) for value in row] for row in X.tolist()],
    }
    body: dict[str, Any] = {"inputs": [tensor]}
    if request_id:
        body = {"id": request_id, **body}
    return json.dumps(body, allow_nan=False).encode()


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
        raise _refused(response)
    document = _json(response)
    outputs = document.get("outputs") if isinstance(document, Mapping) else None
    if not isinstance(outputs, Sequence) or not outputs or not all(isinstance(item, Mapping) for item in outputs):
        raise _outside(response, "it has no outputs")
    output = _choose(outputs, output_name, response)
    datatype = output.get("datatype")
    if datatype not in _NUMBERS:
        raise _outside(response, f"its output {output.get('name')!r:.40} has datatype {datatype!r:.20}, not a number")
    values = list(_flatten(output.get("data"), response))
    if len(values) != n_samples:
        raise _outside(response, f"it has {len(values)} values for {n_samples} rows")
    watts = np.array(values, dtype=np.float64)
    if not np.isfinite(watts).all():
        raise _outside(response, "a value is not a finite number")
    return watts


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


def _json(response: Response) -> Any:
    try:
        return parse_json(response.body, constant=lambda _: math.nan)
    except ValueError:
        raise _outside(response, "it is not JSON") from None


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


def _refused(response: Response) -> RemoteError:
    endpoint = without_userinfo(response.url)
    hint = "; check the name and the version of the model" if response.status == 404 else ""
    return RemoteError(
        f"{endpoint} answered {response.status}{hint}",
        endpoint=endpoint,
        status_code=response.status,
        detail=error_text(response),
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


class V2Backend:
    """A model on a server that speaks the Open Inference Protocol.

    Parameters
    ----------
    endpoint
        The infer URL or the model's URL, with or without a version.
    input_name, output_name
        Names of the tensors; see `decode_response`.
    """

    def __init__(self, endpoint: str, *, input_name: str = INPUT_NAME, output_name: str | None = None) -> None:
        self.url = infer_url(endpoint)
        self._input_name = input_name
        self._output_name = output_name
        self._ids = count(1)
        self.batch_refused = False

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> V2Backend:
        """Return the model at the endpoint's URL."""
        return cls(endpoint.url)

    @property
    def endpoint(self) -> str:
        """Infer URL without user information."""
        return without_userinfo(self.url)

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Request all rows at once, or one by one if the server has refused a batch before."""
        parts: list[FloatArray] = []
        start = 0
        while start < len(X):
            size = 1 if self.batch_refused else MAX_ROWS
            rows = X[start : start + size]
            response = yield self._request(rows)
            if self._refuses_batch(response, rows):
                watts = yield from self._ask_first_row(X[start : start + 1], response)
                parts.append(watts)
                start += 1
                continue
            parts.append(decode_response(response, len(rows), output_name=self._output_name))
            start += len(rows)
        return np.concatenate(parts) if parts else np.empty(0)

    def _ask_first_row(self, row: FloatArray, refusal: Response) -> Flow[FloatArray]:
        """Request a single row: a server that only refuses batches answers it, a broken server does not."""
        response = yield self._request(row)
        if response.status != 200:
            raise _refused(refusal)
        watts = decode_response(response, 1, output_name=self._output_name)
        self.batch_refused = True
        return watts

    def _refuses_batch(self, response: Response, rows: FloatArray) -> bool:
        if len(rows) == 1 or response.status in (401, 403, 404, 429, 501, 502, 503, 504):
            return False
        if response.status != 200:
            return True
        return self._gave_one_of_many(response, len(rows))

    def _gave_one_of_many(self, response: Response, n_samples: int) -> bool:
        """Whether the server silently answered the first row only."""
        try:
            decode_response(response, n_samples, output_name=self._output_name)
        except ProtocolError:
            try:
                decode_response(response, 1, output_name=self._output_name)
            except ProtocolError:
                return False
            return True
        return False

    def _request(self, rows: FloatArray) -> Request:
        body = encode_request(rows, input_name=self._input_name, request_id=str(next(self._ids)))
        return Request("POST", self.url, {"Content-Type": "application/json"}, body, max_bytes=8 * MIB)
