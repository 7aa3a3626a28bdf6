"""A recording of a cluster with an API server, metrics.k8s.io and sensors."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.api_server import ApiServer
from wao_core.collector.endpoints import EndpointAccess
from wao_core.recording.cluster import ClusterPlan, record_cluster
from wao_predict.errors import UsageError
from wao_predict.timestamps import format_rfc3339
from wao_predict.train.table import load_table


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


async def test_load_and_power_of_the_nodes_with_a_meter_become_rows(tmp_path: Path) -> None:
    notes: list[str] = []
    with api_server(tmp_path, documents()) as (server, kubeconfig):
        plan = ClusterPlan(kubeconfig, tmp_path / "log.csv", direct=EndpointAccess(), period=1.0)

        @contextmanager
        def until_the_first_row() -> Iterator[Callable[[str], None]]:
            def show(text: str) -> None:
                server.create(usage("a"))
                if not text.startswith("0 rows"):
                    recording.cancel()  # as Ctrl-C does

            yield show

        recording = asyncio.ensure_future(record_cluster(plan, notes.append, until_the_first_row))
        with contextlib.suppress(asyncio.CancelledError):
            await recording
    table = load_table(tmp_path / "log.csv")
    assert (table.X.tolist(), table.watts.tolist()) == ([[25.0, 22.0]], [200.0])
    assert notes == ["not recorded, without metricsCollector.powerWatts: b"]


async def test_a_metrics_api_without_values_is_named(tmp_path: Path) -> None:
    with api_server(tmp_path, documents()) as (_, kubeconfig):
        plan = ClusterPlan(kubeconfig, tmp_path / "log.csv", duration=0.5)
        done = await record_cluster(plan, lambda text: None, silent)
    assert (done.rows, done.nodes) == (0, 0)
    assert done.problem == "1 of 1 nodes: inlet_temp: the metrics API does not list a value"


async def test_a_cluster_without_a_node_to_record_is_refused(tmp_path: Path) -> None:
    with api_server(tmp_path, []) as (_, kubeconfig):
        plan = ClusterPlan(kubeconfig, tmp_path / "log.csv")
        with pytest.raises(UsageError, match="no node has a NodeConfig"):
            await record_cluster(plan, lambda text: None, silent)
    with pytest.raises(UsageError, match="missing"):
        await record_cluster(ClusterPlan(tmp_path / "missing", tmp_path / "log.csv"), lambda text: None, silent)


@contextmanager
def silent() -> Iterator[Callable[[str], None]]:
    yield lambda text: None
