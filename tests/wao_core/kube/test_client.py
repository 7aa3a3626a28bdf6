"""The client of the API server: who it says it is, and what it says when it cannot."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException

from tests.wao_core.kube.scripted import client_of
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_core.kube.client import KubeClient, KubeError, object_of, status_error


@asynccontextmanager
async def api_server(folder: Path) -> AsyncIterator[int]:
    """An API server over TLS that tells the credentials of a request; its certificate is `folder`/ca.crt."""

    async def whoami(request: web.BaseRequest) -> web.Response:
        return web.json_response(request.headers.get("Authorization"))

    certificate, key = bootstrap_certificate(folder / "server", ["127.0.0.1"])
    (folder / "ca.crt").write_bytes(certificate.read_bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    runner = web.ServerRunner(web.Server(whoami))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_in_a_pod_it_is_the_pods_service_account(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    async with api_server(tmp_path) as port:
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
        client = await KubeClient.connect(account=tmp_path, environment=environment)
        try:
            assert json.loads(await client.get("/")) == "bearer first"
        finally:
            await client.close()


async def test_paths_and_queries_arrive_as_they_are_quoted() -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.json_response({})

    async with client_of(handle) as client:
        await client.get("/api/v1/namespaces/a%2Fb/secrets/%252e%252e", query=[("fieldSelector", "a=b&c"), ("w", "1")])
    assert seen == ["/api/v1/namespaces/a%2Fb/secrets/%252e%252e?fieldSelector=a%3Db%26c&w=1"]


async def test_a_redirect_is_an_error_and_the_token_stays_here() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})

    async with client_of(handle) as client:
        with pytest.raises(KubeError, match="302"):
            await client.get("/api/v1/nodes")


async def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wao_core.kube.client.MAX_BODY", 1 << 20)
    sent = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 16))
            sent += 1 << 16

    async with client_of(handle) as client:
        with pytest.raises(KubeError, match="GET /api/v1/nodes: the answer is larger than 1 MiB"):
            await client.get("/api/v1/nodes")
    assert sent < 32 << 20


async def test_a_kubeconfig_names_the_server_its_authority_and_a_token(tmp_path: Path) -> None:
    async with api_server(tmp_path) as port:
        file = tmp_path / "config"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "s", "user": "u"}}],
                    "clusters": [
                        {
                            "name": "s",
                            "cluster": {
                                "server": f"https://127.0.0.1:{port}",
                                "certificate-authority": str(tmp_path / "ca.crt"),
                            },
                        }
                    ],
                    "users": [{"name": "u", "user": {"token": "mine"}}],
                }
            )
        )
        client = await KubeClient.connect(file)
        try:
            assert json.loads(await client.send("POST", "/", body={"a": 1})) == "Bearer mine"
        finally:
            await client.close()


async def test_a_token_that_cannot_be_read_any_more_is_an_error_of_ours() -> None:
    class Unreadable(Configuration):  # type: ignore[misc]
        async def get_api_key_with_prefix(self, identifier: str, alias: str | None = None) -> str:
            raise ConfigException("Token file exists but empty.")

    client = KubeClient(Unreadable(host="https://127.0.0.1:1"))
    with pytest.raises(KubeError, match="credentials for the API server cannot be read: Token file"):
        await client.get("/")
    await client.close()


@pytest.mark.parametrize(
    ("kubeconfig", "environment", "said"),
    [
        (None, {}, "the service account of this pod cannot be used: Service host/port is not set"),
        (None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "token file does not exist"),
        ("nowhere", {}, "kubeconfig nowhere cannot be used"),
        ("README.md", {}, "kubeconfig README.md cannot be used: mapping values are not allowed here"),
        ("LICENSE", {}, "kubeconfig LICENSE cannot be used"),
    ],
)
async def test_the_error_without_credentials_says_what_to_give(
    tmp_path: Path, kubeconfig: str | None, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(KubeError, match=said) as raised:
        await KubeClient.connect(Path(kubeconfig) if kubeconfig else None, account=tmp_path, environment=environment)
    assert "--kubeconfig" in str(raised.value)


@pytest.mark.parametrize("wait", ["\u00b2", "9" * 400, "-1", "1.5", "Mon, 99 Jan"])
@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b'{"message":"\xff"}', b'{"message":"%b"}' % (b"a" * 100_000)])
def test_any_refusal_is_an_error_of_ours_with_a_short_message(wait: str, body: bytes) -> None:
    error = status_error("GET", "/api", 503, body, {"Retry-After": wait})
    assert (error.status_code, error.retry_after) == (503, None)
    assert len(str(error)) < 3000


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"kind": "Status"}',
        b'{"kind": "Secret", "metadata": "x"}',
        b'{"kind": "Secret", "data": []}',
    ],
)
def test_an_answer_that_is_not_the_object_is_an_error_and_not_an_empty_object(body: bytes) -> None:
    """A Secret that seems to have no data would be issued again."""
    with pytest.raises(KubeError, match="the answer is not a Secret"):
        object_of(body, "Secret", "/api/v1/namespaces/n/secrets/s")


def test_an_object_is_returned_with_its_parts() -> None:
    assert object_of(b'{"kind": "Secret", "metadata": {"name": "s"}, "data": null}', "Secret", "/")["data"] is None
