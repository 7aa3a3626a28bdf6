"""No server shows a credential: planted ones are searched in everything that servers print, log and serve.

Sensors and models fail in every way here, and the servers that they name echo the credentials that they get.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from tests.waiting import until

PASSWORD, TOKEN, IN_URL, IN_BAD_FILE = (f"planted-{name}-7c1f" for name in ("pw", "token", "url", "file"))
USER = "planted-user-7c1f"
PLANTED = (PASSWORD, TOKEN, IN_URL, IN_BAD_FILE, USER)
G = "/apis/custom.metrics.k8s.io/v1beta2"


@dataclass
class Echo:
    """A model server, sensor API and BMC that echoes credentials, in one wrong way after another."""

    requests: int = 0
    credentials: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        self.requests += 1
        sent = next((line for line in head.splitlines() if line.lower().startswith("authorization:")), "")
        if sent:
            self.credentials.add(base64.b64decode(sent.split()[-1]).decode())
        echoed = json.dumps({"error": f"{PASSWORD} {sent}", "sensor": 5, "outputs": [{"name": f"{PASSWORD}"}]})
        bodies = [
            echoed,
            f"<html>{PASSWORD} {sent}",
            echoed[:-3],
            "",
            "[" * 5000,
            json.dumps({"sensor": [{"sensorid": 1}]}),
        ]
        status = (200, 200, 401, 500, 302, 404)[self.requests % 6]
        body = bodies[self.requests % 5].encode()
        answer = (
            f"HTTP/1.1 {status} No\r\nLocation: http://{USER}:{PASSWORD}@elsewhere/\r\nContent-Length: {len(body)}\r\n"
        )
        writer.write(f"{answer}Connection: close\r\n\r\n".encode() + body)
        writer.close()


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


def forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a credential could be shown."""
    yield secret
    yield quote(secret, safe="").replace("-", "%2D")
    for text in (secret, f"{USER}:{secret}"):
        yield base64.b64encode(text.encode()).decode().rstrip("=")[:-1]


def assert_clean(shown: list[str]) -> None:
    """Fail if a planted credential is in one of the texts, and show where."""
    for text in shown:
        for planted in PLANTED:
            for form in forms(planted):
                at = text.find(form)
                assert at < 0, f"{planted} is shown: {text[max(0, at - 300) : at + 100]}"


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
