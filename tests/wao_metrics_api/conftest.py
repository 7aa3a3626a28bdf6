"""A small cluster at a fixed moment, and the application around it."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from wao_core.cluster.records import Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.frame import ServerFrame
from wao_metrics_api.app import create_app
from wao_predict.endpoint import Endpoint

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z


def node_config(node: str, *metrics: str, name: str = "", created: float | None = None) -> NodeConfig:
    """Return a NodeConfig with a sensor for each metric."""
    terms = {metric: SensorTerm(Endpoint("Redfish", f"https://{node}.example")) for metric in metrics}
    return NodeConfig(name=name or node, namespace="wao", node_name=node, metrics=terms, created=created)


@pytest.fixture
def now() -> float:
    return NOW


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    nodes = [Node(name=name, labels={"zone": zone}) for name, zone in (("n1", "a"), ("n2", "b"), ("n3", "a"))]
    state.replace(Kind.NODE, nodes)
    sensors = {"n1": ("inlet_temp", "delta_p"), "n2": ("inlet_temp",), "n3": ("inlet_temp",)}
    state.replace(Kind.NODE_CONFIG, [node_config(node, *metrics) for node, metrics in sensors.items()])
    return state


@pytest.fixture
def store() -> SampleStore:
    """n1 is fresh, n2 expired, n3 was never read."""
    store = SampleStore()
    store.put("n1", "inlet_temp", Sample(25.5, NOW - 10, 60, source="Redfish"))
    store.put("n2", "inlet_temp", Sample(25.5, NOW - 90, 60, source="Redfish"))
    store.fail("n3", "inlet_temp", "no answer in 8 s", ttl=60)
    store.put("n1", "delta_p", Sample(7.5, NOW - 1, 0, source="DifferentialPressureAPI"))
    return store


@pytest.fixture
async def client(state: ClusterState, store: SampleStore) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(state, store, ServerFrame("metrics-api"), clock=lambda: NOW)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://test", headers={"Accept": "*/*"}) as client:
        yield client
