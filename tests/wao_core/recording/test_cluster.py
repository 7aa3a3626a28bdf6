"""A recording of a cluster with an API server, metrics.k8s.io and sensors."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wao_core.recording.cluster_objects import api_server, documents, usage
from wao_core.cluster.source import Problem
from wao_core.collector.endpoints import EndpointAccess
from wao_core.kube.resources import NODE_CONFIGS
from wao_core.recording.cluster import ClusterPlan, not_synced, record_cluster
from wao_predict.errors import UsageError
from wao_predict.train.table import load_table


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


def test_an_api_server_that_does_not_answer_is_named_with_the_reason_that_matters() -> None:
    refused = [
        Problem("nodes.metrics.k8s.io", "no answer in time", 0.0),
        Problem(NODE_CONFIGS.name, "403", 0.0),
    ]
    assert "https://api does not list nodes and NodeConfigs: 403; is the address" in not_synced("https://api", refused)
    assert "no answer within 30 s; is the address right" in not_synced("https://api", refused[:1])
