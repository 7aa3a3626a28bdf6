"""Serving certificates and client authorities that change while the server runs."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.tls_servers import app, get, tls_in
from tests.wao_core.serving.authority import Authority
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import Server
from wao_core.serving.tls import ServingTls, certificate_warning, tls_from_options
from wao_predict.errors import UsageError


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


@pytest.mark.parametrize(
    ("options", "certificate"),
    [
        ({"insecure_http": True}, None),
        ({"self_signed_dir": "own"}, "own/tls.crt"),
        ({"tls_cert_file": "given/tls.crt", "tls_private_key_file": "given/tls.key"}, "given/tls.crt"),
    ],
)
def test_the_options_name_the_certificate(tmp_path: Path, options: dict[str, object], certificate: str | None) -> None:
    bootstrap_certificate(tmp_path / "given", [])
    paths = {name: tmp_path / value if isinstance(value, str) else value for name, value in options.items()}
    tls = tls_from_options(ServerOptions(**paths))  # type: ignore[arg-type]
    assert (None if tls is None else tls.certificate) == (certificate and tmp_path / certificate)


def test_without_a_folder_the_self_signed_certificate_is_for_this_process_only() -> None:
    first, second = (tls_from_options(ServerOptions()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.certificate != second.certificate


def test_a_certificate_that_clients_cannot_know_is_a_warning(tmp_path: Path) -> None:
    assert "until this process ends" in (certificate_warning(ServerOptions()) or "")
    given = ServerOptions(tls_cert_file=tmp_path / "tls.crt", tls_private_key_file=tmp_path / "tls.key")
    for options in (given, ServerOptions(self_signed_dir=tmp_path), ServerOptions(insecure_http=True)):
        assert certificate_warning(options) is None


def test_a_self_signed_certificate_is_for_the_address_that_clients_use(tmp_path: Path) -> None:
    for host, named in (("10.0.0.7", True), ("0.0.0.0", False)):
        tls = tls_from_options(ServerOptions(host=host, self_signed_dir=tmp_path / host))
        assert tls is not None
        loaded = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert (ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)) is named
