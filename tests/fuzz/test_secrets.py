"""No server shows a credential: planted ones are searched in everything that servers print, log and serve.

Sensors and models fail in every way here, and the servers that they name echo the credentials that they get.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.fakes.planted import IN_BAD_FILE, IN_URL, PASSWORD, TOKEN, USER, Echo, assert_clean
from tests.waiting import until

G = "/apis/custom.metrics.k8s.io/v1beta2"


def node_config(name: str, kind: str, url: str) -> dict[str, object]:
    """Return a NodeConfig whose sensors and model are at a URL."""
    term = {"type": kind, "endpoint": url, "basicAuthSecret": {"name": "login"}, "fetchInterval": "1s"}
    query = {"query": "up"} if kind == "Prometheus" else {}
    model = {"type": "V2InferenceProtocol", "endpoint": f"{url}/v2/models/m", "basicAuthSecret": {"name": "login"}}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name, "namespace": "wao"},
        "spec": {
            "nodeName": name,
            "metricsCollector": {
                "inletTemp": {**term, "type": "Redfish" if kind == "DifferentialPressureAPI" else kind, **query},
                "deltaP": {**term, **query},
            },
            "predictor": {"powerConsumption": model},
        },
    }


def write_fleet(folder: Path, port: int) -> None:
    """Write a folder of manifests with credentials in Secrets, URLs and files that cannot be read."""
    login = {"username": USER, "password": PASSWORD}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": "wao"},
        "stringData": login,
    }
    urls = (
        f"http://127.0.0.1:{port}",
        f"http://{USER}:{IN_URL}@127.0.0.1:{port}",
        "http://127.0.0.1:1",
        f"http://x:{IN_URL}@[::1",
    )
    kinds = ("Redfish", "DifferentialPressureAPI", "Prometheus")
    places = [(kind, url) for kind in kinds for url in urls]
    configs = [node_config(f"n{row}", *place) for row, place in enumerate(places)]
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"n{row}"},
            "status": {"capacity": {"cpu": "8"}, "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]},
        }
        for row in range(len(places))
    ]
    folder.mkdir()
    listed = {"apiVersion": "v1", "kind": "List", "items": [secret, *nodes, *configs]}
    (folder / "fleet.json").write_text(json.dumps(listed))
    for row, text in enumerate((f"!{IN_BAD_FILE}", f"!!int {IN_BAD_FILE}", f"*{IN_BAD_FILE}", f"[{IN_BAD_FILE}")):
        (folder / f"bad{row}.yaml").write_text(f"kind: Secret\nstringData:\n  password: {text}\n")
    bad = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}, "data": {"password": f"%{IN_BAD_FILE}"}}
    (folder / "base64.json").write_text(json.dumps(bad))


@asynccontextmanager
async def server(*command: str, folder: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, list[str]]]:
    """Run a command of `wao`; yield a client of it, and the list that gets its output when it has ended."""
    log = folder / f"{command[0]}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from wao_predict.cli import main; main()", *command),
            *("--manifests", str(folder / "fleet"), "--insecure-http", "--port", "0", "--log-level", "debug"),
            env={**os.environ, "WAO_SELF_SIGNED_DIR": str(folder / command[0])},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=2**24,
        )
    printed: list[str] = []
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        assert first.startswith("listening on "), log.read_text()
        async with httpx2.AsyncClient(base_url=first.split()[-1], trust_env=False, timeout=20) as client:
            yield client, printed
        process.send_signal(signal.SIGTERM)
        printed += [first, (await process.stdout.read()).decode(), log.read_text()]
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


READS = (
    *"/livez?verbose /readyz?verbose /healthz /metrics /openapi.json /docs /version /apis /nowhere".split(),
    *("/v1/decisions", "/v1/decisions?pod=default/p", G),
    *(f"{G}/nodes/{path}" for path in ("*/inlet_temp", "*/delta_p", "n0/inlet_temp", "%00/x")),
)
POD = {"metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c"}]}}
POSTS = ("/filter", "/prioritize", "/v1/what-if", "/none/filter")
BODIES = (
    json.dumps({"Pod": POD, "NodeNames": [f"n{row}" for row in range(12)]}),
    json.dumps({"cpu": "1", "count": 2}),
    "[" * 100_000,
    '{"Pod": 5}',
    "\x00",
)


async def everything(client: httpx2.AsyncClient) -> list[str]:
    """Return what a server serves, to readers with the right, a wrong and no token."""
    shown = []
    for token in (f"Bearer {TOKEN}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", ""):
        headers = {"Authorization": token} if token else {}
        for path in READS:
            answer = await client.get(path, headers=headers)
            shown.append(f"{answer.headers} {answer.text}")
        for path in POSTS:
            for body in BODIES:
                answer = await client.post(path, content=body, headers=headers)
                shown.append(f"{answer.headers} {answer.text}")
    return shown


@pytest.mark.parametrize("command", ["metrics-api", "scheduler"])
async def test_no_credential_is_printed_logged_or_served(command: str, tmp_path: Path) -> None:
    echo = Echo()
    listening = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    write_fleet(tmp_path / "fleet", listening.sockets[0].getsockname()[1])
    (tmp_path / "tokens.csv").write_text(f"{TOKEN},{USER},1\n")
    options = ["--token-file", str(tmp_path / "tokens.csv")] if command == "metrics-api" else []
    async with server(command, *options, folder=tmp_path) as (client, printed):
        await until(lambda: echo.requests >= 12 and echo.credentials, 30)
        served = await everything(client)
        await until(lambda: echo.requests >= 16, 30)
        served += await everything(client)
    listening.close()
    assert echo.credentials >= {f"{USER}:{PASSWORD}"}, "the credentials were not used, so the test shows nothing"
    assert any("fleet" in text or "refused" in text for text in printed)
    assert_clean([*served, *printed])
