"""A weight service from a folder of manifests, three backends, and what a load balancer must do with the weights."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import yaml

from tests.interop.conftest import free_port, process

CLUSTER = "default/web:http"
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
SIX = ("fd01::2", "fd01::3", "fd01::4")
"""Addresses of the same endpoints in IPv6, at which nobody answers: the proxies of the tests have IPv4 only."""
QUIC_PORT = 4433
TYPES = ("edge_lenovo", "edge_supermicro", "cloud_dell")
QUIET, BUSY = (5.0, 18.0, 10.0), (13.0, 5.0, 6.0)
"""CPU in use on the three nodes [cores]; the weights of one are far from those of the other."""


def manifests(usage: tuple[float, ...], port: int) -> list[dict[str, Any]]:
    """Return a dual-stack Service with an endpoint on each of three servers of different types."""
    found: list[dict[str, Any]] = []
    for model, used in zip(TYPES, usage, strict=True):
        name = f"node-{model.replace('_', '-')}"
        sensors = {
            "inletTemp": {"type": "Fake", "endpoint": "", "value": 24.0},
            "deltaP": {"type": "Fake", "endpoint": "", "value": 5.0},
        }
        predictor = {"powerConsumption": {"type": "Onnx", "endpoint": model}}
        spec = {"nodeName": name, "metricsCollector": sensors, "predictor": predictor}
        metadata = {"name": name, "namespace": "wao-system"}
        found += [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name},
                "status": {"capacity": {"cpu": "32"}, "allocatable": {"cpu": "32"}},
            },
            {"apiVersion": "node.waok8s.github.io/v1beta1", "kind": "NodeConfig", "metadata": metadata, "spec": spec},
            {
                "apiVersion": "metrics.k8s.io/v1beta1",
                "kind": "NodeMetrics",
                "metadata": {"name": name},
                "window": "15s",
                "usage": {"cpu": f"{used:g}"},
            },
        ]
    return [*found, _service(), _slice("IPv4", ADDRESSES, port), _slice("IPv6", SIX, port)]


def _service() -> dict[str, Any]:
    annotations = {"waok8s.github.io/lb-rule": "proportional", "waok8s.github.io/cpu-per-request": "500m"}
    metadata = {"name": "web", "namespace": "default", "annotations": annotations}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "quic", "port": 80, "protocol": "UDP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"], "ports": ports},
    }


def _slice(family: str, addresses: tuple[str, ...], port: int) -> dict[str, Any]:
    listed = [
        {"addresses": [address], "nodeName": f"node-{model.replace('_', '-')}", "conditions": {"ready": True}}
        for address, model in zip(addresses, TYPES, strict=True)
    ]
    name = f"web-{family.lower()}"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": family,
        "endpoints": listed,
        "ports": [
            {"name": "http", "port": port, "protocol": "TCP"},
            {"name": "quic", "port": QUIC_PORT, "protocol": "UDP"},
        ],
    }


@dataclass
class WeightService:
    """`wao lb` on a folder; `start` and `kill` it as often as wanted."""

    folder: Path
    backend_port: int
    port: int = field(default_factory=free_port)
    agent_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._running = ExitStack()
        self.starts = 0
        self.load(QUIET)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def load(self, usage: tuple[float, ...]) -> None:
        """Give the nodes another load."""
        folder = self.folder / "manifests"
        folder.mkdir(exist_ok=True)
        text = yaml.safe_dump_all(manifests(usage, self.backend_port))
        (folder / "new").write_text(text)
        (folder / "new").rename(folder / "fleet.yaml")

    def start(self) -> None:
        """Run it until it is ready."""
        self.starts += 1
        arguments = [sys.executable, "-m", "wao_predict.cli", "lb", "--manifests", str(self.folder / "manifests")]
        arguments += ["--port", str(self.port), "--agent-check-port", str(self.agent_port), "--insecure-http"]
        arguments += ["--proxy-name", "", "--settle-time", "0"]
        folder = self.folder / f"run-{self.starts}"
        folder.mkdir()
        self._process = self._running.enter_context(process(arguments, folder, f"{self.url}/readyz", {}))

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self._process.kill()
        self._running.close()

    def weights(self) -> dict[str, float]:
        """Return the share of each endpoint [%]."""
        document = httpx2.get(f"{self.url}/v1/weights/default/web", timeout=5.0).json()
        return {item["address"]: item["weight"] for item in document["ports"][0]["endpoints"]}

    def close(self) -> None:
        """End it."""
        self._running.close()


class _Backend(BaseHTTPRequestHandler):
    """Answers with its own address."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body must not wait for the acknowledgement of the headers

    def do_GET(self) -> None:
        """Answer."""
        body = self.connection.getsockname()[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def backends() -> Iterator[int]:
    """Run a backend on each address; yield their common port."""
    port, servers = free_port(), []
    try:
        for address in ADDRESSES:
            servers.append(ThreadingHTTPServer((address, port), _Backend))
            servers[-1].daemon_threads = True
            Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield port
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def split(url: str, requests: int = 600) -> Counter[str]:
    """Return which backends answered so many requests; every one must be answered."""
    found: Counter[str] = Counter()
    with httpx2.Client(timeout=5.0) as client:
        for _ in range(requests):
            answer = client.get(url)
            assert answer.status_code == 200, answer.text
            found[answer.text] += 1
    return found


def chance(found: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the probability of a split at least as far from the shares (chi-square, two degrees of freedom)."""
    total, weight = sum(found.values()), sum(shares.values())
    expected = {key: total * share / weight for key, share in shares.items()}
    assert len(expected) == 3
    return math.exp(-sum((found.get(key, 0) - value) ** 2 / value for key, value in expected.items()) / 2)
