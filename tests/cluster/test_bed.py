"""The bed itself is a real control plane."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.program import Program, free_port, wait_for
from tests.cluster.conftest import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def is_ready(bed: ControlPlane, name: str) -> bool:
    conditions = bed.admin.get(f"/api/v1/nodes/{name}").get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def test_nodes_get_ready(bed: ControlPlane) -> None:
    bed.admin.create_all("/api/v1/nodes", [node(f"bed-{number}") for number in range(3)])
    for number in range(3):
        wait_for(lambda number=number: is_ready(bed, f"bed-{number}"), "node ready")  # type: ignore[misc]


def test_metrics_server_measures_what_runs_and_leaves_out_what_does_not(
    bed: ControlPlane, metrics_server: Program
) -> None:
    bed.admin.create_all("/api/v1/nodes", [node("busy"), node("idle")])
    wait_for(lambda: is_ready(bed, "busy"), "node ready")
    bed.admin.create("/api/v1/namespaces/default/pods", pod("load", cpu="1", node_name="busy", usage="1500m"))

    def measured() -> dict[str, str]:
        items = bed.admin.get("/apis/metrics.k8s.io/v1beta1/nodes")["items"]
        return {item["metadata"]["name"]: item["usage"]["cpu"] for item in items}

    wait_for(lambda: "busy" in measured(), "metrics of the busy node")
    assert "idle" not in measured()
    assert "busy" in kubectl(bed, "top", "nodes")


def test_the_schema_shows_useful_columns(bed: ControlPlane) -> None:
    assert "NAME   NODE" not in kubectl(bed, "get", "nodeconfigs", "-A")
    spec = {
        "nodeName": "x",
        "metricsCollector": {"inletTemp": {"type": "Fake", "endpoint": ""}, "deltaP": {"type": "Fake", "endpoint": ""}},
        "predictor": {},
    }
    body = {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": "columns"},
        "spec": spec,
    }
    path = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system/nodeconfigs"
    bed.admin.create(path, body)
    shown = kubectl(bed, "get", "nc", "-n", "wao-system")
    assert shown.split()[:7] == ["NAME", "NODE", "INLETTEMP", "PREDICTOR", "POWER", "READY", "REASON"]
    bed.admin.delete(f"{path}/columns")


def test_what_was_started_ends_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    """Nothing of a benchmark or a test run that is killed is left running."""
    port = free_port()
    script = f"""
import sys
import threading
from pathlib import Path
from tests.cluster.bed.program import Program
arguments = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
Program("server", arguments, Path({str(tmp_path)!r})).start(lambda: True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as starter:
        try:
            wait_for(lambda: listens(port), "the server listens")
        finally:
            starter.kill()
    wait_for(lambda: not listens(port), "the server is gone with its starter")


def test_what_was_started_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    port = free_port()
    server = Program("server", [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], tmp_path)
    asking = threading.Thread(target=server.start, args=(lambda: listens(port),))
    asking.start()
    asking.join()
    try:
        assert not server.ends_within(0.5)
        assert listens(port)
    finally:
        server.stop()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
