"""`wao metrics-api` on an API server: a small one that answers just what is asked for."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from tests.wao_core.serving.authority import Authority

G = "/apis/custom.metrics.k8s.io/v1beta2"
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
NODE_CONFIG = {
    "apiVersion": "node.waok8s.github.io/v1beta1",
    "kind": "NodeConfig",
    "metadata": {"name": "n1", "namespace": "wao", "uid": "u1", "resourceVersion": "5", "generation": 2},
    "spec": {
        "nodeName": "n1",
        "metricsCollector": {
            "inletTemp": {"type": "Fake", "endpoint": "", "value": 22.25},
            "deltaP": {"type": "Fake", "endpoint": ""},
        },
        "predictor": {},
    },
}
LISTS = {
    "/api/v1/nodes": [{"metadata": {"name": "n1", "resourceVersion": "3"}, "status": {"capacity": {"cpu": "32"}}}],
    "/apis/node.waok8s.github.io/v1beta1/nodeconfigs": [NODE_CONFIG],
    "/apis/metrics.k8s.io/v1beta1/nodes": [],
}


@dataclass
class ApiServer:
    """Lists, empty watches, reviews, and the statuses that were written to it."""

    proxies: Authority
    url: str = ""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            response = web.StreamResponse()
            await response.prepare(request)
            await self.closing.wait()
            return response
        if request.path in LISTS:
            return web.json_response({"metadata": {"resourceVersion": "9"}, "items": LISTS[request.path]})
        if request.path == CONFIG_MAPS:
            data = {
                "requestheader-client-ca-file": self.proxies.pem,
                "requestheader-allowed-names": '["front-proxy-client"]',
            }
            metadata = {"name": "extension-apiserver-authentication", "resourceVersion": "7"}
            return web.json_response(
                {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": metadata, "data": data}]}
            )
        if request.method == "PATCH" and request.path.endswith("/nodeconfigs/n1/status"):
            self.statuses.append(json.loads(await request.read())["status"])
            return web.json_response({})
        if request.method == "POST":
            return web.json_response({"status": self.review(json.loads(await request.read()))}, status=201)
        return web.json_response({"message": "not here"}, status=404)

    def review(self, body: dict[str, Any]) -> dict[str, object]:
        self.reviews.append(body)
        if body["kind"] == "TokenReview":
            user = {"username": "reader", "groups": ["readers"]}
            return {"authenticated": body["spec"]["token"] == "good", "user": user}
        return {"allowed": body["spec"]["user"] == "reader", "reason": "no rule"}


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    made = ApiServer(Authority.new("front-proxy-ca"))
    runner = web.ServerRunner(web.Server(made.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.closing.set()
    await runner.cleanup()


@asynccontextmanager
async def service(api: ApiServer, folder: Path) -> AsyncIterator[str]:
    kubeconfig = folder / "config"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "ours"}}]
    clusters = [{"name": "c", "cluster": {"server": api.url}}]
    kubeconfig.write_text(
        json.dumps({"contexts": [context], "clusters": clusters, "users": users, "current-context": "c"})
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from wao_predict.cli import main; main()",
        *("metrics-api", "--kubeconfig", str(kubeconfig), "--self-signed-dir", str(folder / "tls")),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("listening on https://"), line
        yield line.removeprefix("listening on ").strip()
    finally:
        if process.returncode is None:
            process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_authenticates_collects_and_reports(api: ApiServer, tmp_path: Path) -> None:
    async with service(api, tmp_path) as url:
        context = ssl.create_default_context(cafile=str(tmp_path / "tls" / "tls.crt"))
        async with httpx2.AsyncClient(base_url=url, verify=context, trust_env=False) as client:
            path = f"{G}/namespaces/default/nodes/n1/inlet_temp"
            assert (await client.get("/readyz")).text == "ok"
            assert (await client.get(path)).status_code == 403
            assert (await client.get(path, headers={"Authorization": "Bearer bad"})).status_code == 401
            answer = await client.get(path, headers={"Authorization": "Bearer good"})
            assert answer.json()["items"][0]["value"] == "22250m"
            spoofed = await client.get(path, headers={"X-Remote-User": "reader"})
            assert spoofed.status_code == 403
        context.load_cert_chain(*api.proxies.issue(tmp_path, "front-proxy-client"))
        async with httpx2.AsyncClient(base_url=url, verify=context, trust_env=False) as aggregator:
            assert (await aggregator.get(path, headers={"X-Remote-User": "reader"})).status_code == 200
        async with asyncio.timeout(10):
            while not any(status["conditions"][0]["status"] == "True" for status in api.statuses):
                await asyncio.sleep(0.02)
    status = api.statuses[-1]
    assert status["observedGeneration"] == 2
    assert {item["name"]: item["value"] for item in status["metrics"]} == {"inlet_temp": "22250m", "delta_p": "7500m"}
    asked = [body["spec"]["resourceAttributes"] for body in api.reviews if body["kind"] == "SubjectAccessReview"]
    assert asked[0] == {
        "namespace": "default",
        "verb": "get",
        "group": "custom.metrics.k8s.io",
        "version": "v1beta2",
        "resource": "nodes",
        "subresource": "inlet_temp",
        "name": "n1",
    }
