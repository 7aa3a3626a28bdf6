"""The reflector, leases and events against the real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import PATIENCE, Program
from wao_core.cluster.records import Kind
from wao_core.cluster.source import ObjectRef
from wao_core.kube.client import KubeClient
from wao_core.kube.lease import LeaderElection, LeaseTimes
from wao_core.source.kubernetes import KubernetesSource

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


async def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition inside an event loop."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {seconds:g} s: {what}")


def lease(bed: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = bed.admin.get("/apis/coordination.k8s.io/v1/namespaces/wao-system/leases/test")["spec"]
    return found


def renewed(bed: ControlPlane) -> str:
    return str(lease(bed)["renewTime"])


@pytest.fixture
async def source(bed: ControlPlane) -> AsyncIterator[KubernetesSource]:
    client = await KubeClient.connect(bed.kubeconfig)
    made = KubernetesSource(client, [Kind.NODE, Kind.NODE_METRICS], component="test", period=2.0)
    await made.start()
    assert await made.wait_synced(PATIENCE)
    yield made
    await made.stop()


async def test_nodes_are_listed_in_pages_and_followed(bed: ControlPlane, source: KubernetesSource) -> None:
    count = 620  # more than one page of 500
    names = [f"page-{number}" for number in range(count)]
    await asyncio.to_thread(bed.admin.create_all, "/api/v1/nodes", [node(name) for name in names])
    await until(lambda: set(names) <= set(source.state.nodes), "all nodes seen by watch")
    again = KubernetesSource(await KubeClient.connect(bed.kubeconfig), [Kind.NODE])
    await again.start()
    assert await again.wait_synced(PATIENCE)
    assert set(names) <= set(again.state.nodes)
    await again.stop()
    assert source.state.nodes["page-7"].capacity_cores == 32.0
    await asyncio.to_thread(bed.admin.delete_all, [f"/api/v1/nodes/{name}" for name in names])
    await until(lambda: not set(names) & set(source.state.nodes), "all nodes gone")


async def test_the_api_server_restarted_is_no_loss(bed: ControlPlane, source: KubernetesSource) -> None:
    assert bed.apiserver is not None
    bed.apiserver.kill()

    def troubled() -> bool:
        return any(problem.where == "nodes" for problem in source.problems())

    await until(troubled, "the outage is reported")
    assert source.state.nodes is not None
    await asyncio.to_thread(bed.start_apiserver)
    await asyncio.to_thread(bed.admin.create, "/api/v1/nodes", node("after-restart"))
    await until(lambda: "after-restart" in source.state.nodes, "changes are followed again")
    await until(lambda: not troubled(), "no problem is left")


async def test_node_metrics_are_read(bed: ControlPlane, metrics_server: Program, source: KubernetesSource) -> None:
    from tests.cluster.bed.controlplane import pod

    await asyncio.to_thread(bed.admin.create, "/api/v1/nodes", node("metered"))
    body = pod("metered", cpu="1", node_name="metered", usage="2500m")
    await asyncio.to_thread(bed.admin.create, "/api/v1/namespaces/default/pods", body)
    await until(lambda: "metered" in source.state.node_metrics, "CPU of the node")
    sample = source.state.node_metrics["metered"]
    assert 1.0 < sample.cpu_cores < 4.0
    assert sample.window > 0


async def test_a_lease_is_taken_over_and_released(bed: ControlPlane) -> None:
    times = LeaseTimes(duration=3.0, renew_deadline=2.0, retry=0.5)
    clients = [await KubeClient.connect(bed.kubeconfig) for _ in range(2)]
    first, second = (
        LeaderElection(client, "wao-system", "test", f"replica-{number}", times=times)
        for number, client in enumerate(clients)
    )
    one = asyncio.create_task(first.run())
    await until(first.leading.is_set, "the first leads")
    two = asyncio.create_task(second.run())
    for _ in range(2):
        before = renewed(bed)
        await until(lambda before=before: renewed(bed) != before, "it is renewed")  # type: ignore[misc]
    assert not second.leading.is_set()
    one.cancel()  # a graceful stop releases: the second need not wait for the Lease to expire
    await asyncio.gather(one, return_exceptions=True)
    assert lease(bed)["holderIdentity"] != "replica-0"
    await until(second.leading.is_set, "the second leads")
    two.cancel()
    await asyncio.gather(one, two, return_exceptions=True)
    for client in clients:
        await client.close()


@pytest.mark.parametrize(
    "cpu", ["1Ei", "1e3", "0.1", "100m", ".5", "5.", "+2", "1E", "12345678901234567890n", "100000u", "1e-3"]
)
async def test_a_pod_with_any_quantity_is_read(bed: ControlPlane, cpu: str) -> None:
    from tests.cluster.bed.controlplane import pod

    pods = "/api/v1/namespaces/default/pods"
    source = KubernetesSource(await KubeClient.connect(bed.kubeconfig), [Kind.POD, Kind.SERVICE])
    await source.start()
    assert await source.wait_synced(PATIENCE)
    assert "default/kubernetes" in source.state.services  # the first list, from the watch cache
    await asyncio.to_thread(bed.admin.create, pods, pod("quantity", cpu=cpu))
    await until(lambda: "default/quantity" in source.state.pods, "the Pod is seen")
    assert (source.state.pods["default/quantity"].cpu_request or 0.0) > 0.0
    assert source.problems() == []
    await asyncio.to_thread(bed.admin.delete_all, [f"{pods}/quantity?gracePeriodSeconds=0"])
    await until(lambda: "default/quantity" not in source.state.pods, "the Pod is gone")
    await source.stop()


async def test_an_event_is_recorded(bed: ControlPlane, source: KubernetesSource) -> None:
    about = ObjectRef("Node", "bed-0")
    await source.event(about, reason="Tested", message="sent by a test", warning=True)
    found = bed.admin.get("/api/v1/namespaces/default/events")["items"]
    (event,) = [item for item in found if item["reason"] == "Tested"]
    assert event["type"] == "Warning"
    assert event["involvedObject"]["name"] == "bed-0"
