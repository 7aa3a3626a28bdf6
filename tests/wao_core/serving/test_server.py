"""The runner over real TLS connections: rotation, client certificates, and a stop that loses no request."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.wao_core.serving.authority import Authority
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes
from wao_core.serving.server import Server
from wao_core.serving.tls import ServingTls
from wao_predict.errors import UsageError


async def whoami(request: Request) -> Response:
    peer = request.state.tls_peer
    return JSONResponse(None if peer is None else [peer.common_name, *peer.organisations, peer.root])


def app(checks: HealthChecks | None = None) -> Starlette:
    routes = [Route("/whoami", whoami)]
    if checks is not None:
        routes.extend(health_routes(checks))
    return Starlette(routes=routes)


def tls_in(folder: Path, *, clients: bool = False) -> ServingTls:
    return ServingTls(folder / "tls.crt", folder / "tls.key", self_signed_hosts=[], client_certificates=clients)


async def get(url: str, trusted: Path, client: tuple[Path, Path] | None = None) -> httpx2.Response:
    context = ssl.create_default_context(cafile=str(trusted))
    if client is not None:
        context.load_cert_chain(*client)
    async with httpx2.AsyncClient(verify=context, trust_env=False) as session:
        return await session.get(url)


async def test_serves_a_self_signed_certificate_that_clients_can_verify(tmp_path: Path) -> None:
    async with Server(app(), tls=tls_in(tmp_path)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        response = await get(f"{server.url}/whoami", tmp_path / "tls.crt")
    assert response.json() is None
    assert (tmp_path / "tls.key").stat().st_mode & 0o077 == 0


def test_a_good_self_signed_certificate_is_kept_and_a_wrong_one_replaced(tmp_path: Path) -> None:
    certificate, _ = bootstrap_certificate(tmp_path, ["wao.example"])
    first = certificate.read_bytes()
    bootstrap_certificate(tmp_path, ["wao.example"])
    assert certificate.read_bytes() == first
    bootstrap_certificate(tmp_path, ["other.example"])
    assert certificate.read_bytes() != first


async def test_plain_http_for_loopback() -> None:
    async with Server(app()) as server, httpx2.AsyncClient(trust_env=False) as session:
        assert (await session.get(f"{server.url}/whoami")).json() is None


async def test_a_changed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    authority = Authority.new("ca")
    trusted = tmp_path / "ca.pem"
    trusted.write_text(authority.pem)
    tls = ServingTls(*bootstrap_certificate(tmp_path / "tls", []))
    async with Server(app(), tls=tls) as server:
        url = f"{server.url}/whoami".replace("127.0.0.1", "localhost")
        with pytest.raises(httpx2.ConnectError):
            await get(url, trusted)
        issued = authority.issue(tmp_path, "server", usage=ExtendedKeyUsageOID.SERVER_AUTH, hosts=("localhost",))
        for served, replacement in zip((tls.certificate, tls.key), issued, strict=True):
            served.write_bytes(replacement.read_bytes())
        assert tls.refresh()
        assert not tls.refresh()
        assert (await get(url, trusted)).status_code == 200


async def test_a_certificate_without_its_key_keeps_the_old_pair(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    bootstrap_certificate(folder, [])
    tls = ServingTls(folder / "tls.crt", folder / "tls.key")
    trusted = tmp_path / "old.crt"
    trusted.write_bytes(tls.certificate.read_bytes())
    other, _ = Authority.new("other").issue(tmp_path, "other", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    async with Server(app(), tls=tls) as server:
        tls.certificate.write_bytes(other.read_bytes())
        assert not tls.refresh()
        assert (await get(f"{server.url}/whoami", trusted)).status_code == 200


def test_unusable_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no certificate")
    with pytest.raises(UsageError, match="give PEM files that belong together"):
        ServingTls(tmp_path / "a", tmp_path / "a")


async def test_client_certificates_reach_the_application(tmp_path: Path) -> None:
    authority = Authority.new("clients")
    tls = tls_in(tmp_path, clients=True)
    tls.set_client_authorities(authority.pem.encode())
    alice = authority.issue(tmp_path, "alice", groups=("dev", "ops"))
    async with Server(app(), tls=tls) as server:
        url = f"{server.url}/whoami"
        name, *groups, root = (await get(url, tmp_path / "tls.crt", alice)).json()
        assert (name, groups, len(root)) == ("alice", ["dev", "ops"], 64)
        assert (await get(url, tmp_path / "tls.crt")).json() is None


async def test_a_client_with_a_certificate_is_welcome_where_none_is_asked_for(tmp_path: Path) -> None:
    alice = Authority.new("any").issue(tmp_path, "alice")
    async with Server(app(), tls=tls_in(tmp_path)) as server:
        assert (await get(f"{server.url}/whoami", tmp_path / "tls.crt", alice)).json() is None


async def test_strangers_and_server_certificates_are_refused_at_the_handshake(tmp_path: Path) -> None:
    authority = Authority.new("clients")
    tls = tls_in(tmp_path, clients=True)
    tls.set_client_authorities(authority.pem.encode())
    stranger = Authority.new("strangers").issue(tmp_path, "mallory")
    wrong_use = authority.issue(tmp_path, "web", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    async with Server(app(), tls=tls) as server:
        for client in (stranger, wrong_use):
            with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.ConnectError)):
                await get(f"{server.url}/whoami", tmp_path / "tls.crt", client)


async def test_the_file_of_client_authorities_is_read_again_when_it_changes(tmp_path: Path) -> None:
    old, new = Authority.new("old"), Authority.new("new")
    ca = tmp_path / "ca.crt"
    ca.write_text(old.pem)
    tls = ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[], client_ca=ca)
    alice = new.issue(tmp_path, "alice")
    async with Server(app(), tls=tls) as server:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.ConnectError)):
            await get(f"{server.url}/whoami", tmp_path / "tls.crt", alice)
        ca.write_text(old.pem + new.pem)
        assert tls.refresh()
        assert (await get(f"{server.url}/whoami", tmp_path / "tls.crt", alice)).json()[0] == "alice"
        ca.write_text("nonsense")
        assert not tls.refresh()
        assert (await get(f"{server.url}/whoami", tmp_path / "tls.crt", alice)).json()[0] == "alice"


async def test_new_client_authorities_count_for_the_next_connection(tmp_path: Path) -> None:
    old, new = Authority.new("old"), Authority.new("new")
    tls = tls_in(tmp_path, clients=True)
    tls.set_client_authorities(old.pem.encode())
    alice = new.issue(tmp_path, "alice")
    async with Server(app(), tls=tls) as server:
        tls.set_client_authorities((old.pem + new.pem).encode())
        assert (await get(f"{server.url}/whoami", tmp_path / "tls.crt", alice)).json()[0] == "alice"
    with pytest.raises((ssl.SSLError, ValueError)):
        tls.set_client_authorities(b"nonsense")


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


async def test_an_occupied_port_is_told_in_words() -> None:
    async with Server(app()) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(UsageError, match="choose another --port"):
            async with Server(app(), port=port):
                pass
