"""Where the extender verifies kube-scheduler, nobody else may send filter or prioritize."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.fakes.extender import args
from tests.fakes.snapshots import snapshot
from tests.fakes.sources import FakeSource
from wao_core.certificates.authority import issue, new_authority
from wao_core.cluster.state import ClusterState
from wao_core.serving.frame import ServerFrame
from wao_core.serving.server import Server
from wao_core.serving.tls import ServingTls
from wao_scheduler.app import create_app
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The authority's bundle, and the pairs that the controller issues to kube-scheduler and to a server."""
    now = datetime.now(UTC)
    authority = new_authority(now)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    for name, client in (("kube-scheduler", True), ("server", False)):
        pair = issue(authority, [name], now, client=client)
        (tmp_path / f"{name}.crt").write_bytes(pair.certificate)
        (tmp_path / f"{name}.key").write_bytes(pair.key)
    return tmp_path


@asynccontextmanager
async def extender(folder: Path) -> AsyncIterator[str]:
    tls = ServingTls(folder / "tls.crt", folder / "tls.key", self_signed_hosts=[], client_ca=folder / "ca.crt")
    frame, state = ServerFrame("scheduler", tls), ClusterState()
    engine = DecisionEngine(state, parse_settings({}))
    engine.update(snapshot(["a", "b"]))
    async with Server(create_app(engine, FakeSource(state), frame), tls=tls, checks=frame.checks) as server:
        yield server.url


def client(folder: Path, url: str, name: str = "") -> httpx2.AsyncClient:
    context = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    if name:
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return httpx2.AsyncClient(base_url=url, verify=context, trust_env=False)


async def test_kube_scheduler_is_answered(folder: Path) -> None:
    async with extender(folder) as url, client(folder, url, "kube-scheduler") as session:
        for verb in ("filter", "prioritize"):
            assert (await session.post(f"/default/{verb}", json=args("a", "b"))).status_code == 200


@pytest.mark.parametrize("verb", ["filter", "prioritize"])
async def test_a_client_without_a_certificate_is_refused_with_the_remedy(folder: Path, verb: str) -> None:
    async with extender(folder) as url, client(folder, url) as session:
        answer = await session.post(f"/default/{verb}", json=args("a", "b"))
        assert answer.status_code == 401
        assert "set certFile and keyFile" in answer.text
        assert (await session.get("/v1/decisions")).json() == {"decisions": []}


async def test_the_certificate_of_a_server_is_none_of_a_client(folder: Path) -> None:
    async with extender(folder) as url, client(folder, url, "server") as session:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.ConnectError)):
            await session.post("/default/filter", json=args("a", "b"))


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/v1/decisions"])
async def test_health_metrics_and_decisions_need_no_certificate(folder: Path, path: str) -> None:
    async with extender(folder) as url, client(folder, url) as session:
        assert (await session.get(path)).status_code == 200
