"""Every server has the common routes and metrics, as application and as process."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import httpx2
import pytest
import typer

from tests.fakes.servers import APPS
from tests.wao_core.kube.scripted import ScriptedServer, serving
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.tls import ServingTls
from wao_demo.apps import apps

FLEET = Path(__file__).parents[1] / "examples" / "fleet"
COMMON_METRICS = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_start_time_seconds",
    "python_info",
    "python_gc_collections_total",
    "wao_build_info",
    "wao_serving_cert_expiry_timestamp_seconds",
)
PAGE = "ui"
"""The framework of the page has one application in each process, so only its process is tested."""


def test_the_table_has_every_command_that_is_a_server() -> None:
    commands = {entry.name: entry.load() for entry in entry_points(group="wao.commands")}
    options = set(ServerOptions.__annotations__)
    assert set(APPS) | {PAGE} == {
        name
        for name, command in commands.items()
        if any(options <= set(getattr(function, "__annotations__", {})) for function in functions(command))
    }


def functions(command: object) -> list[object]:
    """Return the function of a command, or those of all its sub-commands."""
    return [each.callback for each in command.registered_commands] if isinstance(command, typer.Typer) else [command]


@pytest.mark.parametrize("name", APPS)
async def test_an_application_has_the_common_routes_and_metrics(name: str, tmp_path: Path) -> None:
    frame = ServerFrame(name, ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[]))
    transport = httpx2.ASGITransport(app=APPS[name](frame))
    async with httpx2.AsyncClient(transport=transport, base_url="https://server") as client:
        await assert_common(client, name)
        ready = await client.get("/readyz?verbose&exclude=first-sync")
        assert (200, "[+]background-tasks ok") == (ready.status_code, ready.text.splitlines()[1])


@pytest.mark.parametrize("name", APPS)
async def test_an_application_is_not_alive_while_a_background_task_has_ended(name: str) -> None:
    frame = ServerFrame(name)
    transport = httpx2.ASGITransport(app=APPS[name](frame))
    async with frame.tasks, httpx2.AsyncClient(transport=transport, base_url="https://server") as client:
        assert 200 == (await client.get("/livez")).status_code

        async def ends() -> None:
            return None

        frame.tasks.supervise("something", ends)
        await asyncio.sleep(0)
        assert (await client.get("/livez")).status_code in (500, 503)


async def test_the_processes_have_them_too(tmp_path: Path) -> None:
    """The agent needs rights that tests do not have."""
    async with (
        apps(FLEET, tmp_path) as running,
        serving(ScriptedServer()) as api,
        on_api_server("controller", api.host, tmp_path) as controller,
        on_api_server("rebalance", api.host, tmp_path, "--floor-history", "http://127.0.0.1:9") as rebalance,
        process(PAGE, "--manifests", str(FLEET), folder=tmp_path) as page,
    ):
        urls = {name: (app.url, app.certificate) for name, app in running.items()}
        for name, url in (("controller", controller), ("rebalance", rebalance), (PAGE, page)):
            urls[name] = (url, tmp_path / name / "tls.crt")
        for name, (address, certificate) in urls.items():
            context = ssl.create_default_context(cafile=str(certificate))
            async with httpx2.AsyncClient(base_url=address, verify=context, trust_env=False) as client:
                await assert_common(client, name)
                assert ("floor-history" in (await client.get("/readyz?verbose")).text) == (name == "rebalance")


@asynccontextmanager
async def on_api_server(command: str, api: str, folder: Path, *arguments: str) -> AsyncIterator[str]:
    """Run a command that needs an API server, and yield its URL."""
    kubeconfig = folder / "config"
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    clusters, users = [{"name": "c", "cluster": {"server": api}}], [{"name": "u", "user": {"token": "ours"}}]
    document = {"contexts": contexts, "clusters": clusters, "users": users, "current-context": "c"}
    kubeconfig.write_text(json.dumps(document))
    async with process(command, *arguments, "--no-leader-elect", "--kubeconfig", str(kubeconfig), folder=folder) as url:
        yield url


@asynccontextmanager
async def process(command: str, *arguments: str, folder: Path) -> AsyncIterator[str]:
    """Run a server, and yield its URL."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wao_predict.cli", command, *arguments),
        *("--self-signed-dir", str(folder / command)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert started.stdout is not None
        async with asyncio.timeout(60):
            line = (await started.stdout.readline()).decode()
        assert line.startswith("listening on https://"), line
        yield line.removeprefix("listening on ").strip()
    finally:
        if started.returncode is None:
            started.terminate()
        async with asyncio.timeout(20):
            assert await started.wait() == 0


async def assert_common(client: httpx2.AsyncClient, name: str) -> None:
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {line.partition("{")[0].partition(" ")[0] for line in metrics.text.splitlines()}
    assert [] == [metric for metric in COMMON_METRICS if metric not in names]
    assert f'component="{name}"' in metrics.text
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await client.get(path)).status_code in (200, 500, 503)
    assert (await client.get("/livez?verbose")).status_code == 200


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("metrics-api", ["/version", "/debug/nodes/{name}", "/v1/sensors"]),
        (
            "scheduler",
            [
                "/v1/decisions",
                "/v1/fleet",
                "/v1/nodes",
                "/v1/what-if",
                "/namespaces/{namespace}/estimators/{name}/values/powerconsumption",
            ],
        ),
        ("lb", ["/v1/weights/{namespace}/{service}", "/v1/weights"]),
        ("rebalance", ["/v1/plan", "/v1/evictions"]),
    ],
)
async def test_the_json_apis_are_described(name: str, paths: list[str]) -> None:
    transport = httpx2.ASGITransport(app=APPS[name](ServerFrame(name)))
    async with httpx2.AsyncClient(transport=transport, base_url="https://server") as client:
        answer = await client.get("/openapi.json")
    document = answer.json()
    assert paths == list(document["paths"])
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            assert "schema" in operation["responses"]["200"]["content"]["application/json"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert references <= set(document["components"]["schemas"])
