"""The identity of a client by its certificate."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.tls_servers import app, get, tls_in
from tests.wao_core.serving.authority import Authority
from wao_core.serving.server import Server


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
