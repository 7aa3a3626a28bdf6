"""The weights of Services: which endpoints, which rule, which version, and what is told."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.wao_core.snapshots import snapshot
from tests.wao_scheduler.test_app import Source
from wao_core.records import Endpoint, EndpointPort, EndpointSlice, Kind, Pod, PodMetrics, Service, ServicePort
from wao_core.serving.health import HealthChecks
from wao_core.state import ClusterState
from wao_lb.app import create_app
from wao_lb.damping import Damper
from wao_lb.outputs.haproxy import AgentCheckServer, reply
from wao_lb.service import CPU_PER_REQUEST, PROXY_LABEL, RULE, LbSettings, WeightBook
from wao_lb.weights import Limits


def service(**more: Any) -> Service:
    fields: dict[str, Any] = {
        "name": "web",
        "namespace": "default",
        "uid": "s",
        "cluster_ips": ("10.0.0.1",),
        "ports": (ServicePort(port=80, name="http", target_port=8080),),
    }
    return Service(**(fields | more))


def endpoint(number: int, node: str, **more: Any) -> Endpoint:
    return Endpoint(
        addresses=(f"10.1.0.{number}",), node_name=node, target_kind="Pod", target_name=f"web-{number}", **more
    )


def part(name: str, *endpoints: Endpoint, **more: Any) -> EndpointSlice:
    ports = (EndpointPort(name="http", port=8080),)
    return EndpointSlice(
        **({"name": name, "namespace": "default", "service": "web", "endpoints": endpoints, "ports": ports} | more)
    )


class Cluster:
    """A state with one Service on two nodes, and the book over it."""

    def __init__(self, settings: LbSettings | None = None, **of_service: Any) -> None:
        self.state = ClusterState()
        self.source = Source(self.state)
        self.state.put(Kind.SERVICE, service(**of_service))
        self.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a"), endpoint(2, "b")))
        for number in (1, 2):
            self.state.put(Kind.POD, Pod(name=f"web-{number}", namespace="default", uid=str(number), cpu_limit=4.0))
            used = PodMetrics(name=f"web-{number}", namespace="default", cpu_cores=1.0, timestamp=1.0)
            self.state.put(Kind.POD_METRICS, used)
        self.book = WeightBook(self.source, settings or LbSettings(limits=Limits(floor=0.0)))
        self.look()

    def look(self, slopes: tuple[float, float] = (1.0, 2.0)) -> None:
        self.book.update(snapshot(["a", "b"], slopes=slopes, usage=[1.5, 1.5]))

    def settle(self) -> None:
        for _ in range(40):
            self.look()

    def weights(self) -> dict[str, float]:
        found = self.book.get("default/web")
        assert found is not None
        return {item.address: item.weight for port in found.ports for item in port.endpoints}


def test_traffic_moves_to_the_cheaper_node() -> None:
    cluster = Cluster()
    cluster.settle()
    weights = cluster.weights()
    assert weights["10.1.0.1"] > 90
    assert sum(weights.values()) == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(("text", "rule"), [("proportional", "proportional"), ("lookahead", "lookahead")])
def test_the_rule_is_chosen_by_annotation(text: str, rule: str) -> None:
    found = Cluster(annotations={RULE: text}).book.get("default/web")
    assert found is not None
    assert found.rule == rule


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({CPU_PER_REQUEST: "lots"}, "'lots' is not a quantity"),
        ({CPU_PER_REQUEST: "0"}, "not a positive quantity of CPU"),
        ({CPU_PER_REQUEST: "-1"}, "negative"),
        ({RULE: "cheapest"}, "write proportional or lookahead"),
    ],
)
async def test_a_bad_annotation_is_a_warning_event_and_the_default(annotations: dict[str, str], words: str) -> None:
    cluster = Cluster(annotations=annotations)
    cluster.look()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (event,) = cluster.source.events
    assert event[0].kind == "Service"
    assert event[3]
    assert words in event[2]
    found = cluster.book.get("default/web")
    assert found is not None
    assert found.cpu_per_request_cores == 0.1


def test_all_slices_of_all_ports_and_families_are_merged() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-2", endpoint(2, "b"), endpoint(3, "b")))
    six = Endpoint(addresses=("fd00::1", "fd00::2"), node_name="a")
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-6", six, address_type="IPv6"))
    found = cluster.book.get("default/web")
    assert found is not None
    by_family = {port.family: [item.address for item in port.endpoints] for port in found.ports}
    assert by_family == {"IPv4": ["10.1.0.1", "10.1.0.2", "10.1.0.3"], "IPv6": ["fd00::1"]}


def test_endpoints_that_are_not_ready_get_nothing() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a", ready=False), endpoint(2, "b")))
    assert cluster.weights() == {"10.1.0.1": 0.0, "10.1.0.2": 100.0}


def test_with_none_ready_those_that_still_serve_are_used() -> None:
    cluster = Cluster()
    ending = endpoint(1, "a", ready=False, serving=True, terminating=True)
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", ending, endpoint(2, "b", ready=False)))
    assert cluster.weights() == {"10.1.0.1": 100.0, "10.1.0.2": 0.0}


@pytest.mark.parametrize(
    ("settings", "labels", "chosen"),
    [
        (LbSettings(), {}, True),
        (LbSettings(proxy_name="wao"), {}, False),
        (LbSettings(proxy_name="wao"), {PROXY_LABEL: "wao"}, True),
        (LbSettings(proxy_name="wao"), {PROXY_LABEL: "other"}, False),
    ],
)
def test_services_are_chosen_by_label(settings: LbSettings, labels: dict[str, str], chosen: bool) -> None:
    assert (Cluster(settings, labels=labels).book.get("default/web") is not None) is chosen


def test_a_label_taken_away_and_a_service_deleted_are_followed() -> None:
    cluster = Cluster(LbSettings(proxy_name="wao"), labels={PROXY_LABEL: "wao"})
    assert cluster.book.get("default/web") is not None
    cluster.state.put(Kind.SERVICE, service())
    assert cluster.book.get("default/web") is None
    cluster.state.put(Kind.SERVICE, service(labels={PROXY_LABEL: "wao"}))
    assert cluster.book.get("default/web") is not None
    cluster.state.remove(Kind.SERVICE, "default/web")
    assert cluster.book.get("default/web") is None


def test_the_version_changes_exactly_when_a_weight_does() -> None:
    cluster = Cluster()
    cluster.settle()
    first = cluster.book.get("default/web")
    cluster.look()
    second = cluster.book.get("default/web")
    assert first is second
    cluster.look((2.0, 1.0))
    third = cluster.book.get("default/web")
    assert first is not None
    assert third is not None
    assert third.version != first.version


shares = st.lists(st.floats(0.1, 100), min_size=1, max_size=8)


@given(shares, shares)
def test_damping_moves_towards_the_target_and_keeps_the_sum(before: list[float], after: list[float]) -> None:
    count = min(len(before), len(after))
    first, target = (100 * np.array(values[:count]) / sum(values[:count]) for values in (before, after))
    keys = [str(number) for number in range(count)]
    damper = Damper()
    assert np.allclose(damper.step(keys, first), first)
    moved = damper.step(keys, target)
    assert moved.sum() == pytest.approx(100.0)
    assert np.abs(moved - target).max() <= np.abs(first - target).max() + 1e-6
    for _ in range(60):
        moved = damper.step(keys, target)
    assert np.allclose(moved, target, atol=0.5, rtol=0.025)


def client(cluster: Cluster) -> httpx2.AsyncClient:
    app = create_app(cluster.book, HealthChecks(), CollectorRegistry())
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://lb")


async def test_weights_are_served_with_an_etag() -> None:
    cluster = Cluster()
    async with client(cluster) as http:
        answer = await http.get("/v1/weights/default/web")
        document = answer.json()
        assert answer.headers["etag"] == f'"{document["version"]}"'
        assert document["ports"][0]["endpoints"][0]["nodeName"] == "a"
        again = await http.get("/v1/weights/default/web", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert (await http.get("/v1/weights/default/none")).status_code == 404
        assert (await http.get("/v1/weights/default/web?wait=soon")).status_code == 400
        assert (await http.get("/v1/weights")).json()["services"][0]["endpoints"] == 2


async def test_a_long_poll_ends_when_a_weight_changes() -> None:
    cluster = Cluster()
    cluster.settle()
    current = cluster.book.get("default/web")
    assert current is not None
    async with client(cluster) as http:
        headers = {"If-None-Match": f'"{current.version}"'}
        waiting = asyncio.create_task(http.get("/v1/weights/default/web?wait=30s", headers=headers))
        while "default/web" not in cluster.book._changed:
            await asyncio.sleep(0)
        cluster.look((3.0, 1.0))
        answer = await asyncio.wait_for(waiting, 5)
    assert answer.status_code == 200
    assert answer.json()["version"] != current.version


async def test_a_long_poll_ends_in_time_when_nothing_changes() -> None:
    cluster = Cluster()
    cluster.settle()
    current = cluster.book.get("default/web")
    assert current is not None
    async with client(cluster) as http:
        answer = await http.get("/v1/weights/default/web?wait=10ms", headers={"If-None-Match": f'"{current.version}"'})
    assert answer.status_code == 304


async def test_envoy_gets_assignments_with_whole_weights() -> None:
    cluster = Cluster()
    cluster.settle()
    async with client(cluster) as http:
        body = {"resource_names": ["default/web:http", "default/none:http"], "node": {"id": "e"}}
        first = await http.post("/v3/discovery:endpoints", json=body)
        document = first.json()
        known, unknown = document["resources"]
        assert known["cluster_name"] == "default/web:http"
        weights = [item["load_balancing_weight"] for item in known["endpoints"][0]["lb_endpoints"]]
        assert all(isinstance(weight, int) and weight >= 1 for weight in weights)
        assert unknown["endpoints"] == []
        again = await http.post("/v3/discovery:endpoints", json={**body, "version_info": document["version_info"]})
        assert again.status_code == 304
        assert (await http.post("/v3/discovery:endpoints", content=b"x")).status_code == 400
        assert (await http.post("/v3/discovery:endpoints", json={"type_url": "other"})).status_code == 400


async def test_haproxy_gets_percentages_of_the_best() -> None:
    cluster = Cluster(LbSettings(limits=Limits(floor=20.0)))
    cluster.settle()
    weights = cluster.book.all()
    assert reply("default/web:http 10.1.0.1:8080\n", weights) == b"ready up 100%\n"
    assert reply("default/web:80 10.1.0.2:8080\n", weights).startswith(b"ready up ")
    for line in ("default/web:http 10.9.9.9:8080", "default/none:http 10.1.0.1:8080", "", "garbage"):
        assert reply(line, weights) == b"drain\n"
    async with AgentCheckServer(lambda: weights, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"default/web:http 10.1.0.1:8080\n")
        assert await reader.readline() == b"ready up 100%\n"
        writer.close()


async def test_weights_are_gauges() -> None:
    cluster = Cluster()
    async with client(cluster) as http:
        text = (await http.get("/metrics")).text
    assert 'wao_lb_weight{endpoint="10.1.0.1:8080",namespace="default",service="web"}' in text


def test_the_json_is_what_agents_decode() -> None:
    from wao_lb.documents import ServiceWeights

    found = Cluster().book.get("default/web")
    assert found is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=ServiceWeights) == found
