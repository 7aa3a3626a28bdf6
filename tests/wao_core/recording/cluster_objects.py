"""A cluster of two nodes to record, one of them with a power meter, and its API server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.api_server import ApiServer
from wao_predict.timestamps import format_rfc3339


def usage(node: str) -> dict[str, Any]:
    """Return the CPU use of a node that metrics-server has measured just now."""
    window = {"timestamp": format_rfc3339(time.time(), microseconds=True), "window": "20s"}
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": node},
        **window,
        "usage": {"cpu": "2"},
    }


def documents() -> list[dict[str, Any]]:
    """Return two nodes, one of them with a power meter, and their CPU use."""
    sensor = {"type": "Fake", "endpoint": "", "fetchInterval": "1s"}
    found: list[dict[str, Any]] = []
    for name, watts in (("a", 200.0), ("b", None)):
        power = {"powerWatts": {**sensor, "value": watts}} if watts else {}
        collector = {"inletTemp": {**sensor, "value": 22.0}, **power}
        spec = {"nodeName": name, "metricsCollector": collector, "predictor": {}}
        found += [
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"capacity": {"cpu": "8"}}},
            {"apiVersion": "waok8s.github.io/v1beta1", "kind": "NodeConfig",
             "metadata": {"name": name, "namespace": "d"}, "spec": spec},
            usage(name),
        ]  # fmt: skip
    return found


@contextmanager
def api_server(folder: Path, objects: list[dict[str, Any]]) -> Iterator[tuple[ApiServer, Path]]:
    file = folder / "objects.yaml"
    file.write_text("\n---\n".join(map(json.dumps, objects)))
    with ApiServer([file]) as server:
        yield server, server.kubeconfig(folder, "recorder")
