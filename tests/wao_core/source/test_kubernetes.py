"""The API server as a source: Secrets, statuses, repeated lists, and its metrics."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from tests.waiting import until
from tests.wao_core.kube.scripted import ScriptedServer, client_of, serving
from wao_core.cluster.records import Kind
from wao_core.cluster.source import ObjectRef, Secret
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.source.kubernetes import KubernetesSource

LOGIN = "/api/v1/namespaces/wao-system/secrets/bmc-login"


async def other_peoples_login(request: web.Request) -> web.StreamResponse:
    """An API server with one Secret, whose router folds paths as that of Go does."""
    if request.path != LOGIN:
        return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)
    annotations = {"waok8s.github.io/allowed-endpoints": "bmc-1"}
    data = {"password": base64.b64encode(b"secret").decode()}
    return web.json_response({"data": data, "metadata": {"annotations": annotations}})


async def read(client: KubeClient, namespace: str, name: str) -> object:
    return await KubernetesSource(client, []).secret(namespace, name)


async def nonsense(request: web.Request) -> web.StreamResponse:
    return web.Response(
        body={"/html": b"<html>", "/null": b"null", "/deep": b'{"x":' * 100_000}.get(
            request.path[-5:], b'{"data": {"password": "%"}}'
        )
    )


async def test_a_secret_is_read_by_its_name() -> None:
    async with client_of(other_peoples_login) as client:
        assert await read(client, "wao-system", "bmc-login") == Secret(
            {"password": b"secret"}, {"waok8s.github.io/allowed-endpoints": "bmc-1"}
        )
        assert await read(client, "wao-system", "other") is None


@pytest.mark.parametrize("name", ["html", "null", "deep", "other"])
async def test_an_answer_that_is_no_secret_is_an_error_without_its_content(name: str) -> None:
    async with client_of(nonsense) as client:
        with pytest.raises(SourceError, match=f"the API server's answer for Secret ns/{name} is not a Secret"):
            await read(client, "ns", name)


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("tenant", "../../wao-system/secrets/bmc-login"),
        ("tenant/../wao-system", "bmc-login"),
        ("tenant", "%2e%2e/%2e%2e/wao-system/secrets/bmc-login"),
        ("tenant", "x/../../../wao-system/secrets/bmc-login?a=b"),
    ],
)
async def test_a_name_cannot_lead_to_the_secret_of_another_namespace(namespace: str, name: str) -> None:
    async with client_of(other_peoples_login) as client:
        assert await read(client, namespace, name) is None


@pytest.mark.parametrize(
    ("answer", "status", "written"),
    [(200, {"nodes": 3}, True), (404, {}, True), (409, None, False), (500, None, False)],
)
async def test_failures_of_statuses_are_reported_but_not_those_of_deleted_objects(
    answer: int, status: object, written: bool
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "NodeConfigTemplate", "status": {"nodes": 3}}, status=answer)

    about = ObjectRef("NodeConfigTemplate", "t", "w")
    async with client_of(handle) as client:
        source = KubernetesSource(client, [])
        assert await source.status(about) == status
        assert await source.patch_status(about, {"nodes": 3}) is written


async def test_a_status_is_applied_so_that_conditions_of_other_writers_stay() -> None:
    requests = []

    async def handle(request: web.Request) -> web.StreamResponse:
        requests.append((request.path, request.content_type, dict(request.query), await request.json()))
        return web.json_response({})

    async with client_of(handle) as client:
        source = KubernetesSource(client, [], component="wao-metrics-api")
        await source.patch_status(ObjectRef("NodeConfig", "n", "w", "7", "node.waok8s.github.io/v1beta1"), {"nodes": 3})
    path = "/apis/node.waok8s.github.io/v1beta1/namespaces/w/nodeconfigs/n/status"
    body = {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": "n", "namespace": "w", "uid": "7"},
        "status": {"nodes": 3},
    }
    query = {"fieldManager": "wao-metrics-api", "force": "true"}
    assert requests == [(path, "application/apply-patch+yaml", query, body)]


async def test_the_status_of_an_object_that_was_created_again_is_not_read_for_its_predecessor() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "NodeConfig", "metadata": {"uid": "new"}, "status": {"nodes": 3}})

    async with client_of(handle) as client:
        source = KubernetesSource(client, [])
        assert await source.status(ObjectRef("NodeConfig", "n", "w", "old")) is None
        assert await source.status(ObjectRef("NodeConfig", "n", "w", "new")) == {"nodes": 3}


def usage(name: str, cpu: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "timestamp": "2026-01-01T00:00:00Z", "usage": {"cpu": cpu}}


@asynccontextmanager
async def following(script: ScriptedServer, *kinds: Kind) -> AsyncIterator[KubernetesSource]:
    async with serving(script) as client:
        source = KubernetesSource(client, kinds, period=0.01)
        await source.start()
        yield source
        await source.stop()


async def test_metrics_are_listed_again_and_again() -> None:
    script = ScriptedServer([usage("a", "1"), usage("b", "2")])
    async with following(script, Kind.NODE_METRICS) as source:
        assert await source.wait_synced(5)
        assert source.state.node_metrics["b"].cpu_cores == 2.0
        script.items = [usage("a", "3")]
        await until(lambda: source.state.node_metrics.keys() == {"a"})
        assert source.state.node_metrics["a"].cpu_cores == 3.0


async def test_metrics_that_cannot_be_read_keep_their_last_values() -> None:
    script = ScriptedServer([usage("a", "1"), usage("b", "2")])
    async with following(script, Kind.NODE_METRICS) as source:
        assert await source.wait_synced(5)
        script.items = [usage("a", "3"), usage("b", "many")]
        await until(lambda: source.state.node_metrics["a"].cpu_cores == 3.0)
        assert source.state.node_metrics["b"].cpu_cores == 2.0
        assert [(problem.where, problem.reason[:18]) for problem in source.problems()] == [
            ("nodes.metrics.k8s.io", "b cannot be read: ")
        ]
        assert "'many' is not a quantity" in source.unreadable(Kind.NODE_METRICS)["b"]
        assert not source.unreadable(Kind.NODE)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"<html>", b"\xff", b'{"kind":"Status"}'])
async def test_a_metrics_list_of_garbage_keeps_the_last_values_and_is_reported(body: bytes) -> None:
    script = ScriptedServer([usage("a", "1")])
    async with following(script, Kind.NODE_METRICS) as source:
        assert await source.wait_synced(5)
        script.lists = [body] * 3
        await until(lambda: len(source.problems()) == 1)
        assert source.state.node_metrics["a"].cpu_cores == 1.0
        await until(lambda: source.problems() == [], 10)
        assert source.health() is None


async def test_large_collections_are_listed_in_pages_and_small_ones_from_the_watch_cache() -> None:
    large, small = ScriptedServer(), ScriptedServer()
    async with following(large, Kind.POD) as pods, following(small, Kind.SERVICE) as services:
        assert await pods.wait_synced(5)
        assert await services.wait_synced(5)
    assert (large.requests[0], small.requests[0]) == ("list", "list from cache")


async def test_its_collectors_export_every_watch_and_list() -> None:
    async with following(ScriptedServer(), Kind.SERVICE, Kind.NODE_METRICS) as source:
        assert await source.wait_synced(5)
        registry = CollectorRegistry()
        for collector in source.collectors():
            registry.register(collector)
        text = generate_latest(registry).decode()
    assert 'wao_watch_lists_total{resource="services"} 1.0' in text
    assert 'wao_watch_lists_total{resource="nodes.metrics.k8s.io"}' in text
