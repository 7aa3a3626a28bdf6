"""CPU use and limits of the endpoints' pods."""

from __future__ import annotations

import numpy as np

from wao_core.cluster.records import Kind, Pod, PodMetrics
from wao_core.cluster.state import ClusterState
from wao_lb.pod_table import NO_POD, PodTable


def pod(name: str = "web", **more: float) -> Pod:
    return Pod(name=name, namespace="d", uid=name, **more)  # type: ignore[arg-type]


def sample(cores: float, timestamp: float = 100.0) -> PodMetrics:
    return PodMetrics(name="web", namespace="d", cpu_cores=cores, timestamp=timestamp)


def test_a_row_follows_its_pod_and_its_metrics() -> None:
    state = ClusterState()
    state.put(Kind.POD, pod(cpu_limit=4.0, cpu_request=1.0))
    table = PodTable(state)
    rows = np.array([table.use("d/web")])
    state.put(Kind.POD_METRICS, sample(2.0))
    assert [part.tolist() for part in table.measured(rows, since=100.0)] == [[2.0], [4.0]]
    state.put(Kind.POD, pod(cpu_request=1.0))
    state.put(Kind.POD_METRICS, sample(3.0))
    assert [part.tolist() for part in table.measured(rows, since=100.0)] == [[3.0], [1.0]]
    state.remove(Kind.POD, "d/web")
    state.remove(Kind.POD_METRICS, "d/web")
    assert np.isnan(table.measured(rows, since=0.0)).all()


def test_an_old_sample_is_unknown() -> None:
    state = ClusterState()
    state.put(Kind.POD_METRICS, sample(2.0, timestamp=99.0))
    table = PodTable(state)
    cpu, _ = table.measured(np.array([table.use("d/web")]), since=100.0)
    assert np.isnan(cpu).all()


def test_pools_that_share_a_pod_share_its_cpu() -> None:
    state = ClusterState()
    state.put(Kind.POD, pod(cpu_limit=4.0))
    state.put(Kind.POD_METRICS, sample(2.0))
    table = PodTable(state)
    rows = np.array([table.use("d/web"), table.use("d/web")])
    assert [part.tolist() for part in table.measured(rows, since=0.0)] == [[1.0, 1.0], [2.0, 2.0]]


def test_a_pod_that_no_pool_uses_is_dropped_and_its_row_used_again() -> None:
    table = PodTable(ClusterState())
    rows = [table.use(f"d/{number}") for number in range(200)]
    assert len(table) == 200
    for number in range(200):
        table.release(f"d/{number}")
    assert len(table) == 0
    assert table.use("d/other") in rows


def test_an_endpoint_without_a_pod_has_the_row_of_the_unknown() -> None:
    table = PodTable(ClusterState())
    assert table.use(None) == NO_POD
    table.release(None)
    assert np.isnan(table.measured(np.array([NO_POD]), since=0.0)).all()
