"""A weight service that answers what a file says: {"default/web": {"10.1.0.1": 58, ...}, ...}, port 80 to 8080."""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file: Path

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        known = self.headers.get("If-None-Match", "").strip('"')
        wait = float(parse_qs(url.query).get("wait", ["0s"])[0].rstrip("s"))
        deadline = time.monotonic() + wait
        while self.version() == known and time.monotonic() < deadline:
            time.sleep(0.02)
        weights = json.loads(self.file.read_text())
        key = url.path.removeprefix("/v1/weights").strip("/")
        if not key:
            services = [dict(zip(("namespace", "service"), name.split("/"), strict=True)) for name in weights]
            self.answer(
                {"version": self.version(), "services": [item | {"version": self.version()} for item in services]}
            )
        else:
            ports = [{"name": "http", "port": 80, "protocol": "TCP", "family": "any", "endpoints": [
                {"address": address, "port": 8080, "weight": weight, "ready": True}
                for address, weight in weights[key].items()]}]  # fmt: skip
            self.answer({"version": self.version(), "ports": ports})

    def version(self) -> str:
        return str(self.file.stat().st_mtime_ns)

    def answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    Handler.file = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 9900), Handler)
    print("ready", flush=True)
    server.serve_forever()
