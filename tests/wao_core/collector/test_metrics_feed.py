"""Sensors' values from the custom metrics API: sample times kept, last values while it is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.cluster.records import Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.metrics_feed import MetricsFeed, MetricsListError, decode_values
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.kube.client import KubeClient
from wao_predict.endpoint import Endpoint

TAKEN = 1_700_000_000.0
STAMP = "2023-11-14T22:13:20Z"


def item(node: str, value: object, stamp: str | None = STAMP, **more: Any) -> dict[str, Any]:
    described = {"kind": "Node", "name": node, "apiVersion": "v1"}
    return {"describedObject": described, "metric": {"name": "m"}, "timestamp": stamp, "value": value, **more}


def body(*items: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "MetricValueList", "items": list(items)}).encode()


def test_a_list_is_read_with_times_and_quantities() -> None:
    found = decode_values(body(item("a", "21500m", windowSeconds=0), item("b", "7")))
    assert (found["a"].value, found["a"].time, found["a"].window) == (21.5, TAKEN, 0)
    assert found["b"].window is None


@pytest.mark.parametrize(
    "bad",
    [
        item("a", "warm"),
        item("a", "1", stamp="yesterday"),
        item("", "1"),
        item("a", None),
        item("a", []),
        item("a", "9e999"),
        {"describedObject": 7},
    ],
)
def test_an_item_that_cannot_be_used_is_left_out(bad: dict[str, Any]) -> None:
    assert set(decode_values(body(bad, item("b", "7")))) == {"b"}


def test_no_items_are_none() -> None:
    assert decode_values(b'{"items":null}') == {}


@pytest.mark.parametrize("wrong", [b"", b"null", b"{}", b"[]", b"<html>", b'{"items":7}', b"\xff", b"[" * 10_000])
def test_another_answer_is_refused(wrong: bytes) -> None:
    with pytest.raises(MetricsListError, match="not a MetricValueList"):
        decode_values(wrong)


class Api:
    """Answers each path with what `answers` says, and counts."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | int] = {}
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        metric = request.path.rpartition("/")[2]
        self.asked.append(request.raw_path)
        answer = self.answers.get(metric, 404)
        if isinstance(answer, int):
            return web.json_response({"kind": "Status", "message": "not now"}, status=answer)
        return web.Response(body=answer, content_type="application/json")


class Bench:
    """A feed on a state with the nodes a and b, which should have both metrics."""

    def __init__(self, client: KubeClient, api: Api) -> None:
        self.api, self.now = api, TAKEN + 5.0
        self.state, self.store = ClusterState(), SampleStore()
        term = SensorTerm(Endpoint("Fake"))
        for name in ("a", "b"):
            self.state.put(Kind.NODE, Node(name=name))
            metrics = {"inlet_temp": term, "delta_p": term}
            self.state.put(Kind.NODE_CONFIG, NodeConfig(name=name, namespace="w", node_name=name, metrics=metrics))
        self.feed = MetricsFeed(client, self.state, self.store, period=10.0, clock=lambda: self.now)

    def sample(self, node: str) -> Sample:
        found = self.store.get(node, "inlet_temp")
        assert found is not None
        return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    api = Api()
    async with client_of(api.handle) as client:
        yield Bench(client, api)


async def test_one_list_fills_all_nodes_with_their_sample_times(bench: Bench) -> None:
    bench.api.answers["inlet_temp"] = body(item("a", "22"), item("b", "23500m"))
    assert await bench.feed.refresh("inlet_temp") == ""
    assert len(bench.api.asked) == 1
    assert bench.api.asked[0].endswith(("/v1beta2/nodes/*/inlet_temp", "/v1beta2/nodes/%2A/inlet_temp"))
    assert (bench.sample("b").value, bench.sample("b").time) == (23.5, TAKEN)
    assert bench.sample("a").fresh(bench.now)


async def test_a_slow_sensor_is_fresh_as_long_as_the_api_lists_it(bench: Bench) -> None:
    bench.now = TAKEN + 1_000
    bench.api.answers["inlet_temp"] = body(item("a", "22"))
    await bench.feed.refresh("inlet_temp")
    assert bench.sample("a").fresh(bench.now + 39)
    assert not bench.sample("a").fresh(bench.now + 41)


async def test_a_node_no_longer_listed_keeps_its_value_and_ages(bench: Bench) -> None:
    bench.api.answers["inlet_temp"] = body(item("a", "22"), item("b", "23"))
    await bench.feed.refresh("inlet_temp")
    bench.api.answers["inlet_temp"] = body(item("a", "22"))
    await bench.feed.refresh("inlet_temp")
    kept = bench.sample("b")
    assert (kept.value, kept.time, kept.state) == (23.0, TAKEN, SampleState.FAILED)
    assert kept.reason == "the metrics API does not list a value"


async def test_a_deleted_node_is_forgotten(bench: Bench) -> None:
    bench.api.answers["inlet_temp"] = body(item("a", "22"), item("b", "23"))
    await bench.feed.refresh("inlet_temp")
    bench.state.remove(Kind.NODE, "b")
    bench.api.answers["inlet_temp"] = body(item("a", "22"))
    await bench.feed.refresh("inlet_temp")
    assert set(bench.store.by_node("inlet_temp")) == {"a"}


@pytest.mark.parametrize("answer", [503, 403, b"<html>"])
async def test_while_the_api_is_away_last_values_stay_with_the_reason(bench: Bench, answer: bytes | int) -> None:
    bench.api.answers["inlet_temp"] = body(item("a", "22"))
    await bench.feed.refresh("inlet_temp")
    bench.api.answers["inlet_temp"] = answer
    problem = await bench.feed.refresh("inlet_temp")
    assert problem
    assert (bench.sample("a").value, bench.sample("a").time, bench.sample("a").reason) == (22.0, TAKEN, problem)
    assert not bench.sample("b").measured
    assert bench.sample("b").reason.startswith("the metrics API has no value") or bench.sample("b").reason == problem


async def test_nothing_changes_when_the_same_is_listed_or_fails_again(bench: Bench) -> None:
    for answer in (body(item("a", "22")), 503):
        bench.api.answers["inlet_temp"] = answer
        await bench.feed.refresh("inlet_temp")
        version = bench.store.version("inlet_temp")
        await bench.feed.refresh("inlet_temp")
        assert bench.store.version("inlet_temp") == version


async def test_it_runs_until_it_is_closed(bench: Bench) -> None:
    bench.api.answers |= {"inlet_temp": body(item("a", "22")), "delta_p": body(item("a", "5"))}
    async with bench.feed as feed:
        async with asyncio.timeout(10):
            while not feed.tried_all:
                await asyncio.sleep(0.01)
        assert feed.health() is None
    assert feed.health() is not None
    pressure = bench.store.get("a", "delta_p")
    assert pressure is not None
    assert pressure.value == 5.0


async def test_what_models_do_not_need_is_listed_only_while_a_node_config_requests_it(bench: Bench) -> None:
    bench.api.answers["power_watts"] = body(item("a", "200"))
    assert await bench.feed.refresh("power_watts") == ""
    assert bench.api.asked == []
    metrics = {"power_watts": SensorTerm(Endpoint("Fake"))}
    bench.state.put(Kind.NODE_CONFIG, NodeConfig(name="a", namespace="w", node_name="a", metrics=metrics))
    assert await bench.feed.refresh("power_watts") == ""
    assert bench.store.by_node("power_watts")["a"].value == 200.0
