"""A model server with the rules of Triton: strict names, datatypes and shapes, a batch limit, binary tensors.

The rules, their order and the texts of the errors are those of `InferenceRequest::Normalize` in
https://github.com/triton-inference-server/core/blob/main/src/infer_request.cc and of the HTTP server's parser.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wao_predict.flow import Request, Response

BINARY = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8"}
LENGTH = "Inference-Header-Content-Length"


class Refusal(Exception):
    """What the server answers with status 400."""


@dataclass(frozen=True)
class Tensor:
    """An input or output in config.pbtxt: dims without the dimension of the batch."""

    name: str
    datatype: str = "FP32"
    dims: tuple[int, ...] = (3,)


@dataclass
class StrictServer:
    """The model "power" with twice the first feature as watts; `rows` lists the rows of the accepted requests."""

    inputs: tuple[Tensor, ...] = (Tensor("INPUT__0"),)
    outputs: tuple[Tensor, ...] = (Tensor("OUTPUT__0", dims=(1,)),)
    max_batch_size: int = 0
    watts: Callable[[NDArray[Any]], NDArray[Any]] = lambda X: X[:, 0] * 2
    rows: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path = request.url.partition("//")[2].partition("/")[2]
        self.asked.append(f"{request.method} /{path}")
        if path.removesuffix("/infer") not in ("v2/models/power", "v2/models/power/versions/1"):
            return _json({"error": "Request for unknown model: is not found"}, 404)
        if request.method == "GET":
            return _json(self.metadata())
        try:
            return self._infer(request)
        except Refusal as refusal:
            self.refused.append(str(refusal))
            return _json({"error": str(refusal)}, 400)

    def metadata(self) -> dict[str, Any]:
        """Return the answer to GET; shapes include the dimension of the batch, limits are not in it."""

        def described(tensor: Tensor) -> dict[str, Any]:
            shape = [-1, *tensor.dims] if self.max_batch_size else list(tensor.dims)
            return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape}

        return {
            "name": "power",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [described(tensor) for tensor in self.inputs],
            "outputs": [described(tensor) for tensor in self.outputs],
        }

    def _infer(self, request: Request) -> Response:
        document, tensors = self._parsed(request)
        wanted = [item["name"] for item in document.get("outputs", [])]
        for name in wanted:
            if name not in {tensor.name for tensor in self.outputs}:
                raise Refusal(f"unexpected inference output '{name}' for model 'power'")
        self._check(tensors)
        columns = [tensors[item.name][1].reshape(-1, self._width(item.name)) for item in self.inputs]
        X = np.concatenate(columns, axis=1)
        self.rows.append(len(X))
        binary = bool(document.get("parameters", {}).get("binary_data_output"))
        outputs = [tensor for tensor in self.outputs if not wanted or tensor.name in wanted]
        return self._answer(outputs, self.watts(X), binary)

    def _width(self, name: str) -> int:
        (tensor,) = [tensor for tensor in self.inputs if tensor.name == name]
        return 1 if len(self.inputs) > 1 else tensor.dims[-1]

    def _parsed(self, request: Request) -> tuple[dict[str, Any], dict[str, tuple[str, NDArray[Any]]]]:
        body = request.body or b""
        length = int(request.headers.get(LENGTH, len(body)))
        document, raw = json.loads(body[:length]), body[length:]
        tensors = {}
        for item in document["inputs"]:
            name, datatype, shape = item["name"], item["datatype"], item["shape"]
            size = item.get("parameters", {}).get("binary_data_size")
            if size is not None:
                values, raw = np.frombuffer(raw[:size], dtype=BINARY[datatype]), raw[size:]
            elif datatype == "FP16":
                raise Refusal(
                    "receiving FP16 data via JSON is not supported. Please use the binary data format for input " + name
                )
            else:
                values = np.array(_numbers(item["data"], integers=datatype.startswith("INT")))
            if values.size != prod(shape):
                raise Refusal("Unable to parse 'data': Shape does not match true shape of 'data' field")
            tensors[name] = (datatype, values.astype(float).reshape(shape))
        if raw:
            raise Refusal("unexpected additional input data for model 'power'")
        return document, tensors

    def _check(self, tensors: dict[str, tuple[str, NDArray[Any]]]) -> None:
        known = {tensor.name: tensor for tensor in self.inputs}
        missing = [name for name in known if name not in tensors]
        for name in tensors:
            if name not in known:
                raise Refusal(f"unexpected inference input '{name}' for model 'power'")
        if missing:
            raise Refusal(f"expected {len(known)} inputs but got {len(tensors)} inputs for model 'power'")
        sizes = {values.shape[:1] for _, values in tensors.values()}
        if self.max_batch_size:
            if len(sizes) > 1:
                raise Refusal("input batch size does not match other inputs for 'power'")
            ((rows,),) = sizes
            if rows > self.max_batch_size:
                raise Refusal(f"inference request batch-size must be <= {self.max_batch_size} for 'power'")
        for name, (datatype, values) in tensors.items():
            wanted = known[name]
            if datatype != wanted.datatype:
                raise Refusal(
                    f"inference input '{name}' data-type is '{datatype}', but model 'power' expects '{wanted.datatype}'"
                )
            dims = (-1, *wanted.dims) if self.max_batch_size else wanted.dims
            if len(dims) != values.ndim or any(
                size not in (-1, given) for size, given in zip(dims, values.shape, strict=True)
            ):
                shown = ",".join(map(str, dims))
                raise Refusal(f"unexpected shape for input '{name}' for model 'power'. Expected [{shown}]")

    def _answer(self, outputs: list[Tensor], watts: NDArray[Any], binary: bool) -> Response:
        described, raw = [], b""
        for tensor in outputs:
            item: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": [len(watts), 1]}
            if binary:
                content = watts.astype(BINARY[tensor.datatype]).tobytes()
                item["parameters"] = {"binary_data_size": len(content)}
                raw += content
            elif tensor.datatype == "FP16":
                raise Refusal("sending FP16 data via JSON is not supported. Please use the binary data format")
            else:
                item["data"] = watts.tolist()
            described.append(item)
        text = json.dumps({"model_name": "power", "model_version": "1", "outputs": described}).encode()
        return Response(200, text + raw, {LENGTH.lower(): str(len(text))} if binary else {})


@contextmanager
def listening(server: StrictServer) -> Iterator[str]:
    """Serve on loopback until the end of the block; yield the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = server(Request(self.command, f"http://triton{self.path}", dict(self.headers), body))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _numbers(data: object, *, integers: bool) -> list[float]:
    if isinstance(data, list):
        return [number for item in data for number in _numbers(item, integers=integers)]
    if not isinstance(data, int | float) or (integers and not isinstance(data, int)):
        raise Refusal("Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer")
    return [float(data)]


def _json(document: object, status: int = 200) -> Response:
    return Response(status, json.dumps(document).encode())
