"""The parts of the agent together, over a simulated kernel: what a sync changes in addition to rules."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests import waiting
from tests.fakes.sources import FakeSource
from tests.wao_lb.agent.services import endpoint, part, service
from tests.wao_lb.agent.simulated import SimulatedKernel
from wao_core.cluster.records import Kind, Node, Taint
from wao_core.cluster.state import ClusterState
from wao_lb.agent.node_agent import Agent, AgentOptions
from wao_lb.agent.sync import SyncIntervals
from wao_lb.agent.this_node import TO_BE_DELETED
from wao_lb.agent.view import KINDS, NodeSettings
from wao_lb.settings import PROXY_LABEL

until = partial(waiting.until, seconds=10.0)
LABELS = {PROXY_LABEL: "wao-loadbalancer"}
LOCAL: dict[str, Any] = {"type": "LoadBalancer", "external_traffic_policy": "Local", "labels": LABELS, "uid": "u-1"}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program uses."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def agent_of(source: FakeSource, *, url: str = "", node_name: str = "node-1") -> Agent:
    node = NodeSettings(node_name=node_name, proxy_name="wao-loadbalancer")
    options = AgentOptions(node=node, intervals=SyncIntervals(sync=0.01, verify=60.0), weights_url=url)
    source.state.put(Kind.NODE, Node(name="node-1"))
    for kind in KINDS:
        source.state.confirm(kind)
    return Agent(source, SimulatedKernel(), options)


async def test_a_health_port_that_is_in_use_is_one_event_on_the_service_however_often_the_rules_are_written(
    taken: int,
) -> None:
    source = FakeSource(ClusterState())
    source.state.put(Kind.SERVICE, service(health_check_node_port=taken, **LOCAL))
    agent = agent_of(source)
    await agent.syncer.sync()
    await agent.syncer.sync()
    await until(lambda: source.events)
    await agent.close()
    ((about, reason, message, warning),) = source.events
    assert ("Service", "web", "default", "u-1") == (about.kind, about.name, about.namespace, about.uid)
    assert ("NotProxied", True) == (reason, warning)
    assert f"healthCheckNodePort {taken} cannot be opened" in message


@pytest.mark.parametrize(
    "more", [{"type": "NodePort"}, {"external_traffic_policy": "Cluster"}, {"labels": {}}, {"cluster_ips": ("None",)}]
)
async def test_only_load_balancers_with_local_policy_that_are_served_have_a_health_port(
    more: dict[str, Any], taken: int
) -> None:
    source = FakeSource(ClusterState())
    source.state.put(Kind.SERVICE, service(health_check_node_port=taken, **(LOCAL | more)))
    agent = agent_of(source)
    await agent.syncer.sync()
    assert b'"name": ""' in agent.ports.answer(taken)  # no Service has the port
    await agent.close()
    assert [] == source.events


async def test_the_health_port_counts_local_endpoints_and_fails_with_the_node(taken: int) -> None:
    source = FakeSource(ClusterState())
    source.state.put(Kind.SERVICE, service(health_check_node_port=taken, **LOCAL))
    source.state.put(Kind.ENDPOINT_SLICE, part(endpoint(1, "node-1"), endpoint(2, "node-1"), endpoint(3, "node-3")))
    agent = agent_of(source)
    await agent.syncer.sync()

    def answered() -> tuple[bytes, object, object]:
        head, _, body = agent.ports.answer(taken).partition(b"\r\n\r\n")
        document = json.loads(body)
        return head.split(b" ")[1], document["localEndpoints"], document["serviceProxyHealthy"]

    assert (b"200", 2, True) == answered()
    source.state.put(Kind.NODE, Node(name="node-1", taints=(Taint(TO_BE_DELETED),)))
    assert (b"503", 2, False) == answered()
    source.state.remove(Kind.NODE, "node-1")
    assert (b"503", 2, False) == answered()
    await agent.close()


async def test_a_wrong_name_of_the_node_is_logged_once_with_the_option_to_check(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = agent_of(FakeSource(ClusterState()), node_name="Node-1.example.org")
    await agent.syncer.sync()
    await agent.syncer.sync()
    await agent.close()
    assert 1 == caplog.text.count("Node Node-1.example.org: there is no Node of this name: check --node-name")


@pytest.mark.parametrize(
    ("url", "state", "tasks"),
    [
        ("", "equal: no weight service is configured", {"sync", "health-ports"}),
        ("http://127.0.0.1:1", "equal: no-answer", {"sync", "health-ports", "weights"}),
    ],
)
async def test_without_weights_they_are_equal_and_the_reason_is_reported(
    url: str, state: str, tasks: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    agent = agent_of(FakeSource(ClusterState()), url=url)
    assert tasks == agent.work().keys()
    await agent.read_weights()
    assert {} == agent.known_weights()
    assert state == agent.weights_state()
    assert ("; weights are equal" in capsys.readouterr().err) is bool(url)
    await agent.close()


async def test_the_first_sync_does_not_wait_for_a_weight_service_that_is_gone() -> None:
    source = FakeSource(ClusterState())
    source.state.put(Kind.SERVICE, service(labels=LABELS))
    source.state.put(Kind.ENDPOINT_SLICE, part(endpoint(1), endpoint(2)))
    agent = agent_of(source, url="http://127.0.0.1:1")
    running = [asyncio.ensure_future(work()) for work in agent.work().values()]
    await until(lambda: agent.syncer.synced)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await agent.close()
    assert [] != agent.syncer.kernel.chains("default/web")  # type: ignore[attr-defined]
