"""Weights by long poll: from the real weight service, and from one that fails in every way."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from tests import waiting
from tests.fakes.server_thread import listening
from wao_lb.agent.weights_client import WeightsClient, WeightsError, WeightsProblem
from wao_predict.connection import TlsPolicy

FLEET = Path(__file__).parents[3] / "examples" / "fleet"
WEB = ("default/web", 80, "TCP")


until = partial(waiting.until, seconds=20.0)


class Service:
    """A weight service with one Service, which can fail on request."""

    def __init__(self) -> None:
        self.weights = {"10.1.0.1": 1.0, "fd01:0:0::1": 2.0}
        self.version, self.broken, self.asked = 1, "", [""]
        self.changed = asyncio.Event()

    def change(self, weights: dict[str, float]) -> None:
        self.weights, self.version = weights, self.version + 1
        self.changed.set()
        self.changed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.broken == "refuses":
            return web.Response(status=503, text="not now")
        if self.broken.startswith(("<", "{")):
            return web.Response(text=self.broken)
        if request.path == "/v1/weights":
            if request.headers.get("If-None-Match") == f'"{self.version}"':
                try:
                    await asyncio.wait_for(self.changed.wait(), float(request.query["wait"].rstrip("s")))
                except TimeoutError:
                    return web.Response(status=304)
            listed = [{"namespace": "default", "service": "web", "version": str(self.version)}]
            return self.json({"version": str(self.version), "services": listed})
        if request.path != "/v1/weights/default/web":
            return web.Response(status=404)
        endpoints = [{"address": key, "port": 8080, "weight": value} for key, value in self.weights.items()]
        endpoints.append({"address": "10.1.0.9", "port": 8080, "weight": 0.0, "ready": False})
        port = {"name": "http", "port": 80, "protocol": "TCP", "endpoints": endpoints}
        return self.json({"version": str(self.version), "ports": [port]})

    @staticmethod
    def json(body: object) -> web.Response:
        return web.Response(text=json.dumps(body), content_type="application/json")


@asynccontextmanager
async def following(client: WeightsClient) -> AsyncIterator[None]:
    task = asyncio.create_task(client.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def client_of(url: str, *, wanted: tuple[str, ...] = ("default/web",), stale: float = 30.0) -> WeightsClient:
    return WeightsClient(url, TlsPolicy(), lambda: wanted, stale_after=stale)


async def test_a_change_arrives_by_long_poll_and_addresses_in_their_usual_form() -> None:
    service = Service()
    async with listening(service.answer) as url, following(client := client_of(url)):
        await until(client.weights)
        assert {("10.1.0.1", 8080): 1.0, ("fd01::1", 8080): 2.0} == client.weights()[WEB]
        assert client.fallback is None
        service.change({"10.1.0.1": 5.0})
        await until(lambda: {("10.1.0.1", 8080): 5.0} == client.weights().get(WEB))


async def test_only_wanted_services_are_read() -> None:
    service = Service()
    async with listening(service.answer) as url, following(client := client_of(url, wanted=("default/other",))):
        await asyncio.wait_for(client.caught_up.wait(), 10.0)
        assert {} == client.weights()
        assert not [path for path in service.asked if path.endswith("/default/web")]


async def test_weights_lapse_with_a_reason_and_come_back() -> None:
    service = Service()
    async with listening(service.answer) as url, following(client := client_of(url, stale=3.0)):
        await until(client.weights)
        service.broken = "refuses"
        service.change(service.weights)
        await until(lambda: client.problem is WeightsProblem.REFUSED)
        assert client.weights()  # the last ones stay for a while
        await until(lambda: not client.weights())
        assert WeightsProblem.REFUSED is client.fallback
        service.broken = ""
        await until(client.weights)
        assert client.fallback is None


@pytest.mark.parametrize("answer", ["<html>", '{"x":' * 100_000], ids=["HTML", "nested too deeply"])
async def test_an_answer_that_is_none_is_reported(answer: str) -> None:
    service = Service()
    service.broken = answer
    async with listening(service.answer) as url, following(client := client_of(url)):
        await until(lambda: client.fallback is WeightsProblem.MALFORMED)
        assert {} == client.weights()


async def test_without_any_answer_weights_are_equal_and_it_is_reported() -> None:
    async with listening(Service().answer) as url:
        pass
    client = client_of(url)
    with pytest.raises(WeightsError, match="did not answer"):
        await client.once()
    assert {} == client.weights()
    assert WeightsProblem.NO_ANSWER is client.fallback


@contextmanager
def real() -> Iterator[str]:
    """Run `wao lb` on the example fleet and yield its URL."""
    command = [sys.executable, "-m", "wao_predict.cli", "lb", "--manifests", str(FLEET), "--insecure-http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(line.split()[-1] for line in process.stdout if line.startswith("listening on"))
        finally:
            process.terminate()


async def test_the_real_weight_service_is_understood() -> None:
    with real() as url:
        client = client_of(url, wanted=("default/shop",))
        async with following(client):
            # equal until the first power curves are there
            await until(lambda: len(set(client.weights().get(("default/shop", 80, "TCP"), {}).values())) > 1)
            weights = client.weights()["default/shop", 80, "TCP"]
            assert len(weights) > 2
            assert all(weight > 0.0 for weight in weights.values())
            first = next(iter(weights))
            assert first[0].startswith("10.244.")
            assert 8080 == first[1]
