"""The runner over real TLS connections: rotation, client certificates, and a stop that loses no request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.tls_servers import app, get, tls_in
from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes
from wao_core.serving.server import Server
from wao_predict.errors import UsageError


async def test_serves_a_self_signed_certificate_that_clients_can_verify(tmp_path: Path) -> None:
    async with Server(app(), tls=tls_in(tmp_path)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        response = await get(f"{server.url}/whoami", tmp_path / "tls.crt")
    assert response.json() is None
    assert (tmp_path / "tls.key").stat().st_mode & 0o077 == 0


async def test_plain_http_for_loopback() -> None:
    async with Server(app()) as server, httpx2.AsyncClient(trust_env=False) as session:
        assert (await session.get(f"{server.url}/whoami")).json() is None


async def test_a_stop_fails_readiness_and_finishes_what_runs(tmp_path: Path) -> None:
    release, started = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        started.set()
        await release.wait()
        return Response("done")

    checks = HealthChecks()
    application = Starlette(routes=[Route("/slow", slow), *health_routes(checks)])
    server = Server(application, checks=checks, drain=30.0)
    async with server, httpx2.AsyncClient(trust_env=False) as session:
        running = asyncio.create_task(session.get(f"{server.url}/slow"))
        await started.wait()
        serving = asyncio.create_task(server.serve_until_stopped())
        assert (await session.get(f"{server.url}/readyz")).status_code == 200
        server.stop()
        await until(lambda: is_not_ready(session, server.url))
        assert not serving.done()  # it drains
        serving.cancel()
        release.set()
        assert (await running).text == "done"


async def is_not_ready(session: httpx2.AsyncClient, url: str) -> bool:
    return (await session.get(f"{url}/readyz")).status_code == 500


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():
            await asyncio.sleep(0.005)


async def test_an_occupied_port_is_reported_in_words() -> None:
    async with Server(app()) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(UsageError, match="choose another --port"):
            async with Server(app(), port=port):
                pass
