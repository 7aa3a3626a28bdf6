"""A V2 inference server of the included models that answers, refuses or hangs, as set by the test."""

from __future__ import annotations

import json
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import numpy as np

from wao_predict import Predictor, load_predictor

MODELS = ("edge_lenovo", "cloud_lenovo")


@lru_cache
def _predictor(name: str) -> Predictor:
    return load_predictor(name)


class ModelServer:
    """Use as `with`. `mode` is "answer", "refuse" or "hang"; `asked` counts requests by mode."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.asked: dict[str, int] = {}
        self._release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked[outer.mode] = outer.asked.get(outer.mode, 0) + 1
                if outer.mode == "hang":
                    outer._release.wait(60)
                    self.close_connection = True
                    return
                status, answer = (
                    (503, {"error": "busy"}) if outer.mode == "refuse" else (200, outer._infer(self.path, body))
                )
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def endpoints(self) -> dict[str, str]:
        """The URL of each model."""
        return {name: f"http://127.0.0.1:{self._server.server_port}/v2/models/{name}/infer" for name in MODELS}

    def __enter__(self) -> ModelServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def _infer(path: str, body: bytes) -> dict[str, Any]:
        (sent,) = json.loads(body)["inputs"]
        rows = np.array(sent["data"], dtype=np.float64).reshape(sent["shape"])
        watts = _predictor(path.split("/")[3]).predict_detailed(rows).watts
        output = {"name": "watts", "datatype": "FP64", "shape": [len(watts), 1], "data": watts.tolist()}
        return {"model_name": path.split("/")[3], "outputs": [output]}
