"""The extender on a large cluster: start to ready, and requests over TLS while its inputs keep moving.

A real API server holds 5,000 nodes with a NodeConfig each and 20,000 running pods; metrics.k8s.io and
metrics.waok8s.github.io are stand-ins behind its aggregator that give every node a new value with every list. Needs
`make test-cluster` once.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cluster import cluster
from benchmarks.extender import body_of, names_of
from benchmarks.processes import cpu_seconds, resident_bytes, serving
from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.program import free_port, launch
from tests.cluster.scheduler.fleets import NODE_CONFIGS
from tests.cluster.scheduler.site import PODS
from wao_predict import list_models

NODES, PODS_EACH, REQUESTS = 5000, 4, 3000
GROUPS = {"metrics.k8s.io": "v1beta1", "metrics.waok8s.github.io": "v1beta2"}


def main() -> None:
    """Print the time from the start of the process to ready, its CPU and memory, and the time of requests."""
    with cluster(kwok=False) as bed:
        if bed is None:
            return
        names = names_of(NODES)
        began = time.monotonic()
        _fill(bed, names)
        print(f"{NODES:,} nodes and {NODES * PODS_EACH:,} pods written in {time.monotonic() - began:.0f} s")
        services = {group: group.partition(".")[0] for group in GROUPS}
        pair = bed.service_ca.issue("metrics", hosts=tuple(f"{name}.kube-system.svc" for name in services.values()))
        stand_in = partial(serve_metrics, tuple(names), str(pair.certificate), str(pair.key))
        with serving(stand_in) as (url, _):
            for group, version in GROUPS.items():
                port = int(url.rpartition(":")[2])
                bed.register_api(group, version, service=services[group], namespace="kube-system", port=port)
            _measure(bed, names)


def _measure(bed: ControlPlane, names: list[str]) -> None:
    port, log = free_port(), bed.folder / "extender.log"
    command = [sys.executable, "-m", "wao_predict.cli", "scheduler", f"--kubeconfig={bed.kubeconfig}", f"--port={port}"]
    began = time.monotonic()
    with log.open("wb") as output:
        process = launch(command, output)
    try:
        client = Client(port)
        while not client.ready():
            if process.poll() is not None or time.monotonic() - began > 300:
                sys.exit(f"the extender is not ready: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        seconds, used, memory = time.monotonic() - began, cpu_seconds(process.pid), resident_bytes(process.pid)
        print(f"start to ready: {seconds:.1f} s, {used:.1f} s of CPU, {memory / 1e6:.0f} MB")
        times = np.array([client.decide(body_of(names, number)) for number in range(REQUESTS)])
        p50, p99 = np.quantile(times, (0.5, 0.99))
        print(
            f"filter + prioritize over TLS, as the client sees them while inputs move: p50 {1e3 * p50:.1f} ms, "
            f"p99 {1e3 * p99:.1f} ms, longest {1e3 * times.max():.0f} ms of {REQUESTS:,}; "
            f"memory {resident_bytes(process.pid) / 1e6:.0f} MB"
        )
    finally:
        process.terminate()
        process.wait(30)


class Client:
    """A scheduler's keep-alive connection to the extender."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._http = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)

    def ready(self) -> bool:
        """Return whether the extender says that it is ready."""
        try:
            return self._ask("GET", "/readyz") == 200
        except (OSError, http.client.HTTPException):
            self._http.close()
            return False

    def decide(self, body: bytes) -> float:
        """Let it filter and prioritize, and return the seconds that both took."""
        began = time.perf_counter()
        for verb in ("filter", "prioritize"):
            if self._ask("POST", f"/default/{verb}", body) != 200:
                sys.exit(f"{verb} was refused")
        return time.perf_counter() - began

    def _ask(self, method: str, path: str, body: bytes | None = None) -> int:
        self._http.request(method, path, body=body, headers={"Content-Type": "application/json"})
        answer = self._http.getresponse()
        answer.read()
        return answer.status


def _fill(bed: ControlPlane, names: list[str]) -> None:
    models = [info.name for info in list_models()]
    bed.admin.create("/api/v1/namespaces", {"metadata": {"name": "wao-system"}})
    _each(partial(bed.admin.create, "/api/v1/nodes"), (node(name) for name in names))
    configs = (_node_config(name, models[row % len(models)]) for row, name in enumerate(names))
    _each(partial(bed.admin.create, NODE_CONFIGS), configs)
    _each(partial(_run_pod, bed), ((name, number) for name in names for number in range(PODS_EACH)))


def _each(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, items))


def _run_pod(bed: ControlPlane, item: tuple[str, int]) -> None:
    name = f"{item[0]}-{item[1]}"
    bed.admin.create(PODS, pod(name, cpu="1", node_name=item[0]))
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    container = {"name": "c", "image": "i", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    bed.admin.patch(f"{PODS}/{name}/status", {"status": {"phase": "Running", "containerStatuses": [container]}})


def _node_config(name: str, model: str) -> dict[str, Any]:
    fake = {"type": "Fake", "endpoint": ""}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name},
        "spec": {
            "nodeName": name,
            "metricsCollector": {"inletTemp": fake, "deltaP": fake},
            "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": model}},
        },
    }


def serve_metrics(names: tuple[str, ...], certificate: str, key: str, port: int) -> None:
    """Serve both metrics APIs with values of their own for every node and list."""
    import msgspec
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    draw = np.random.default_rng(0)

    def now() -> str:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def usage(_request: Request) -> Response:
        cores = draw.uniform(500, 16_000, len(names)).astype(int)
        items = [
            {"metadata": {"name": name}, "timestamp": now(), "window": "10s", "usage": {"cpu": f"{used}m"}}
            for name, used in zip(names, cores.tolist(), strict=True)
        ]
        return _json({"kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items})

    async def values(request: Request) -> Response:
        metric = request.path_params["metric"]
        low, high = (18.0, 30.0) if metric == "inlet_temp" else (2.0, 12.0)
        items = [
            {
                "describedObject": {"kind": "Node", "name": name, "apiVersion": "v1"},
                "metric": {"name": metric, "selector": None},
                "timestamp": now(),
                "value": f"{value}m",
            }
            for name, value in zip(names, (1e3 * draw.uniform(low, high, len(names))).astype(int).tolist(), strict=True)
        ]
        return _json({"kind": "MetricValueList", "apiVersion": "metrics.waok8s.github.io/v1beta2", "items": items})

    async def discovery(_request: Request) -> Response:
        return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "", "resources": []})

    def _json(document: object) -> Response:
        return Response(msgspec.json.encode(document), media_type="application/json")

    routes = [
        Route("/apis/metrics.k8s.io/v1beta1/nodes", usage),
        Route("/apis/metrics.waok8s.github.io/v1beta2/nodes/{name}/{metric}", values),
        Route("/{path:path}", discovery),
    ]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    uvicorn.run(
        Starlette(routes=routes),
        host="127.0.0.1",
        port=port,
        log_level="error",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
